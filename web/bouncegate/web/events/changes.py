"""What an entry did to the locks of an address, as events: pure, from its state before and after.

What locked and what freed is the fold's word (`bouncegate.policy`); here it is only compared. A
lock whose time was up is gone before any entry; the clock tells it (`bouncegate.web.events.ends`).
"""

from collections.abc import Iterator
from typing import Final

from bouncegate.policy.addressstate import ScopedLock, locks_of
from bouncegate.policy.fold import freed
from bouncegate.policy.records import Act, Delivered, Entry, Event, Lock, State
from bouncegate.web.events.event import (
    AddressChanged,
    AddressLocked,
    AddressUnlocked,
    Data,
    LockData,
    about,
    iso,
)

_CAUSES: Final = {
    "unlock": "unlock",
    "lock": "unlock",
    "correct": "unlock",
    "renew": "unlock",
    "alive": "alive",
    "release": "list",
    "recover": "domain-recovered",
}
UNDONE: Final = "undone"
ENDED: Final = "ended"


def changes(
    address: str, entry: Entry, before: State, after: State, now: int
) -> Iterator[tuple[Data, str]]:
    """What became of each lock, with its scope; `now` is how far the clock has been told."""
    old = _by_scope(freed(before, now), now)
    new = _by_scope(after, now)
    for scope in sorted(old.keys() | new.keys()):
        was, is_ = old.get(scope), new.get(scope)
        if is_ is None:
            assert was is not None, f"{scope!r} is of one of the two"
            yield unlocked(address, cause_of(entry), was, scope, entry), scope
        elif was is None:
            yield _told(AddressLocked, address, is_, scope, entry), scope
        elif was != is_:
            yield _told(AddressChanged, address, is_, scope, entry), scope
    if _frees_for_sure(entry) and not old and not new:
        yield unlocked(address, cause_of(entry), None, getattr(entry, "group", ""), entry), ""


def _frees_for_sure(entry: Entry) -> bool:
    """Whether an operator lifted a lock, though by the policy in force now there was none.

    The receiver knows it as locked by the policy that was in force then.
    """
    return isinstance(entry, Act) and entry.verb == "unlock"


def unlocked(
    address: str, cause: str, lock: Lock | None, scope: str, entry: Entry | None = None
) -> AddressUnlocked:
    """A lock that is gone."""
    kind, reason = (lock.kind, lock.reason) if lock else (None, None)
    by, why = _author(entry)
    return AddressUnlocked(*about(address), cause, kind, reason, scope or None, by, why)


def cause_of(entry: Entry) -> str:
    """Why a lock went."""
    if isinstance(entry, Act):
        return _CAUSES[entry.verb]
    return "delivered" if isinstance(entry, Delivered | Event) else UNDONE


def _by_scope(state: State, now: int) -> dict[str, Lock]:
    found: list[ScopedLock] = locks_of(state)
    return {scope: lock for scope, lock in found if lock.in_force(now)}


def _told(type_: type[LockData], address: str, lock: Lock, scope: str, entry: Entry) -> LockData:
    by, why = _author(entry)
    address, internal_id = about(address)
    return type_(
        address=address,
        internal_id=internal_id,
        kind=lock.kind,
        reason=lock.reason,
        origin=lock.origin,
        since=iso(lock.since) or "",
        until=iso(lock.until),
        scope=scope or None,
        by=by,
        why=why,
    )


def _author(entry: Entry | None) -> tuple[str | None, str | None]:
    return getattr(entry, "by", None) or None, getattr(entry, "why", None) or None
