"""The header field that marks a message for locked recipients, where they get it all the same.

It does not name them: whoever else gets the message must not learn of a blind copy.
"""

from collections.abc import Sequence
from typing import Final

from bouncegate.policy.records import Lock

# RFC 5322, 2.1.1: a line has at most 998 octets; a case has at most 20 digits.
_MOST_CASES: Final = 40


def tag(locks: Sequence[Lock]) -> str:
    """The field's value: how many recipients are locked, their cases, and the reasons."""
    cases = ",".join(str(lock.cause) for lock in locks[:_MOST_CASES])
    return f"recipients={len(locks)}; cases={cases}; reasons={','.join(_reasons(locks))}"


def _reasons(locks: Sequence[Lock]) -> list[str]:
    return sorted({str(lock.reason) for lock in locks[:_MOST_CASES]})[:5]
