"""Background maintenance of the lists: when addresses were mailed, and locks of lists that refuse.

The send path knows no lists: an address that a list refuses gets an ordinary lock, by an act in the
journal, and another act ends it. Each round compares these locks with the list.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from bouncegate.admin.lists.stale import last_stale_day
from bouncegate.admin.lists.syntax import fault_of
from bouncegate.config.settings import ListsSettings
from bouncegate.config.taxonomy import BY_LIST, Reason
from bouncegate.policy.fold import EMPTY, Fold
from bouncegate.policy.records import MOST_ADDRESSES, NO_END, Act, Lock, Origin, State
from bouncegate.store.address import AddressError, canonical, domain_of
from bouncegate.store.lastmailed import DAY
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Store

log: Final = logging.getLogger("bouncegate.lists")

MAINTENANCE: Final = "maintenance"
"""The author of the locks of lists."""

# The ledger is written some milliseconds after the mail, maybe by another clock.
_BEHIND: Final = 60
_SENDS: Final = 200
_ADDRESSES: Final = 2000  # some ten milliseconds of writing
_YEAR: Final = 365 * DAY
# The length of locks for dead domains, which are renewed.
_WEEK: Final = 7 * DAY

Stop = Callable[[], bool]


class RoundResult(NamedTuple):
    """The result of a round."""

    locked: int
    freed: int


class Maintenance:
    """Maintains the lists of one store."""

    def __init__(self, store: Store, settings: ListsSettings, fold: Fold, confirm: int) -> None:
        """`confirm`: seconds for which DNS must deny a domain before its addresses are locked."""
        self._store = store
        self._settings = settings
        self._fold = fold
        self._confirm = confirm

    def walk(self, ledger: Ledger, now: int, stop: Stop) -> int:
        """Record from the ledger when addresses were mailed; returns the sends read.

        Raises StoreError.
        """
        lastmailed, total = self._store.lastmailed, 0
        position = lastmailed.position()
        while not stop() and (batch := ledger.walk(position, now - _BEHIND, _SENDS)):
            days: dict[str, int] = {}
            latest = 0
            for key, sent in batch:
                day = sent.time // DAY
                # One day at a time: of an address that is new the first one is kept as well.
                if days and (day != latest or len(days) >= _ADDRESSES):
                    lastmailed.record(days, fault_of, position)
                    days = {}
                if sent.was_sent:
                    days.update(dict.fromkeys(sent.recipients, day))
                position, total, latest = key, total + 1, day
            lastmailed.record(days, fault_of, position)
        return total

    def forget(self, now: int, stop: Stop) -> int:
        """Forget when addresses were mailed, where that is too long ago. Raises StoreError.

        Nothing as long as a list refuses addresses by it: those that are forgotten would be free.
        """
        if "refuse" in (self._settings.stale, self._settings.invalid):
            return 0
        before, total = last_stale_day(now, self._settings.keep), 0
        while not stop() and (gone := self._store.lastmailed.expire(before)):
            total += gone
        return total

    def refuse(self, now: int, stop: Stop) -> RoundResult:
        """Lock addresses that lists refuse, and free others; raises StoreError."""
        freed = self._free(now, stop)
        locked = 0
        for reason, candidates in self._candidates(now):
            for until, some in _batches(candidates):
                if stop():
                    return RoundResult(locked, freed)
                why = f"on the list {reason}"
                act = Act(
                    *(some, now, "lock", MAINTENANCE, why, until, Origin.AUTOMATIC, reason),
                    condition="unlocked",
                )
                locked += len(some) - len(self._store.act([act], self._fold).left_out)
        return RoundResult(locked, freed)

    # -- whom lists refuse -------------------------------------------------------------------

    def _candidates(self, now: int) -> Iterator[tuple[Reason, Iterator[tuple[str, int]]]]:
        """Address and end of its lock, for each list that refuses."""
        settings = self._settings
        if settings.stale == "refuse":
            yield Reason.STALE, self._stale(now)
        if settings.invalid == "refuse":
            yield Reason.INVALID, self._invalid(now)
        if settings.predicted == "refuse":
            yield Reason.PREDICTED, self._predicted(now)

    def _stale(self, now: int) -> Iterator[tuple[str, int]]:
        """An address that was unlocked by hand is no longer stale: that counts as a message."""
        day = last_stale_day(now, self._settings.stale_after)
        for used in self._store.lastmailed.stale(day):
            if not _is_locked(self._state(used.address), now):
                yield used.address, now + _YEAR

    def _invalid(self, now: int) -> Iterator[tuple[str, int]]:
        for address, _ in self._store.lastmailed.invalid():
            if _is_canonical(address) and self._is_free(address, now):
                yield address, now + _YEAR

    def _predicted(self, now: int) -> Iterator[tuple[str, int]]:
        for address, state in self._store.lists.with_locks_of_groups():
            end = max(lock.until for lock in _locks_of_groups(state))
            if end > now and self._is_free(address, now):
                yield address, min(end - end % DAY + DAY, NO_END)
        for domain, mx in self._store.mx.denied():
            if mx.is_dead(self._confirm):
                for address in self._store.lastmailed.in_domain(domain):
                    if self._is_free(address, now):
                        yield address, now + _WEEK

    def _is_free(self, address: str, now: int) -> bool:
        """Whether an address has no current lock, and no operator has ever unlocked it."""
        if _is_locked(self._state(address), now):
            return False
        acts = self._store.lists.acts(address)
        return not any(act.verb in ("unlock", "alive") for act in acts)

    def _state(self, address: str) -> State:
        return self._store.addresses.get(address) or EMPTY

    # -- whom they no longer refuse ----------------------------------------------------------

    def _free(self, now: int, stop: Stop) -> int:
        """End the locks of addresses that are no longer on their list."""
        freed = 0
        over = (
            a for a, lock in self._store.lists.locked_for(BY_LIST) if self._is_over(a, lock, now)
        )
        while not stop() and (some := tuple(islice(over, MOST_ADDRESSES))):
            why = "no longer on the list"
            act = Act(some, now, "release", MAINTENANCE, why, condition="by-list")
            freed += len(some) - len(self._store.act([act], self._fold).left_out)
        return freed

    def _is_over(self, address: str, lock: Lock, now: int) -> bool:
        if lock.origin is not Origin.AUTOMATIC or not lock.in_force(now):
            return False
        setting, is_listed = {
            Reason.STALE: (self._settings.stale, self._is_stale),
            Reason.INVALID: (self._settings.invalid, self._is_invalid),
            Reason.PREDICTED: (self._settings.predicted, self._is_predicted),
        }[lock.reason]
        return setting == "report" or not is_listed(address, now)

    def _is_stale(self, address: str, now: int) -> bool:
        day = self._store.lastmailed.day(address)
        # If unknown, it has expired: the address was not mailed since.
        return day is None or day <= last_stale_day(now, self._settings.stale_after)

    def _is_invalid(self, address: str, now: int) -> bool:
        return bool(self._store.lastmailed.fault(address))

    def _is_predicted(self, address: str, now: int) -> bool:
        if any(lock.in_force(now) for lock in _locks_of_groups(self._state(address))):
            return True
        return self._store.mx.of(domain_of(address)).is_dead(self._confirm)


def _batches(candidates: Iterable[tuple[str, int]]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Addresses whose locks end at the same time, in batches for one act each."""
    waiting: dict[int, list[str]] = {}
    for address, until in candidates:
        some = waiting.setdefault(until, [])
        some.append(address)
        if len(some) == MOST_ADDRESSES:
            yield until, tuple(waiting.pop(until))
    for until, rest in waiting.items():
        yield until, tuple(rest)


def _is_locked(state: State, now: int) -> bool:
    return state.lock is not None and state.lock.in_force(now)


def _locks_of_groups(state: State) -> Iterator[Lock]:
    return (streak.lock for streak in state.groups.values() if streak.lock is not None)


def _is_canonical(address: str) -> bool:
    """Whether a lock of it can apply: the send path looks up only canonical addresses."""
    try:
        return canonical(address, fold=False) == address
    except AddressError:
        return False
