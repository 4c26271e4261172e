"""Replies that no rule understood, counted by their shape: what rules are still to be written."""

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from bouncegate.admin.report.counting import OTHERS, Scope
from bouncegate.classifier.shape import shape_of
from bouncegate.config.taxonomy import Kind, Reason
from bouncegate.policy.guard import provider_of_event
from bouncegate.policy.records import Event
from bouncegate.store.arrivals import Arrival

# Half a kilobyte each; a server may say anything.
MOST_SHAPES: Final = 20_000
_MOST_PROVIDERS: Final = 100


class Shape(NamedTuple):
    """What makes replies one."""

    text: str
    """Empty: the bounce quotes no reply. `OTHERS`: beyond the limit of shapes."""
    kind: Kind
    phase: str


class UnknownReplies:
    """The bounces with replies of one shape."""

    __slots__ = ("bounces", "last", "providers", "ref")

    def __init__(self) -> None:
        """None yet."""
        self.bounces = 0
        self.last = 0
        """When the latest came."""
        self.ref = 0
        """The number of the latest in the journal."""
        self.providers: set[str] = set()
        """Whose recipients they are; no more than a hundred."""

    def add(self, arrival: Arrival) -> None:
        """Count one."""
        event = arrival.event
        self.bounces += 1
        if event.time >= self.last:
            self.last, self.ref = event.time, arrival.number
        if len(self.providers) < _MOST_PROVIDERS:
            self.providers.add(provider_of_event(event))


def unknown_replies(
    arrivals: Iterable[Arrival], scope: Scope, weak_rules: Collection[str] = ()
) -> list[tuple[Shape, UnknownReplies]]:
    """The shapes of the replies of which the reason is unknown, the most frequent first.

    `weak_rules`: also those that these rules decided, by codes alone.
    """
    found: dict[Shape, UnknownReplies] = {}
    for arrival in arrivals:
        event = arrival.event
        if not scope.counts(arrival) or not _is_unknown(event, weak_rules):
            continue
        names = (event.address, event.final_recipient, event.sender)
        shape = Shape(shape_of(event.diagnostic, names), event.kind, event.phase)
        if shape not in found and len(found) >= MOST_SHAPES:
            shape = Shape(OTHERS, event.kind, "")
        found.setdefault(shape, UnknownReplies()).add(arrival)
    return sorted(found.items(), key=lambda one: (-one[1].bounces, one[0]))


def _is_unknown(event: Event, weak_rules: Collection[str]) -> bool:
    is_failure = event.kind in (Kind.HARD, Kind.SOFT)
    return is_failure and (event.reason is Reason.UNDEFINED or event.rule in weak_rules)
