"""The totals of one name of a report."""

from typing import Final

from bouncegate.config.taxonomy import CATEGORIES, Category, Kind, ReportedKind
from bouncegate.policy.disposition import reported_kind
from bouncegate.policy.records import Event

_FAILURES: Final = (ReportedKind.HARD, ReportedKind.SOFT, ReportedKind.BLOCKED)
LABELS: Final = tuple(
    (kind, category)
    for kind in _FAILURES
    for category in Category
    if category in CATEGORIES[kind.kind]
)
"""Kind and category of all failures, in display order."""

_PLACES: Final = {(str(kind), str(category)): n for n, (kind, category) in enumerate(LABELS)}


class Totals:
    """The bounces that came in a period, and the sends of that period with their outcome."""

    __slots__ = (
        "_failures",
        "bounces",
        "complained",
        "complaints",
        "held",
        "refused",
        "sends",
        "sends_blocked",
        "sends_bounced",
        "sends_bounced_hard",
        "unverified",
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
        self.refused = 0
        """Refusals by the send path."""
        self.sends = 0
        """Recipients of messages that were sent."""
        self.sends_bounced = 0
        """How many of these sends have bounced, at any time."""
        self.sends_bounced_hard = 0
        self.sends_blocked = 0
        self.complained = 0
        """How many of these sends have complaints."""

    def add(self, event: Event) -> None:
        """Count a bounce or a complaint by its kind and category."""
        if event.kind is Kind.COMPLAINT:
            self.complaints += 1
        else:
            # An unknown category, of another version, counts as undefined.
            kind = reported_kind(event)
            position = _PLACES.get((kind, event.category), _PLACES[kind, "undefined"])
            self._failures[position] += 1

    def answer(self, event: Event) -> None:
        """Count a send as bounced, or as complained of."""
        if event.kind is Kind.COMPLAINT:
            self.complained += 1
        else:
            self.sends_bounced += 1
            kind = reported_kind(event)
            self.sends_bounced_hard += kind is ReportedKind.HARD
            self.sends_blocked += kind is ReportedKind.BLOCKED

    @property
    def failures(self) -> int:
        """All failures, hard, soft and blocked."""
        return sum(self._failures)

    @property
    def hard(self) -> int:
        """The hard failures that do not blame the sender."""
        return self._of(ReportedKind.HARD)

    @property
    def soft(self) -> int:
        """The soft failures."""
        return self._of(ReportedKind.SOFT)

    @property
    def blocked(self) -> int:
        """The hard failures that blame the sender."""
        return self._of(ReportedKind.BLOCKED)

    def _of(self, kind: ReportedKind) -> int:
        return sum(n for n, (of, _) in zip(self._failures, LABELS, strict=True) if of is kind)

    @property
    def categories(self) -> dict[str, int]:
        """The counts by kind and category, such as `hard/address`."""
        return {f"{k}/{c}": n for (k, c), n in zip(LABELS, self._failures, strict=True)}

    @property
    def is_empty(self) -> bool:
        """Whether there are no bounces and no sends."""
        came = self.failures or self.complaints or self.held or self.unverified
        return not (came or self.sends or self.refused)
