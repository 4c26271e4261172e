"""What an import did, in numbers."""

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct, field

from bouncegate.admin.lists.corrections import Fault
from bouncegate.config.text import counted


class ImportCounts(Struct):
    """The rows of a file, by what became of them."""

    read: int = 0
    done: Counter[str] = field(default_factory=Counter)
    """What they did: new, changed and the like, in the order in which it is said."""
    left_out: Counter[str] = field(default_factory=Counter)
    """By why they lock nobody."""
    refused: Counter[str] = field(default_factory=Counter)
    """By what is wrong."""

    def refuse(self, faults: Iterable[Fault]) -> None:
        """Count bad lines by what is wrong with them, without what differs from line to line."""
        self.refused.update(_kind_of(fault.why) for fault in faults)

    def __str__(self) -> str:
        """In one line."""
        parts = [f"{counted(self.read, 'row')} read"]
        parts += [f"{number} {name}" for name, number in self.done.items()]
        for name, by in (("left out", self.left_out), ("refused", self.refused)):
            reasons = ", ".join(f"{why} {number}" for why, number in by.most_common())
            parts.append(f"{by.total()} {name}" + (f" ({reasons})" if reasons else ""))
        return ", ".join(parts)


def _kind_of(why: str) -> str:
    if "--force" in why:
        return "left for --force"
    return why.partition(": ")[0].partition("'")[0].strip() or why
