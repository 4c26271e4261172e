"""Which locks must not be lifted by a plain unlock: mail to their addresses costs reputation.

An operator's own lock is not among them, but one may lie over such a lock: there is one lock for
each kind of mail, and the later one takes the place of the other.
"""

from typing import Literal

from bouncegate.config.taxonomy import Kind, Reason
from bouncegate.policy.records import Act, JournalEntry, Lock, Origin

Protection = Literal["", "hard", "complaint"]
"""`complaint`: the recipient wants no mail, so nothing but force lifts the lock. `hard`: the
mailbox takes none, so force lifts it, or `[policy] unlock_hard`. Empty: anybody may lift it."""


Right = Literal["soft", "hard", "manual", "complaint"]
"""What somebody must be allowed to lift a lock: those of bounces by their kind, those made by hand
or imported, and those after which the recipient wants no mail."""


def right_for(lock: Lock) -> Right:
    """Which right a lock needs to be lifted."""
    protected = protection(lock)
    if protected:
        return protected
    return "soft" if lock.origin is Origin.AUTOMATIC and not _is_by_hand(lock) else "manual"


def protection(lock: Lock) -> Protection:
    """How a lock is protected."""
    if lock.reason.general is Reason.COMPLAINT:
        return "complaint"
    if lock.kind is Kind.HARD and not _is_by_hand(lock):
        return "hard"
    return ""


def needs_force(lock: Lock, *, unlock_hard: bool) -> bool:
    """Whether `unlock` must be forced to lift a lock; `unlock_hard` is the setting."""
    protected = protection(lock)
    return protected == "complaint" or (protected == "hard" and not unlock_hard)


def may_cover(lock: Lock) -> bool:
    """Whether a lock may lie over a protected one: only what is made by hand can."""
    return _is_by_hand(lock)


def covers(entry: JournalEntry) -> bool:
    """Whether an entry has made such a lock."""
    return isinstance(entry, Act) and entry.verb == "lock" and _is_by_hand(entry)


def _is_by_hand(lock: Lock | Act) -> bool:
    by_hand = lock.origin is Origin.MANUAL or lock.reason is Reason.OPERATOR
    return by_hand and lock.reason.general is not Reason.COMPLAINT
