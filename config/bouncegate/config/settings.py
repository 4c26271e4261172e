"""Every setting with its type and its default: `Settings()` is the configuration of an empty file.

The structure is that of the TOML file: a section a class, a key a field. The sample file
`bouncegate.toml` beside this one documents each key; a test holds the two together.
"""

import os
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from bouncegate.config.durations import Duration
from bouncegate.config.providers import ProviderSettings
from bouncegate.config.replies import HeaderName, ReplyText, ReplyUrl
from bouncegate.config.returndomains import ReturnDomains, SenderDependent, return_domains
from bouncegate.config.taxonomy import Category, Reason
from bouncegate.config.values import (
    AddressPattern,
    DomainName,
    Endpoint,
    EnhancedStatus,
    FileName,
    InetSocket,
    LocalSocket,
    Mailbox,
    NameServer,
    Network,
    OneOrMore,
    Size,
    Terms,
    UnixSocket,
)

DEFAULT_FILE: Final = Path("/etc/bouncegate/bouncegate.toml")

MOST_FAILURES: Final = 1000
"""So many failures in a row are remembered for one address at most."""

Trust = Literal["signed", "matched", "unverified"]
Action = Literal["refuse", "defer", "discard", "tag"]

# RFC 3463, 3.3: a mailbox that takes no messages, which may pass.
_DEFERRED: Final = "4.2.1"
_LEAST_KEPT: Final = 30 * 86_400


class StoreSettings(Struct, frozen=True):
    """`[store]`: where locks, addresses and events are kept."""

    path: Path = Path("/var/lib/bouncegate")
    map_size: Size = Size(64 * 2**30)
    fold_local_part: bool = True
    recipient_delimiter: Annotated[str, Meta(pattern=r"^[!-~]*$", max_length=8)] = ""


class MilterSettings(Struct, frozen=True):
    """`[milter]`: the send path."""

    socket: Endpoint = UnixSocket(Path("/run/bouncegate/milter.sock"))
    mode: Literal["enforce", "observe"] = "enforce"
    workers: Annotated[int, Meta(ge=0, le=64)] = 0
    on_error: Literal["accept", "tempfail"] = "accept"

    @property
    def processes(self) -> int:
        """How many workers to run: as set, or one a core, at most 4."""
        return self.workers or min(os.cpu_count() or 1, 4)


class MapSettings(Struct, frozen=True):
    """`[map]`: the send path as a lookup table of Postfix."""

    socket: Endpoint = UnixSocket(Path("/run/bouncegate/map.sock"))
    return_to_sender: bool = False


class OutboundSettings(Struct, frozen=True):
    """`[outbound]`: which mail is ours to refuse; all other mail always passes."""

    authenticated: bool = True
    networks: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1"))
    daemon_names: tuple[str, ...] = ("ORIGINATING",)
    local_transports: tuple[str, ...] = ("local", "virtual", "lmtp", "error", "discard")


class ExemptSettings(Struct, frozen=True):
    """`[exempt]`: who is never refused, locked or not."""

    senders: tuple[AddressPattern, ...] = ()
    recipients: tuple[AddressPattern, ...] = (
        AddressPattern("postmaster", ""),
        AddressPattern("abuse", ""),
    )


class GroupReply(Struct, frozen=True):
    """`[[reply.groups]]`: other words for what some domains send; empty is as in `[reply]`."""

    sender_domains: tuple[DomainName, ...] = ()
    text: ReplyText = ReplyText("")
    url: ReplyUrl = ReplyUrl("")


class ReplySettings(Struct, frozen=True):
    """`[reply]`: what becomes of a locked recipient, and what the client is told."""

    action: Action = "refuse"
    code: Literal[450, 550, 551, 552, 553, 554] = 550
    status: EnhancedStatus = EnhancedStatus("5.1.1")
    text: ReplyText = ReplyText(
        "Recipient address rejected: locked after a {kind} bounce ({category}, {reason}) {until}"
    )
    url: ReplyUrl = ReplyUrl("")
    tag: HeaderName = HeaderName("X-Bouncegate-Locked")
    groups: tuple[GroupReply, ...] = ()

    @property
    def answer(self) -> tuple[str, str]:
        """Code and enhanced status; "defer" needs a temporary one, whatever stands there."""
        if self.action == "defer" and not str(self.code).startswith("4"):
            return "450", _DEFERRED
        return str(self.code), self.status.code

    def words(self, group: GroupReply | None = None) -> tuple[ReplyText, ReplyUrl]:
        """Text and URL for a group; what it does not set, and None, is as it stands here."""
        if group is None:
            return self.text, self.url
        return (
            group.text if group.text.template else self.text,
            group.url if group.url.template else self.url,
        )

    def group_of(self, sender_domain: str) -> GroupReply | None:
        """The group of a sender's domain (lower case, A-labels), if it is in one."""
        groups = (group for group in self.groups if sender_domain in group.sender_domains)
        return next(groups, None)


class LocalSettings(Struct, frozen=True):
    """`[local]`: mail from sendmail(1), where Postfix's non_smtpd_milters asks us about it."""

    judge: bool = False
    server: InetSocket = InetSocket("127.0.0.1", 25)
    notices_an_hour: Annotated[int, Meta(ge=1, le=1_000_000)] = 200
    notices_waiting: Annotated[int, Meta(ge=1, le=100_000)] = 1000


class ReturnPathSettings(Struct, frozen=True):
    """`[return_path]`: where DSNs come in, and which of them count."""

    socket: Endpoint = UnixSocket(Path("/run/bouncegate/return-path.sock"))
    domain: DomainName = DomainName("")
    sign: Literal["all", "own", "none"] = "all"
    own_domains: tuple[DomainName, ...] = ()
    sender_dependent: tuple[SenderDependent, ...] = ()
    lifetime: Duration = Duration(seconds=8 * 86_400)
    count: tuple[Trust, ...] = ("signed", "matched")
    mailboxes: tuple[AddressPattern, ...] = ()
    postmaster: Mailbox = Mailbox("postmaster")
    max_size: Size = Size(32 * 2**20)
    timeout: Duration = Duration(seconds=300)
    keep_messages: Duration = Duration(seconds=90 * 86_400)
    workers: Annotated[int, Meta(ge=0, le=64)] = 0

    @property
    def signs(self) -> bool:
        """Whether envelope senders are replaced by signed return paths."""
        return self.domains.signs

    @property
    def domains(self) -> ReturnDomains:
        """All return domains, and which of them a sender is signed below."""
        return return_domains(self.domain, self.sign, self.own_domains, self.sender_dependent)

    @property
    def processes(self) -> int:
        """How many workers to run: as set, or one a core, at most 2."""
        return self.workers or min(os.cpu_count() or 1, 2)


Scope = Literal["global", "group"]


class Threshold(Struct, frozen=True):
    """`[policy.hard]`, `[policy.soft]`: what locks where no row says otherwise."""

    failures: Annotated[int, Meta(ge=1, le=MOST_FAILURES)]
    lock: Terms
    window: Duration = Duration()
    scope: Scope = "global"


class Row(Struct, frozen=True):
    """One `[[policy.row]]`: for which bounces it is, and what it says of them.

    What is not named holds for every bounce.
    """

    kind: OneOrMore[Literal["hard", "soft"]] = ()
    category: OneOrMore[Category] = ()
    reason: OneOrMore[Reason] = ()
    provider: OneOrMore[str] = ()
    group: OneOrMore[str] = ()
    sender: OneOrMore[AddressPattern] = ()
    failures: Annotated[int, Meta(ge=0, le=MOST_FAILURES)] = 0
    """In a row; 0 is written by nobody, and means that the file does not say."""
    lock: Terms | None = None
    window: Duration = Duration()
    """How far back a failure counts; no length: as far as the row goes."""
    scope: Scope = "global"


class PolicySettings(Struct, frozen=True):
    """`[policy]`: when a bounce locks an address."""

    hard: Threshold = Threshold(1, Terms(tuple(Duration(months=12 * n) for n in (1, 2, 5))))
    soft: Threshold = Threshold(3, Terms((Duration(months=1),)))
    row: tuple[Row, ...] = ()
    unlock_hard: bool = False
    alive_frees_hard: bool = False
    once_a_day: bool = False
    settling: Duration = Duration(seconds=6 * 86_400)


class SlowOutage(Struct, frozen=True):
    """One `[[guard.slow]]`: how much is too much in a longer window."""

    window: Duration = Duration()
    addresses: Annotated[int, Meta(ge=1, le=10_000_000)] = 1000
    share: Annotated[float, Meta(gt=0, le=1)] = 0.03


_SLOW: Final = (
    SlowOutage(Duration(seconds=2 * 86_400), 500, 0.05),
    SlowOutage(Duration(seconds=7 * 86_400), 1000, 0.03),
)


class GuardSettings(Struct, frozen=True):
    """`[guard]`: when one provider's hard bounces are more likely its fault than its users'."""

    enabled: bool = True
    window: Duration = Duration(seconds=6 * 3600)
    addresses: Annotated[int, Meta(ge=1, le=10_000_000)] = 100
    share: Annotated[float, Meta(gt=0, le=1)] = 0.1
    slow: Annotated[tuple[SlowOutage, ...], Meta(max_length=8)] = _SLOW
    known_after: Duration = Duration(seconds=7 * 86_400)
    domain_addresses: Annotated[int, Meta(ge=1, le=10_000_000)] = 5
    providers: Annotated[int, Meta(ge=1, le=10_000_000)] = 30


class AlarmSettings(Struct, frozen=True):
    """`[alarm]`: what is worth a warning."""

    sender_blame: Annotated[int, Meta(ge=1, le=10_000_000)] = 20
    unverified: Annotated[int, Meta(ge=1, le=10_000_000)] = 100
    incidents: Annotated[int, Meta(ge=0, le=10_000)] = 0
    unanswered_domains: Annotated[int, Meta(ge=1, le=10_000_000)] = 50
    bounce_rate: Annotated[float, Meta(gt=0, le=1)] = 0.05
    hard_share: Annotated[float, Meta(gt=0, le=1)] = 0.02
    complaint_rate: Annotated[float, Meta(gt=0, le=1)] = 0.001
    rates_from: Annotated[int, Meta(ge=1, le=10_000_000)] = 500
    backup: Duration = Duration(seconds=2 * 86_400)


class LedgerSettings(Struct, frozen=True):
    """`[ledger]`: what was sent to whom, so that a bounce can be told from a forged one."""

    enabled: bool = False
    keep: Duration = Duration(seconds=30 * 86_400)
    max_size: Size = Size(4 * 2**30)
    mailing_headers: tuple[str, ...] = ()
    group: Literal["sender-domain", "list-id"] = "sender-domain"


class DnsSettings(Struct, frozen=True):
    """`[dns]`: looking up, in the background, who takes the mail of a domain."""

    enabled: bool = True
    resolvers: tuple[NameServer, ...] = ()
    timeout: Duration = Duration(seconds=5)
    queries_a_second: Annotated[int, Meta(ge=1, le=10_000)] = 20
    at_once: Annotated[int, Meta(ge=1, le=1000)] = 20
    ttl_least: Duration = Duration(seconds=3600)
    ttl_most: Duration = Duration(seconds=86_400)
    ttl_negative: Duration = Duration(seconds=3 * 3600)
    confirm: Duration = Duration(seconds=86_400)
    reference_domains: tuple[DomainName, ...] = (
        DomainName("gmail.com"),
        DomainName("outlook.com"),
        DomainName("yahoo.com"),
        DomainName("icloud.com"),
        DomainName("gmx.net"),
    )
    domains: Annotated[int, Meta(ge=100, le=10_000_000)] = 100_000


class DomainLockSettings(Struct, frozen=True):
    """`[domain_locks]`: when a whole domain is locked because it takes no mail."""

    enabled: bool = True
    addresses: Annotated[int, Meta(ge=1, le=1_000_000)] = 5
    window: Duration = Duration(seconds=30 * 86_400)
    lock: Duration = Duration(months=1)
    recheck: Duration = Duration(seconds=3 * 86_400)


class AliveSettings(Struct, frozen=True):
    """`[alive]`: mail from an address as a sign of life, if a host of ours found it authentic."""

    authserv_ids: tuple[str, ...] = ()
    methods: tuple[Literal["dmarc", "dkim", "spf"], ...] = ("dmarc",)
    received: Annotated[int, Meta(ge=0, le=20)] = 1
    mailbox: Mailbox = Mailbox("alive")
    probe_to: Mailbox = Mailbox("")


class MaillogSettings(Struct, frozen=True):
    """`[maillog]`: Postfix's log as a second source."""

    source: Literal["none", "file", "journal"] = "none"
    file: Path = Path("/var/log/mail.log")
    trust_file: bool = False
    syslog_name: str = "postfix"
    count: tuple[Literal["sent", "bounced", "expired"], ...] = ("sent", "bounced", "expired")
    own_relays: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1"))
    settling: Duration = Duration(seconds=86_400)
    delayed: Duration = Duration(seconds=4 * 3600)
    every: Duration = Duration(seconds=60)


Listed = Literal["report", "refuse"]


class ListsSettings(Struct, frozen=True):
    """`[lists]`: what becomes of addresses that nothing has locked, and that may bounce."""

    predicted: Listed = "report"
    invalid: Listed = "report"
    stale: Listed = "report"
    stale_after: Duration = Duration(months=3)
    keep: Duration = Duration(months=24)


class RetentionSettings(Struct, frozen=True):
    """`[retention]`: how long things are kept that no other section speaks of."""

    events: Duration = Duration(months=24)
    addresses: Duration = Duration(months=60)
    statistics: Duration = Duration(seconds=90 * 86_400)
    audit: Duration = Duration(months=36)
    unproven: Duration = Duration(seconds=7 * 86_400)
    unproven_reports: Annotated[int, Meta(ge=10, le=10_000_000)] = 10_000
    unproven_size: Size = Size(64 * 2**20)


class MetricsSettings(Struct, frozen=True):
    """`[metrics]`: figures for Prometheus."""

    listen: LocalSocket = LocalSocket()
    textfile: FileName = FileName()
    counters: Path = Path("/run/bouncegate/counters")
    sender_domains: bool = False

    @property
    def enabled(self) -> bool:
        """Whether anybody asks for figures; if not, nothing is counted."""
        return self.listen.endpoint is not None or self.textfile.path is not None


class RulesSettings(Struct, frozen=True):
    """`[rules]`: the operator's own classification rules, asked before the shipped ones."""

    folder: Path = Path("/etc/bouncegate/rules.d")


class LogSettings(Struct, frozen=True):
    """`[log]`: where log lines go, and from which severity."""

    to: Literal["stderr", "syslog"] = "stderr"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Settings(Struct, frozen=True):
    """The whole configuration."""

    store: StoreSettings = StoreSettings()
    milter: MilterSettings = MilterSettings()
    map: MapSettings = MapSettings()
    outbound: OutboundSettings = OutboundSettings()
    exempt: ExemptSettings = ExemptSettings()
    reply: ReplySettings = ReplySettings()
    local: LocalSettings = LocalSettings()
    return_path: ReturnPathSettings = ReturnPathSettings()
    policy: PolicySettings = PolicySettings()
    guard: GuardSettings = GuardSettings()
    alarm: AlarmSettings = AlarmSettings()
    ledger: LedgerSettings = LedgerSettings()
    dns: DnsSettings = DnsSettings()
    domain_locks: DomainLockSettings = DomainLockSettings()
    maillog: MaillogSettings = MaillogSettings()
    alive: AliveSettings = AliveSettings()
    lists: ListsSettings = ListsSettings()
    retention: RetentionSettings = RetentionSettings()
    metrics: MetricsSettings = MetricsSettings()
    rules: RulesSettings = RulesSettings()
    log: LogSettings = LogSettings()
    provider: tuple[ProviderSettings, ...] = ()

    @property
    def signs(self) -> bool:
        """Whether envelope senders are replaced by signed return paths."""
        return self.return_path.signs

    @property
    def holds(self) -> bool:
        """Whether the milter accepts locked recipients, to deal with them at the end."""
        return self.local.judge or self.reply.action in ("discard", "tag")

    @property
    def tells_local_senders(self) -> bool:
        """Whether recipients are taken out of mail from sendmail(1) and its sender is told."""
        return self.local.judge and self.reply.action in ("refuse", "defer")

    @property
    def keeps_ledger(self) -> bool:
        """Whether sends are recorded: a signed return path proves little without them."""
        return (self.ledger.enabled or self.signs) and bool(self.ledger.keep.after(0))

    @property
    def log_proves(self) -> bool:
        """Whether lines of Postfix's log are evidence: every local user can write to syslog."""
        is_file = self.maillog.source == "file"
        return not (is_file and self.signs) or self.maillog.trust_file

    @property
    def keeps_events_for(self) -> int:
        """How many seconds an event is kept at least, whatever `[retention]` says.

        A bounce may be told twice within the life of a message, and what is counted within a
        window must be there.
        """
        slow = (span.window for span in self.guard.slow)
        windows = (self.guard.window, *slow, self.domain_locks.window)
        return max(_LEAST_KEPT, *(span.after(0) for span in (self.retention.events, *windows)))

    def notes_of_sending(self) -> Iterator[str]:
        """The same of the send path: what is not alike wherever a message leaves."""
        if self.reply.action == "discard":
            yield (
                '[reply] action = "discard": senders are told that all is well; "map export" writes'
                " no entries, since DISCARD in an access table would drop the message for all"
            )
        if self.reply.action == "tag":
            yield (
                '[reply] action = "tag": locked recipients get their mail; the map cannot add a '
                "header field, so what only it sees passes without"
            )
        if self.tells_local_senders:
            yield (
                '[local] judge: "bouncegate notices" must run, or locked recipients of mail from '
                "sendmail(1) get it all the same once the notices that wait are too many"
            )
        if self.local.judge and self.reply.action == "defer":
            yield (
                '[reply] action = "defer": mail from sendmail(1) cannot wait for one recipient; he '
                "is left out, and the sender is told at once"
            )
        if self.reply.groups:
            yield (
                "[[reply.groups]]: only the milter knows who sends; the map and the access table "
                "use the words of [reply] for all"
            )

    def notes(self) -> Iterator[str]:
        """What is allowed and may not be meant, for who checks a configuration or reads the log."""
        if not self.log_proves:
            yield (
                '[maillog] source = "file": local users can write lines there, so they show what '
                'waits and count for nothing; read the "journal", or set trust_file'
            )
        proof: Trust = "signed" if self.signs else "matched"
        count = self.return_path.count
        if "unverified" in count:
            if self.signs:
                yield (
                    '[return_path] count names "unverified": a DSN without our token counts too, '
                    "so anyone can lock any address"
                )
        elif not self.keeps_ledger:
            cause = "[ledger] keep is 0" if self.signs else "[return_path] domain is not set"
            yield (
                f"no bounce will count: {cause}, so nothing can be proven; mend that, or add "
                '"unverified" to [return_path] count to believe every DSN'
            )
        elif proof not in count:
            senders = "senders are signed" if self.signs else "senders are not signed"
            yield (
                f'no DSN will count: {senders}, so that each is "{proof}" or "unverified": add '
                f'"{proof}" to [return_path] count'
            )
