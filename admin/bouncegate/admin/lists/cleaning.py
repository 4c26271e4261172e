"""A subscriber list parted in two: the rows whose address can be mailed, and the others.

Each row is written as it was read, so both parts together are the list.
"""

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final

from msgspec import Struct, field

from bouncegate.admin.lists.check import CheckedAddress, ListCheck, Verdict
from bouncegate.admin.lists.lines import Line
from bouncegate.admin.lists.subscribers import ListRow
from bouncegate.config.reasons import REASONS
from bouncegate.config.taxonomy import Kind

SUSPICIOUS: Final[tuple[Verdict, ...]] = ("typo", "predicted", "stale", "detected")
"""The verdicts of addresses that can be mailed, and are not good either."""
UNREADABLE: Final = "unreadable"
_NAMED: Final = 20

Write = Callable[[str], object]
"""Writes the text of a row."""


class CleaningRules(Struct, frozen=True):
    """Which rows are taken off a list besides those that cannot be mailed, or stay all the same."""

    also: frozenset[str] = frozenset()
    """Verdicts of `SUSPICIOUS`."""
    keep_soft: bool = False
    """Whether addresses with a soft lock stay: it ends by itself."""

    def is_bad(self, checked: CheckedAddress) -> bool:
        """Whether the row of an address is taken off."""
        if checked.mailable:
            return checked.verdict in self.also
        return not (self.keep_soft and checked.verdict == "locked" and _is_soft(checked))


def _is_soft(checked: CheckedAddress) -> bool:
    return checked.reason is not None and REASONS[checked.reason].kind is Kind.SOFT


class CleaningCounts(Struct):
    """What was done to the rows of a list, in numbers."""

    read: int = 0
    good: int = 0
    bad: int = 0
    bad_by: Counter[str] = field(default_factory=Counter)
    """The bad ones by verdict, and by the reason of their lock: `locked/user-unknown`."""
    suspicious: Counter[str] = field(default_factory=Counter)
    """Good rows by verdict, where it is not `good`."""
    unreadable: list[int] = field(default_factory=list)
    """The lines of the first rows that cannot be read."""

    def add(self, row: ListRow, checked: CheckedAddress, *, bad: bool) -> None:
        """Count a row."""
        self.read += 1
        if not bad:
            self.good += 1
            if checked.verdict != "good":
                self.suspicious[checked.verdict] += 1
            return
        self.bad += 1
        if row.address is None:
            self.bad_by[UNREADABLE] += 1
            if len(self.unreadable) < _NAMED:
                self.unreadable.append(row.line)
        else:
            self.bad_by["/".join(filter(None, (checked.verdict, checked.reason)))] += 1


def clean(
    rows: Iterable[ListRow], check: ListCheck, rules: CleaningRules, good: Write, bad: Write
) -> CleaningCounts:
    """Part a list in two; blank lines and comments stay with the good rows. Raises StoreError."""
    counts = CleaningCounts()
    waiting: deque[ListRow] = deque()  # no more than the check reads ahead

    def lines() -> Iterator[Line]:
        for row in rows:
            waiting.append(row)
            if not row.is_blank:
                yield Line(row.line, row.text.strip() if row.address is None else row.address)

    def pass_blanks() -> None:
        while waiting and waiting[0].is_blank:
            good(waiting.popleft().text)

    for checked in check.check(lines()):
        pass_blanks()
        row = waiting.popleft()
        is_bad = row.address is None or rules.is_bad(checked)
        counts.add(row, checked, bad=is_bad)
        (bad if is_bad else good)(row.text)
    pass_blanks()
    return counts


def chosen(verdicts: Collection[str]) -> frozenset[str]:
    """The verdicts that are to be taken off too; raises ValueError."""
    if unknown := sorted(set(verdicts) - set(SUSPICIOUS)):
        raise ValueError(f"invalid verdict {unknown[0]!r}: use one of: {', '.join(SUSPICIOUS)}")
    return frozenset(verdicts)
