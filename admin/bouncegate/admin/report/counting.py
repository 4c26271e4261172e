"""Counting bounces and sends by several subjects at once, in bounded memory."""

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
from bouncegate.store.refusals import Refusal

OTHERS: Final = "(others)"
"""The name for everything beyond the limit of names."""
# Half a kilobyte each. Strangers can make up names of domains and mailings.
MOST_NAMES: Final = 100_000

ArrivalStatus = Literal["counts", "held", "unverified", "none"]
"""Whether a bounce counts; if not, whether it is reported apart."""


class Scope(Struct, frozen=True):
    """Which bounces and sends are counted."""

    filters: Filters
    trust: Collection[Trust]
    """How a bounce must be verified to count."""
    sends_since: int | None = None
    """The time from which all sends are known; None: never."""

    def status(self, arrival: Arrival) -> ArrivalStatus:
        """Whether a bounce counts, apart from the filters."""
        event = arrival.event
        if arrival.mark == "void" or event.kind is Kind.NONE:
            return "none"
        if event.trust not in self.trust:
            return "unverified"
        return "held" if arrival.mark == "held" else "counts"

    def counts(self, arrival: Arrival) -> bool:
        """Whether a bounce is in the period, matches and counts."""
        return (
            self.filters.in_period(arrival.event.time)
            and self.filters.matches(arrival.event)
            and self.status(arrival) == "counts"
        )

    def knows_send_of(self, event: Event) -> bool:
        """Whether the send of a bounce is among those that are counted."""
        if self.sends_since is None or not event.sent:
            return False
        return event.sent >= self.sends_since and self.filters.in_period(event.sent)


class Counting:
    """The totals by one subject."""

    def __init__(self, subject: Subject, most: int = MOST_NAMES) -> None:
        """Count at most `most` names, the first that come."""
        self.subject: Final = subject
        self._totals: Final[dict[str, Totals]] = {}
        # Separate, so that names that strangers make up do not displace others.
        self._unverified: Final[dict[str, int]] = {}
        self._most = most

    def of(self, name: str) -> Totals:
        """The totals of a name, created if new."""
        totals = self._totals.get(name)
        if totals is None:
            name = _or_others(name, self._totals, self._most)
            totals = self._totals.setdefault(name, Totals())
        return totals

    def totals_by_name(self) -> dict[str, Totals]:
        """The totals by name."""
        for name, number in self._unverified.items():
            self._totals.setdefault(name, Totals()).unverified = number
        return self._totals

    def came(self, event: Event, status: ArrivalStatus) -> None:
        """Count that a bounce came in the period."""
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
        """Count the send of a bounce as bounced."""
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

    The number of bounces and the outcome of sends are counted too.
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
    """Record that a bounce came; returns whether it counts."""
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


def count_refusals(
    refusals: Iterable[Refusal],
    filters: Filters,
    countings: Sequence[Counting],
    provider_of: Callable[[str], str],
) -> None:
    """Count what the send path refused."""
    for refusal in refusals:
        if not filters.matches_sent(refusal.prevented):
            continue
        if filters.picks_recipients and not filters.picks(domain_of(refusal.address), provider_of):
            continue
        for counting in countings:
            counting.of(counting.subject.of_refusal(refusal)).refused += refusal.count
