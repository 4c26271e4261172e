"""What follows from an attempt: done, again later, dead, or no more of that endpoint. Pure."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Final, NamedTuple

_MINUTE: Final = 60
_HOUR: Final = 3600
DELAYS: Final = (
    *(5, 5 * _MINUTE, 30 * _MINUTE),
    *(hours * _HOUR for hours in (2, 5, 10, 14, 20, 24)),
)
"""Before the 2nd attempt, the 3rd and so on (Standard Webhooks 1.0.0)."""
JITTER: Final = 0.1
"""By which part a delay is longer at most, so that all do not come back at once."""
LONGEST_ASKED: Final = 24 * _HOUR
"""What `Retry-After` may ask for."""
_TOO_MANY: Final = 429
_UNAVAILABLE: Final = 503
_GONE: Final = 410
_OF_THE_MOMENT: Final = frozenset({408, 425, 429})


class Answer(NamedTuple):
    """What came of a request."""

    status: int
    """Of HTTP; 0: none came."""
    text: str
    """The first of the answer, or why there is none."""
    retry_after: str = ""

    @property
    def is_accepted(self) -> bool:
        """Whether the receiver has it."""
        return 200 <= self.status < 300

    @property
    def is_refused(self) -> bool:
        """Whether the receiver does not want this very request, and may want others."""
        return 400 <= self.status < 500 and self.status not in _OF_THE_MOMENT


class Outcome(Enum):
    """What becomes of the event."""

    DELIVERED = "delivered"
    AGAIN = "again"
    DEAD = "dead"
    DISABLED = "disabled"


class Verdict(NamedTuple):
    """What becomes of it, and when."""

    outcome: Outcome
    due: float = 0


def judge(answer: Answer, tries: int, now: float, chance: float) -> Verdict:
    """What follows from an answer after so many attempts, this one included.

    `chance` is between 0 and 1.
    """
    if answer.is_accepted:
        return Verdict(Outcome.DELIVERED)
    if answer.status == _GONE:
        return Verdict(Outcome.DISABLED)
    if tries > len(DELAYS):
        return Verdict(Outcome.DEAD, now)
    delay = DELAYS[tries - 1] * (1 + JITTER * chance)
    if answer.status in (_TOO_MANY, _UNAVAILABLE):
        delay = max(delay, min(asked(answer.retry_after, now), LONGEST_ASKED))
    return Verdict(Outcome.AGAIN, now + delay)


def asked(retry_after: str, now: float) -> float:
    """The seconds of a `Retry-After` (RFC 9110, 10.2.3): a number, or a date; 0 for neither."""
    text = retry_after.strip()
    if text.isdecimal() and text.isascii():
        return float(text[:9])
    try:
        return max(parsedate_to_datetime(text).timestamp() - now, 0.0)
    except (ValueError, TypeError, OverflowError, IndexError):
        return 0.0
