"""How far events have been told: a place in the journal, in the ends of locks and in the outbox.

As text it is the cursor of the pull feed and of a stream.
"""

from typing import Final, Self

from msgspec import Struct

from bouncegate.policy.records import NO_END

_PARTS: Final = 4
_MOST: Final = (1 << 63) - 1
_LONGEST: Final = 400


class Position(Struct, frozen=True):
    """All before it has been told, and nothing behind it."""

    number: int
    """The last entry of the journal that was told whole."""
    end: int
    """The end of the last locks that were told to have ended."""
    cause: int
    """The entry that made these locks: one end may be that of many."""
    outbox: int
    """The last event of the outbox that was told."""
    inside: str = ""
    """The last address that was told of the entry, or of the locks, that come next."""

    def __str__(self) -> str:
        """The cursor."""
        numbers = (self.number, self.end, self.cause, self.outbox)
        return "-".join([*(f"{number:x}" for number in numbers), self.inside.encode().hex()])

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a cursor; raises ValueError."""
        *parts, inside = text.split("-", _PARTS)
        if len(text) > _LONGEST or len(parts) != _PARTS:
            raise ValueError(f"invalid cursor {text[:_LONGEST]!r}")
        try:
            numbers = [int(part, 16) for part in parts]
            name = bytes.fromhex(inside).decode()
        except ValueError:
            raise ValueError(f"invalid cursor {text!r}") from None
        if not all(0 <= number <= _MOST for number in numbers) or numbers[1] > NO_END:
            raise ValueError(f"invalid cursor {text!r}")
        number, end, cause, outbox = numbers
        return cls(number, end, cause, outbox, name)
