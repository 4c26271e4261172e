"""The totals of one name of a report."""

from typing import Final

from bouncegate.config.taxonomy import CATEGORIES, Category, Kind
from bouncegate.policy.records import Event

LABELS: Final = tuple(
    (kind, category) for kind in CATEGORIES for category in Category if category in CATEGORIES[kind]
)
"""Kind and category of all failures, in display order."""

_PLACES: Final = {(str(kind), str(category)): n for n, (kind, category) in enumerate(LABELS)}
_HARD: Final = tuple(n for n, (kind, _) in enumerate(LABELS) if kind is Kind.HARD)


class Totals:
    """The bounces that came in a period, and the sends of that period with their outcome."""

    __slots__ = (
        "_failures", "bounces", "complained", "complaints", "held", "sends", "sends_bounced",
        "sends_bounced_hard", "unverified",
    )  # fmt: skip

    def __init__(self) -> None:
        self._failures = [0] * len(LABELS)
        self.bounces = 0
        """Bounces that came and count, several for one address too."""
        self.complaints = 0
        self.held = 0
        """Bounces that count if their incident is confirmed."""
        self.unverified = 0
        """Bounces that are not verified."""
        self.sends = 0
        """Recipients of messages that were sent."""
        self.sends_bounced = 0
        """How many of these sends have bounced, at any time."""
        self.sends_bounced_hard = 0
        self.complained = 0
        """How many of these sends have complaints."""

    def add(self, event: Event) -> None:
        """Count a bounce or a complaint by its kind and category."""
        if event.kind is Kind.COMPLAINT:
            self.complaints += 1
        else:
            # An unknown category, of another version, counts as undefined.
            position = _PLACES.get((event.kind, event.category), _PLACES[event.kind, "undefined"])
            self._failures[position] += 1

    def answer(self, event: Event) -> None:
        """Count a send as bounced, or as complained of."""
        if event.kind is Kind.COMPLAINT:
            self.complained += 1
        else:
            self.sends_bounced += 1
            self.sends_bounced_hard += event.kind is Kind.HARD

    @property
    def failures(self) -> int:
        """All failures, hard and soft."""
        return sum(self._failures)

    @property
    def hard(self) -> int:
        """The hard failures."""
        return sum(self._failures[n] for n in _HARD)

    @property
    def soft(self) -> int:
        """The soft failures."""
        return self.failures - self.hard

    @property
    def categories(self) -> dict[str, int]:
        """The counts by kind and category, such as `hard/address`."""
        return {f"{k}/{c}": n for (k, c), n in zip(LABELS, self._failures, strict=True)}

    @property
    def is_empty(self) -> bool:
        """Whether there are no bounces and no sends."""
        return not (self.failures or self.complaints or self.held or self.unverified or self.sends)
