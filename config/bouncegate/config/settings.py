"""Every setting with its type and its default: `Settings()` is the configuration of an empty file.

The structure is that of the TOML file: a section a class, a key a field. The classes are declared
by what they are about, and imported from here:

    sendsettings     [milter] [map] [outbound] [exempt] [reply] [local]
    returnsettings   [return_path] [ledger] [maillog] [alive]
    policysettings   [policy] [guard] [domain_locks] [lists]
    basesettings     [store] [dns] [retention] [alarm] [metrics] [rules] [log]
    websettings      [web] [api] [events]
    clustersettings  [cluster]
    providers        [[provider]]

The sample file `bouncegate.toml` beside this one documents each key; a test compares the two.
"""

from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from bouncegate.config.basesettings import (
    AlarmSettings,
    DnsSettings,
    LogSettings,
    MetricsSettings,
    RetentionSettings,
    RulesSettings,
    StoreSettings,
)
from bouncegate.config.clustersettings import ClusterSettings
from bouncegate.config.policysettings import (
    MOST_FAILURES,
    DomainLockSettings,
    GuardSettings,
    Listed,
    ListsSettings,
    PolicySettings,
    Row,
    Scope,
    SlowOutage,
    Threshold,
)
from bouncegate.config.providers import ProviderSettings
from bouncegate.config.returnsettings import (
    AliveSettings,
    LedgerSettings,
    MaillogSettings,
    ReturnPathSettings,
    Trust,
)
from bouncegate.config.sendsettings import (
    ExemptSettings,
    GroupReply,
    LocalSettings,
    MapSettings,
    MilterSettings,
    OutboundSettings,
    ReplyAction,
    ReplySettings,
)
from bouncegate.config.websettings import (
    ApiSettings,
    EndpointSettings,
    EventsSettings,
    ListenSettings,
    RoleSettings,
    WebSettings,
)

__all__ = [
    "DEFAULT_FILE",
    "MOST_FAILURES",
    "AlarmSettings",
    "AliveSettings",
    "ApiSettings",
    "ClusterSettings",
    "DnsSettings",
    "DomainLockSettings",
    "EndpointSettings",
    "EventsSettings",
    "ExemptSettings",
    "GroupReply",
    "GuardSettings",
    "LedgerSettings",
    "Listed",
    "ListenSettings",
    "ListsSettings",
    "LocalSettings",
    "LogSettings",
    "MaillogSettings",
    "MapSettings",
    "MetricsSettings",
    "MilterSettings",
    "OutboundSettings",
    "PolicySettings",
    "ReplyAction",
    "ReplySettings",
    "RetentionSettings",
    "ReturnPathSettings",
    "RoleSettings",
    "Row",
    "RulesSettings",
    "Scope",
    "Settings",
    "SlowOutage",
    "StoreSettings",
    "Threshold",
    "Trust",
    "WebSettings",
]

DEFAULT_FILE: Final = Path("/etc/bouncegate/bouncegate.toml")

_LEAST_KEPT: Final = 30 * 86_400


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
    web: WebSettings = WebSettings()
    api: ApiSettings = ApiSettings()
    events: EventsSettings = EventsSettings()
    cluster: ClusterSettings = ClusterSettings()
    provider: tuple[ProviderSettings, ...] = ()
    removed: tuple[str, ...] = ()
    """Keys of earlier versions that the file still sets, and what to do. Not a key of the file."""

    @property
    def signs(self) -> bool:
        """Whether envelope senders are replaced by signed return paths."""
        return self.return_path.signs

    @property
    def holds(self) -> bool:
        """Whether the milter accepts locked recipients, to deal with them at the end."""
        return self.reply.action in ("discard", "tag")

    @property
    def keeps_ledger(self) -> bool:
        """Whether sends are recorded: a signed return path proves little without them."""
        return (self.ledger.enabled or self.signs) and bool(self.ledger.keep.after(0))

    @property
    def policy_in_force(self) -> PolicySettings:
        """`[policy]`, with locks after complaints for all mail where RCPT TO shows no group."""
        policy = self.policy
        if not self.ledger.group_header:
            return policy
        return replace(policy, complaint=replace(policy.complaint, scope="global"))

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
