"""Counting what came and what was sent, under several subjects at once, in constant memory."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, Literal

from msgspec import Struct

from bouncegate.admin.report.filters import Filters
from bouncegate.admin.report.groupby import Subject
from bouncegate.admin.report.totals import Totals
from bouncegate.config.settings import Trust
from bouncegate.config.taxonomy import Kind
from bouncegate.policy.records import Event
from bouncegate.store.address import domain_of
from bouncegate.store.arrivals import Arrival
from bouncegate.store.entry import Sent

OTHERS: Final = "(others)"
"""Under which everything is counted that comes under one name too many."""
# Half a kilobyte each. A domain, or the header of a returned message, can have any name.
MOST_NAMES: Final = 100_000

ArrivalStatus = Literal["counts", "held", "unverified", "none"]
"""Whether a bounce is counted; if not, whether it is told that it came."""


class Scope(Struct, frozen=True):
    """What is counted of all that came and was sent."""

    filters: Filters
    trust: Collection[Trust]
    """What a bounce must prove to be counted."""
    sends_since: int | None = None
    """From when on all sends are known; None: they are not."""

    def status(self, arrival: Arrival) -> ArrivalStatus:
        """Whether a bounce is counted, if it is asked for."""
        event = arrival.event
        if arrival.mark == "void" or event.kind is Kind.NONE:
            return "none"
        if event.trust not in self.trust:
            return "unverified"
        return "held" if arrival.mark == "held" else "counts"

    def counts(self, arrival: Arrival) -> bool:
        """Whether a bounce that came within the period is asked for and counted."""
        return (
            self.filters.in_period(arrival.event.time)
            and self.filters.matches(arrival.event)
            and self.status(arrival) == "counts"
        )

    def knows_send_of(self, event: Event) -> bool:
        """Whether the send that a bounce answers is one of those that are counted."""
        if self.sends_since is None or not event.sent:
            return False
        return event.sent >= self.sends_since and self.filters.in_period(event.sent)


class Counting:
    """What is counted by one subject."""

    def __init__(self, subject: Subject, most: int = MOST_NAMES) -> None:
        """Tell at most so many names apart: the first ones that come."""
        self.subject: Final = subject
        self._totals: Final[dict[str, Totals]] = {}
        # Apart, so that names which strangers make up never take the room of others.
        self._unverified: Final[dict[str, int]] = {}
        self._most = most

    def of(self, name: str) -> Totals:
        """The tally of a name, which is there from now on."""
        totals = self._totals.get(name)
        if totals is None:
            name = _or_others(name, self._totals, self._most)
            totals = self._totals.setdefault(name, Totals())
        return totals

    def totals_by_name(self) -> dict[str, Totals]:
        """All names with what was counted under them."""
        for name, number in self._unverified.items():
            self._totals.setdefault(name, Totals()).unverified = number
        return self._totals

    def came(self, event: Event, status: ArrivalStatus) -> None:
        """Take in that a bounce came within the period."""
        name = self.subject.of_bounce(event)
        if status == "unverified":
            name = _or_others(name, self._unverified, self._most)
            self._unverified[name] = self._unverified.get(name, 0) + 1
        elif status == "held":
            self.of(name).held += 1
        else:
            self.of(name).bounces += event.kind is not Kind.COMPLAINT

    def add(self, event: Event) -> None:
        """Count a bounce by its kind and category."""
        self.of(self.subject.of_bounce(event)).add(event)

    def answer(self, event: Event) -> None:
        """Count the send that a bounce answers as bounced."""
        self.of(self.subject.of_bounced_send(event)).answer(event)


def _or_others(name: str, known: Mapping[str, object], most: int) -> str:
    return name if name in known or len(known) < most else OTHERS


def count(arrivals: Iterable[Arrival], scope: Scope, countings: Sequence[Counting]) -> None:
    """Count each bounce."""
    for arrival in arrivals:
        if _came(arrival, scope, countings):
            for counting in countings:
                counting.add(arrival.event)


def count_addresses(
    histories: Iterable[tuple[str, Iterable[Arrival]]], scope: Scope, countings: Sequence[Counting]
) -> None:
    """Count each address once in each of its groups: by its last bounce, and its last complaint.

    How many bounces came is counted beside it, and so is what became of the sends.
    """
    for _, arrivals in histories:
        last: dict[tuple[str, bool], Event] = {}
        for arrival in arrivals:
            if _came(arrival, scope, countings):
                event = arrival.event
                last[event.group, event.kind is Kind.COMPLAINT] = event
        for event in last.values():
            for counting in countings:
                counting.add(event)


def _came(arrival: Arrival, scope: Scope, countings: Sequence[Counting]) -> bool:
    """Take in a bounce; tells whether it is to be counted."""
    event = arrival.event
    status = scope.status(arrival)
    if status == "none" or not scope.filters.matches(event):
        return False
    if status == "counts" and scope.knows_send_of(event):
        for counting in countings:
            counting.answer(event)
    if not scope.filters.in_period(event.time):
        return False
    for counting in countings:
        counting.came(event, status)
    return status == "counts"


def count_sends(
    sends: Iterable[Sent],
    filters: Filters,
    countings: Sequence[Counting],
    provider_of: Callable[[str], str],
) -> None:
    """Count the recipients of each message."""
    whole = [c for c in countings if c.subject.of_sent is not None]
    single = [c for c in countings if c.subject.of_domain is not None]
    for sent in sends:
        if not filters.matches_sent(sent):
            continue
        number = len(sent.recipients)
        if single or filters.picks_recipients:
            domains = Counter(map(domain_of, sent.recipients))
            if filters.picks_recipients:
                picked = {d: n for d, n in domains.items() if filters.picks(d, provider_of)}
                domains = Counter(picked)
                number = domains.total()
            for counting in single:
                assert counting.subject.of_domain is not None
                for domain, some in domains.items():
                    counting.of(counting.subject.of_domain(domain)).sends += some
        if number:
            for counting in whole:
                assert counting.subject.of_sent is not None
                counting.of(counting.subject.of_sent(sent)).sends += number
