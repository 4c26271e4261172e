"""Settings of the send path.

`[milter]`, `[map]`, `[outbound]`, `[exempt]`, `[reply]`, `[local]`.
"""

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from bouncegate.config.endpoints import Endpoint, InetSocket, UnixSocket
from bouncegate.config.replies import HeaderName, ReplyText, ReplyUrl
from bouncegate.config.values import AddressPattern, DomainName, EnhancedStatus, Network

ReplyAction = Literal["refuse", "defer", "discard", "tag"]

# RFC 3463, 3.3: a mailbox that accepts no messages, perhaps for a while.
_DEFERRED: Final = "4.2.1"


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

    action: ReplyAction = "refuse"
    code: Literal[450, 550, 551, 552, 553, 554] = 550
    status: EnhancedStatus = EnhancedStatus("")
    text: ReplyText = ReplyText(
        "Recipient address rejected: locked after {cause} {until}, ref={ref}"
    )
    url: ReplyUrl = ReplyUrl("")
    tag: HeaderName = HeaderName("X-Bouncegate-Locked")
    groups: tuple[GroupReply, ...] = ()

    def answer(self, fitting: str) -> tuple[str, str]:
        """Code and enhanced status; "defer" needs a temporary code, whatever is set.

        `fitting`: the status that fits the lock, where none is set.
        """
        code = str(self.code)
        if self.action == "defer" and not code.startswith("4"):
            return "450", _DEFERRED
        return code, self.status.code or code[0] + fitting[1:]

    def words(self, group: GroupReply | None = None) -> tuple[ReplyText, ReplyUrl]:
        """Text and URL for a group; what it does not set, and None, is as in `[reply]`."""
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
    """`[local]`: the Postfix of this machine."""

    server: InetSocket = InetSocket("127.0.0.1", 25)
