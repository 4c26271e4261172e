"""What is counted under one name."""

from typing import Final

from bouncegate.config.taxonomy import CATEGORIES, Category, Kind
from bouncegate.policy.records import Event

LABELS: Final = tuple(
    (kind, category) for kind in CATEGORIES for category in Category if category in CATEGORIES[kind]
)
"""Kind and category of all bounces that are failures, in the order in which they are shown."""

_PLACES: Final = {(str(kind), str(category)): n for n, (kind, category) in enumerate(LABELS)}
_HARD: Final = tuple(n for n, (kind, _) in enumerate(LABELS) if kind is Kind.HARD)


class Totals:
    """Bounces that came in a period, and the sends of that period with what became of them."""

    __slots__ = (
        "_failures", "bounces", "complained", "complaints", "held", "sends", "sends_bounced",
        "sends_bounced_hard", "unverified",
    )  # fmt: skip

    def __init__(self) -> None:
        """Nothing yet."""
        self._failures = [0] * len(LABELS)
        self.bounces = 0
        """Bounces that came and count, whether or not each of them stands for an address."""
        self.complaints = 0
        self.held = 0
        """Those that count once their incident is confirmed, if it is."""
        self.unverified = 0
        """Those that prove nothing."""
        self.sends = 0
        """Recipients that were sent a message."""
        self.sends_bounced = 0
        """How many of these sends have bounced, whenever the bounce came."""
        self.sends_bounced_hard = 0
        self.complained = 0
        """How many of these sends were complained of."""

    def add(self, event: Event) -> None:
        """Count a bounce or a complaint by its kind and category."""
        if event.kind is Kind.COMPLAINT:
            self.complaints += 1
        else:
            # What is told from another version's words is counted, if under no category.
            place = _PLACES.get((event.kind, event.category), _PLACES[event.kind, "undefined"])
            self._failures[place] += 1

    def answer(self, event: Event) -> None:
        """Count a send as bounced, or complained of."""
        if event.kind is Kind.COMPLAINT:
            self.complained += 1
        else:
            self.sends_bounced += 1
            self.sends_bounced_hard += event.kind is Kind.HARD

    @property
    def failures(self) -> int:
        """What was counted, hard and soft."""
        return sum(self._failures)

    @property
    def hard(self) -> int:
        """The hard ones of them."""
        return sum(self._failures[n] for n in _HARD)

    @property
    def soft(self) -> int:
        """The soft ones."""
        return self.failures - self.hard

    @property
    def categories(self) -> dict[str, int]:
        """All kinds and categories, as `hard/address`, with their counts."""
        return {f"{k}/{c}": n for (k, c), n in zip(LABELS, self._failures, strict=True)}

    @property
    def is_empty(self) -> bool:
        """Whether nothing came and nothing was sent."""
        return not (self.failures or self.complaints or self.held or self.unverified or self.sends)


def share(part: int, whole: int) -> float | None:
    """A part of a whole, or None where there is nothing to be a part of."""
    return part / whole if whole else None
