"""The mail to whoever asked for many unlocks: what was done and why, which locks, whose."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bouncegate.config.text import counted


class UnlockMail(NamedTuple):
    """What it tells."""

    by: str
    why: str
    number: int
    """Addresses that were unlocked."""
    names: Sequence[str]
    """The first of them."""
    kinds: Counter[str]
    """Locks by kind and reason."""
    left: int = 0
    """Addresses that were left locked."""
    reasons_left: str = ""

    @property
    def subject(self) -> str:
        """The subject."""
        return f"Bouncegate: {self._done}"

    @property
    def text(self) -> str:
        """The body."""
        left = f"{counted(self.left, 'address')} left locked: {self.reasons_left}"
        return "\n".join([*self._lines(), *(["", left] if self.left else [])])

    @property
    def _done(self) -> str:
        return f"{counted(self.number, 'address')} unlocked"

    def _lines(self) -> Iterator[str]:
        yield f"{self._done}, as {self.by} asked."
        if self.why:
            yield f"Reason: {self.why}"
        yield ""
        yield from (
            f"{counted(number, 'lock')} selected: {kind}"
            for kind, number in self.kinds.most_common()
        )
        yield ""
        yield from self.names
        if self.number > len(self.names):
            yield f"... and {self.number - len(self.names)} more"
