"""Conditions of acts: what must still be true of an address when an act is carried out.

Between an operator's look at a list and the act lie a question, the reading of a file, or a command
that was killed and is finished later; bounces come in meanwhile. So an act carries the name of its
condition. It is evaluated in the transaction that carries the act out, for each address by what is
known of it then; an address that does not meet it is left as it is, and told.
"""

from collections.abc import Callable, Iterable
from functools import reduce
from operator import xor
from typing import Final

from msgspec.structs import replace

from bouncegate.config.reasons import REASONS
from bouncegate.config.taxonomy import BY_LIST, Kind, Reason
from bouncegate.policy.protection import protection
from bouncegate.policy.records import Act, Condition, Lock, Origin, State


def subject_of(act: Act, address: str) -> str:
    """The address of which the condition must be true: of a correction, the one that was meant."""
    return act.other if act.verb == "correct" else address


def is_met(act: Act, seen: int, state: State) -> bool:
    """Whether an act may be carried out on an address of which so much is known.

    `seen`: what `locks_seen` told when the act was decided.
    """
    return _CONDITIONS[act.condition](act, seen, state)


def those_that_meet(act: Act, known: Callable[[str], State]) -> Act:
    """The act on those of its addresses that meet its condition; `known` tells of an address."""
    seen = act.seen or (0,) * len(act.addresses)
    met = [
        (address, number)
        for address, number in zip(act.addresses, seen, strict=True)
        if is_met(act, number, known(subject_of(act, address)))
    ]
    numbers = tuple(number for _, number in met) if act.seen else ()
    return replace(act, addresses=tuple(address for address, _ in met), seen=numbers)


def locks_seen(locks: Iterable[Lock | None], now: int) -> int:
    """A number that identifies the locks in force; 0: none.

    The numbers of the entries that made them, exclusive-or: another lock is another entry's.
    """
    return reduce(xor, (one.cause for one in locks if one is not None and one.in_force(now)), 0)


def strength(reason: Reason, origin: Origin) -> int:
    """Which of two locks says more.

    Somebody's own word, a hard bounce, an import that names no reason, a list, a soft bounce.
    """
    if reason.general is Reason.COMPLAINT or origin is Origin.MANUAL:
        return 4
    if reason in BY_LIST:
        return 1
    if reason is Reason.OPERATOR:
        return 2
    return 0 if REASONS[reason].kind is Kind.SOFT else 3


def locks_of(state: State, group: str = "") -> list[Lock | None]:
    """The locks that an act for a group, or for all mail, changes."""
    if group:
        return [state.groups[group].lock] if group in state.groups else []
    return [state.lock, *(streak.lock for streak in state.groups.values())]


def _in_force(act: Act, state: State) -> Lock | None:
    """The lock for all mail that is in force at the time of the act."""
    lock = state.lock
    return lock if lock is not None and lock.in_force(act.time) else None


def _is_no_newer(act: Act, _seen: int, state: State) -> bool:
    """What frees an address frees it from the locks that were there at its time."""
    if act.verb not in _FREE:
        return True
    locks = locks_of(state, act.group)
    return all(one is None or one.since <= act.time for one in locks)


def _is_by_list(act: Act, _seen: int, state: State) -> bool:
    lock = _in_force(act, state)
    return lock is not None and lock.reason in BY_LIST


def _is_as_seen(act: Act, seen: int, state: State) -> bool:
    """Whether the locks are those that were seen.

    A bounce makes no lock over an operator's, and would be forgotten with it: none may have come.
    """
    locks = locks_of(state, act.group)
    is_manual = any(
        one is not None and one.in_force(act.time) and one.origin is Origin.MANUAL for one in locks
    )
    return locks_seen(locks, act.time) == seen and not (is_manual and state.last_event >= act.time)


def _shortens_none(act: Act, _seen: int, state: State) -> bool:
    """Whether a lock takes the place of none that needs force to be lifted, and ends later."""
    lock = next(iter(locks_of(state, act.group)), None)
    if lock is None or not lock.in_force(act.time) or not protection(lock):
        return True
    return act.until >= lock.until


def _outlasts(act: Act, _seen: int, state: State) -> bool:
    lock = next(iter(locks_of(state, act.group)), None)
    if lock is None or not lock.in_force(act.time):
        return True
    weaker = strength(act.reason, act.origin) < strength(lock.reason, lock.origin)
    return not weaker and act.until >= lock.until


_FREE: Final = frozenset({"unlock", "renew", "alive"})
_CONDITIONS: Final[dict[Condition, Callable[[Act, int, State], bool]]] = {
    "": _is_no_newer,
    "unlocked": lambda act, _seen, state: _in_force(act, state) is None,
    "by-list": _is_by_list,
    "as-seen": _is_as_seen,
    "shortens-none": _shortens_none,
    "outlasts": _outlasts,
}
