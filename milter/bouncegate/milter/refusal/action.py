"""What is done with a recipient whose lock is in force, by `[reply] action`."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from bouncegate.config.settings import ReplyAction
from bouncegate.milter.refusal.decision import Outcome
from bouncegate.policy.records import Lock
from bouncegate.policy.undeliverable import ref_of

# RFC 5322, 2.1.1: a line has at most 998 octets; a number has at most 20 digits.
_MOST_NUMBERS: Final = 40
_MOST_REASONS: Final = 5


class Action(StrEnum):
    """The names are logged, and never change."""

    REJECT = "reject"
    DISCARD = "discard"
    TAG = "tag"

    @classmethod
    def of(cls, setting: ReplyAction) -> "Action":
        """The action that a setting asks for; "defer" rejects by a temporary code."""
        return {"discard": cls.DISCARD, "tag": cls.TAG}.get(setting, cls.REJECT)

    def logged(self, outcome: Outcome) -> str:
        """The action in a log line: `would-reject` where it is only observed."""
        return f"would-{self}" if outcome is Outcome.OBSERVED else str(self)


def tag(locks: Sequence[Lock]) -> str:
    """The value of the header field that marks a message for locked recipients.

    It does not name them: the other recipients must not learn of a blind copy.
    """
    refs = ",".join(ref_of(lock) for lock in locks[:_MOST_NUMBERS])
    reasons = sorted({str(lock.reason.general) for lock in locks[:_MOST_NUMBERS]})[:_MOST_REASONS]
    return f"recipients={len(locks)}; refs={refs}; reasons={','.join(reasons)}"
