"""Settings of what comes back, and what it is checked against.

`[return_path]`, `[ledger]`, `[maillog]`, `[alive]`.
"""

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from bouncegate.config.durations import Duration
from bouncegate.config.endpoints import Endpoint, UnixSocket
from bouncegate.config.returndomains import ReturnDomains, SenderDependent, return_domains
from bouncegate.config.values import AddressPattern, DomainName, GroupBy, Mailbox, Network, Size

Trust = Literal["signed", "matched", "unverified"]


class ReturnPathSettings(Struct, frozen=True):
    """`[return_path]`: where DSNs come in, and which of them count."""

    socket: Endpoint = UnixSocket(Path("/run/bouncegate/return-path.sock"))
    domain: DomainName = DomainName("")
    sign: Literal["all", "own", "none"] = "all"
    own_domains: tuple[DomainName, ...] = ()
    sender_dependent: tuple[SenderDependent, ...] = ()
    lifetime: Duration = Duration(seconds=8 * 86_400)
    complaint_lifetime: Duration = Duration(seconds=90 * 86_400)
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
    def longest_lifetime(self) -> int:
        """How long, in seconds, a token proves anything, and so how long its key is needed."""
        return max(self.lifetime.after(0), self.complaint_lifetime.after(0))

    @property
    def domains(self) -> ReturnDomains:
        """All return domains, and which of them a sender is signed below."""
        return return_domains(self.domain, self.sign, self.own_domains, self.sender_dependent)

    @property
    def processes(self) -> int:
        """How many workers to run: as set, or one a core, at most 2."""
        return self.workers or min(os.cpu_count() or 1, 2)


class LedgerSettings(Struct, frozen=True):
    """`[ledger]`: what was sent to whom, so that a bounce can be told from a forged one."""

    enabled: bool = False
    keep: Duration = Duration(seconds=30 * 86_400)
    max_size: Size = Size(4 * 2**30)
    mailing_headers: tuple[str, ...] = ()
    group: GroupBy = GroupBy("sender-domain")

    @property
    def group_header(self) -> str:
        """The header field that names the group; empty if RCPT TO shows it."""
        known = {"sender-domain": "", "login": "", "list-id": "List-Id"}
        return known.get(self.group, self.group.removeprefix("header:"))


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


class AliveSettings(Struct, frozen=True):
    """`[alive]`: mail from an address as a sign of life, if a host of ours found it authentic."""

    authserv_ids: tuple[str, ...] = ()
    methods: tuple[Literal["dmarc", "dkim", "spf"], ...] = ("dmarc",)
    received: Annotated[int, Meta(ge=0, le=20)] = 1
    mailbox: Mailbox = Mailbox("alive")
    probe_to: Mailbox = Mailbox("")
