"""How many distinct addresses bounced within a span of time, of those that speak for a provider.

The moments are those of the bounces themselves. So news that comes late is counted where it
belongs, and one bounce with a wrong date neither fills nor empties a span that it does not lie in.

A domain of which only its MX says who runs it may be anybody's: it contributes no more than a few
addresses, and all such domains together no more than the domains that the provider runs by name.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Final, NamedTuple

BY_NAME: Final = b""
_MOMENT: Final = attrgetter("time")


class Counted(NamedTuple):
    """One bounce of a series, as far as it is counted."""

    time: int
    subject: bytes
    """A digest of the address, or of whatever else is counted once."""
    domain: bytes = BY_NAME
    """A digest of the domain, if only its MX identifies the provider; else `BY_NAME`."""
    sure: bool = False
    """Whether the address is known for sure to have been delivered to before."""


class Cap(NamedTuple):
    """What domains that are told by their MX may contribute."""

    domain: int
    """So many addresses each."""
    balanced: bool
    """Together no more than the domains by name, but that of one domain always."""


class Peak(NamedTuple):
    """The most distinct subjects in any span of one length."""

    near: int
    """Of those that a moment lies in."""
    most: int
    """Of all."""
    when: int
    """The last moment of that one."""


def peak(bounces: Iterable[Counted], seconds: int, cap: Cap, moment: int) -> Peak:
    """The spans of so many seconds in which most bounced, near a moment and at any time."""
    ordered: Sequence[Counted] = sorted(bounces, key=_MOMENT)
    count = _Count(cap)
    near = most = when = start = 0
    for bounce in ordered:
        while ordered[start].time <= bounce.time - seconds:
            count.remove(ordered[start])
            start += 1
        count.add(bounce)
        total = count.total
        if total > most:
            most, when = total, bounce.time
        if 0 <= bounce.time - moment < seconds:
            near = max(near, total)
    return Peak(near, most, when)


class _Count:
    """The bounces of one span, while it slides."""

    def __init__(self, cap: Cap) -> None:
        self._cap = cap
        self._times: Counter[tuple[bytes, bytes]] = Counter()
        self._of_domain: Counter[bytes] = Counter()
        self._by_name = 0
        self._told = 0

    def add(self, bounce: Counted) -> None:
        key = bounce.domain, bounce.subject
        self._times[key] += 1
        if self._times[key] == 1:
            self._change(bounce.domain, 1)

    def remove(self, bounce: Counted) -> None:
        key = bounce.domain, bounce.subject
        self._times[key] -= 1
        if not self._times[key]:
            del self._times[key]
            self._change(bounce.domain, -1)

    @property
    def total(self) -> int:
        if not self._cap.balanced:
            return self._by_name + self._told
        return self._by_name + min(self._told, max(self._by_name, self._cap.domain))

    def _change(self, domain: bytes, by: int) -> None:
        if domain == BY_NAME:
            self._by_name += by
            return
        before = min(self._of_domain[domain], self._cap.domain)
        self._of_domain[domain] += by
        self._told += min(self._of_domain[domain], self._cap.domain) - before
