"""The subjects of reports: the name of a bounce, and that of its send.

A bounce and its send have the same name, with two exceptions. The provider of a bounce is the one
known when it came; sends, and the share that bounced, have the one known now. And the day of a
bounce is that of its arrival, the day of its send that of sending.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from bouncegate.policy.alarm import sender_named, sender_of
from bouncegate.policy.guard import provider_of_event
from bouncegate.policy.records import Event
from bouncegate.store.address import domain_of
from bouncegate.store.entry import Sent
from bouncegate.store.lastmailed import DAY
from bouncegate.store.refusals import Refusal

ALL: Final = ""
"""The only name of the subject `all`."""


class Subject(NamedTuple):
    """What bounces and sends are grouped by."""

    name: str
    of_bounce: Callable[[Event], str]
    of_bounced_send: Callable[[Event], str]
    """The name of the send of a bounce."""
    of_sent: Callable[[Sent], str] | None = None
    """The name of the sends of one message; None if each recipient has its own."""
    of_domain: Callable[[str], str] | None = None
    """The name of a send to a recipient of a domain."""

    def of_refusal(self, refusal: Refusal) -> str:
        """The name of a refusal: that of the send that it prevented, or the reason of its lock."""
        if self.of_sent is not None:
            return self.of_sent(refusal.prevented)
        if self.of_domain is not None:
            return self.of_domain(domain_of(refusal.address))
        return refusal.known_reason


def _domain_of_bounce(event: Event) -> str:
    return domain_of(event.address)


def _nothing(_: object) -> str:
    return ALL


def subjects(provider_of: Callable[[str], str]) -> Mapping[str, Subject]:
    """All subjects by name; `provider_of` is the current provider of a domain."""
    known = (
        Subject("all", _nothing, _nothing, _nothing),
        Subject("mailing", lambda e: e.mailing, lambda e: e.mailing, lambda sent: sent.mailing),
        Subject("group", lambda e: e.group, lambda e: e.group, lambda sent: sent.group),
        Subject("sender", sender_of, sender_of, lambda sent: sender_named(sent.sender, sent.group)),
        Subject("domain", _domain_of_bounce, _domain_of_bounce, of_domain=lambda domain: domain),
        Subject(
            "provider",
            provider_of_event,
            lambda event: provider_of(domain_of(event.address)),
            of_domain=provider_of,
        ),
        # Sends have no reason: each reason has a share of all sends.
        Subject("reason", lambda event: event.reason, lambda event: event.reason),
        Subject(
            "day",
            lambda event: day_of(event.time),
            lambda event: day_of(event.sent),
            lambda sent: day_of(sent.time),
        ),
    )
    return {subject.name: subject for subject in known}


def day_of(time: int) -> str:
    """The day of a time, counted from 1970, in five digits that sort by day."""
    return f"{time // DAY:05d}"
