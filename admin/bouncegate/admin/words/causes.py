"""Why a lock is in force and what would free the address: keys and values, for either language."""

from typing import Final

from bouncegate.admin.words.language import Said
from bouncegate.config.settings import PolicySettings
from bouncegate.config.taxonomy import BY_LIST, BY_NAME, Reason
from bouncegate.policy.addressstate import ALL_MAIL
from bouncegate.policy.deaddomain import CHECKER
from bouncegate.policy.records import Act, Entry, Lock, Origin
from bouncegate.policy.timeline import what_would_free

_NAMING: Final = frozenset({"list", "domain", "imported", "bounce"})
"""Those that name the reason."""


def cause_of(lock: Lock, cause: Entry | None = None) -> Said:
    """Why an address is locked; `cause` is the entry that made the lock, where it is at hand."""
    why = _by_reason(lock.reason) or _by_maker(lock, cause)
    return Said(f"cause.{why}", {"reason": lock.reason} if why in _NAMING else {})


def _by_reason(reason: Reason) -> str:
    """What says enough alone, whoever made the lock."""
    if reason is Reason.UNSUBSCRIBED:
        return "unsubscribed"
    if reason.general is Reason.COMPLAINT:
        return "complaint"
    return "list" if reason in BY_LIST else ""


def _by_maker(lock: Lock, cause: Entry | None) -> str:
    if isinstance(cause, Act) and cause.by == CHECKER and lock.reason.general in BY_NAME:
        return "domain"
    if lock.origin is Origin.IMPORTED:
        return "imported"
    by_hand = lock.origin is Origin.MANUAL or lock.reason is Reason.OPERATOR
    return "manual" if by_hand else "bounce"


def ways_to_free(lock: Lock | None, now: int, settings: PolicySettings) -> list[Said]:
    """What would free an address; nothing if the lock is not in force."""
    return [Said(f"frees.{way}", {}) for way in what_would_free(lock, now, settings)]


def scope_said(scope: str) -> Said:
    """Which mail a lock stops."""
    return Said("scope.global", {}) if scope == ALL_MAIL else Said("scope.group", {"group": scope})
