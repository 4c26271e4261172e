"""Which addresses bounced: each bounce of a mailing, or each address of a group once."""

from collections.abc import Iterable, Iterator

from bouncegate.admin.report.counting import Scope
from bouncegate.config.taxonomy import Kind
from bouncegate.policy.records import Event
from bouncegate.store.arrivals import Arrival


class GroupHistory:
    """One address in one group."""

    __slots__ = ("bounces", "complaints", "first", "last")

    def __init__(self, first: Event) -> None:
        """Start with the first bounce or complaint."""
        self.first = first
        self.last = first
        """The last bounce, or the last complaint if there is no bounce."""
        self.bounces = 0
        self.complaints = 0

    def add(self, event: Event) -> None:
        """Add a bounce or a complaint, in order of arrival."""
        is_complaint = event.kind is Kind.COMPLAINT
        self.complaints += is_complaint
        self.bounces += not is_complaint
        if not is_complaint or not self.bounces:
            self.last = event


def bounces(arrivals: Iterable[Arrival], scope: Scope) -> Iterator[Arrival]:
    """The bounces that match and count, in order of arrival."""
    return (arrival for arrival in arrivals if scope.counts(arrival))


def in_groups(
    histories: Iterable[tuple[str, Iterable[Arrival]]], scope: Scope
) -> Iterator[tuple[str, str, GroupHistory]]:
    """Address, group and history, by address and then by group."""
    for address, arrivals in histories:
        groups: dict[str, GroupHistory] = {}
        for arrival in arrivals:
            if scope.counts(arrival):
                event = arrival.event
                groups.setdefault(event.group, GroupHistory(event)).add(event)
        for group in sorted(groups):
            yield address, group, groups[group]
