"""Import of locks, such as another service's suppression list."""

from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from itertools import groupby, islice
from typing import Final, Literal, NamedTuple

from msgspec.structs import replace

from bouncegate.admin.lists.columns import Columns
from bouncegate.admin.lists.corrections import Fault
from bouncegate.admin.lists.csvfile import CsvRow
from bouncegate.admin.lists.scope import scope_of
from bouncegate.admin.lists.suppressions import SuppressionReader
from bouncegate.admin.lists.textform import CsvError
from bouncegate.config.reasons import REASONS
from bouncegate.config.taxonomy import BY_LIST, Kind, Reason
from bouncegate.config.text import clean
from bouncegate.policy.addressstate import ALL_MAIL, locks_at
from bouncegate.policy.conditions import strength
from bouncegate.policy.fold import EMPTY
from bouncegate.policy.records import Act, Lock, Origin
from bouncegate.store.address import canonical
from bouncegate.store.bulk import MOST_AT_ONCE
from bouncegate.store.store import Store

# Words of other services.
_WORDS: Final = {
    "bounce": Reason.USER_UNKNOWN,
    "bounced": Reason.USER_UNKNOWN,
    "hard bounce": Reason.USER_UNKNOWN,
    "hardbounce": Reason.USER_UNKNOWN,
    "hard": Reason.USER_UNKNOWN,
    "invalid": Reason.INVALID,
    "complaint": Reason.COMPLAINT,
    "spam": Reason.COMPLAINT,
    "abuse": Reason.COMPLAINT,
    **dict.fromkeys(
        (
            "unsubscribe",
            "unsubscribes",
            "unsub",
            "opt out",
            "opt-out",
            "optout",
            "opted out",
            "opted-out",
            "list unsubscribe",
            "list-unsubscribe",
            "group unsubscribe",
            "global unsubscribe",
            "manual unsubscribe",
            "user unsubscribed",
        ),
        Reason.UNSUBSCRIBED,
    ),
    "mailbox full": Reason.MAILBOX_FULL,
    "soft bounce": Reason.UNDEFINED,
    "softbounce": Reason.UNDEFINED,
    "soft": Reason.UNDEFINED,
}
_LOCKING: Final = frozenset(r for r, d in REASONS.items() if d.kind is not Kind.NONE)
_BATCH: Final = 500
_LONGEST_WHY: Final = 200
# A leap year is a day longer, and a day may be an hour longer.
_SAME_LENGTH: Final = 2 * 86_400


Effect = Literal["new", "changed", "already there"]
"""What a request does to the locks of its address."""

_Alike = tuple[Reason, int, Origin, str, str]
"""What the locks of one act have in common: reason, end, origin, why, scope."""


class RequestedLock(NamedTuple):
    """A lock to be imported."""

    address: str
    reason: Reason
    until: int
    why: str
    origin: Origin = Origin.IMPORTED
    scope: str = ALL_MAIL
    """The only group for which it is."""

    def order(self) -> tuple[str, str]:
        """The sort key: by address, then by scope."""
        return self.address, self.scope


class Skipped(NamedTuple):
    """A row of a suppression list that locks nobody."""

    line: int
    why: str


class LockReader:
    """Reads the rows of a file of locks."""

    def __init__(
        self,
        columns: Columns,
        end_of: Callable[[str], int],
        suppressions: SuppressionReader | None = None,
        *,
        fold: bool,
    ) -> None:
        """`end_of` is the end of a lock by its cell, which may be empty; it raises ValueError.

        `suppressions` reads the rows if the file is a service's export.
        """
        self._columns = columns
        self._end_of = end_of
        self._suppressions = suppressions
        self._fold = fold

    def read(self, rows: Iterable[CsvRow]) -> Iterator[RequestedLock | Skipped | Fault]:
        """The lock of each row, or why it is not imported; raises CsvError."""
        for number, row in enumerate(rows):
            if not number and self._suppressions is None:
                self._columns.require(row, "address")
                self._columns.refuse_ambiguous(row)
            try:
                if self._suppressions is None:
                    yield self._request(row)
                else:
                    yield self._suppressed(row, self._suppressions)
            except CsvError:
                raise
            except ValueError as error:
                yield Fault(row.line, str(error))

    def _suppressed(self, row: CsvRow, by: SuppressionReader) -> RequestedLock | Skipped:
        address, reason, why = by.meaning(row)
        if reason is None:
            return Skipped(row.line, why)
        key = canonical(address.strip(), fold=self._fold)
        return RequestedLock(key, reason, self._end_of(""), clean(why, _LONGEST_WHY))

    def _request(self, row: CsvRow) -> RequestedLock:
        cell = self._columns.cell
        address = canonical(cell(row, "address"), fold=self._fold)
        named, why = cell(row, "reason"), cell(row, "why")
        reason, finer = reason_of(named), reason_of(cell(row, "detail"))
        if reason is not None and finer is not None and reason.covers(finer):
            reason = finer
        if reason is None:
            reason, why = Reason.OPERATOR, ": ".join(filter(None, (named, why)))
        until, scope = self._end_of(cell(row, "until")), scope_of(cell(row, "scope"))
        return RequestedLock(address, reason, until, clean(why, _LONGEST_WHY), scope=scope)


def reason_of(text: str) -> Reason | None:
    """The reason in a cell, in our words or those of other services; None if unknown."""
    word = " ".join(text.lower().replace("_", " ").split())
    if word in _WORDS:
        return _WORDS[word]
    try:
        reason = Reason(word.replace(" ", "-").replace("_", "-"))
    except ValueError:
        return None
    return reason if reason in _LOCKING else None


def new_locks(store: Store, requests: Iterable[RequestedLock], now: int) -> Iterator[RequestedLock]:
    """The requests that change anything, each address once for each scope; raises StoreError."""
    planned = planned_locks(store, requests, now)
    return (request for effect, request in planned if effect != "already there")


def planned_locks(
    store: Store, requests: Iterable[RequestedLock], now: int
) -> Iterator[tuple[Effect, RequestedLock]]:
    """What each request does, each address once for each scope.

    `requests` are sorted by address, so that the store is read sequentially. Of several requests
    for one address and scope, and of a request and the existing lock of that scope, the stronger
    reason and the later end are used. Raises StoreError.
    """
    waiting = (reduce(_together, alike) for _, alike in groupby(requests, key=RequestedLock.order))
    while batch := list(islice(waiting, _BATCH)):
        known = store.lists.known({request.address for request in batch})
        for request in batch:
            locks = locks_at(known.get(request.address, EMPTY), now)
            lock = next((lock for scope, lock in locks if scope == request.scope), None)
            if lock is None:
                yield "new", request
            elif _changes(request, lock, now):
                yield "changed", _joined(request, lock)
            else:
                yield "already there", request


def _together(request: RequestedLock, other: RequestedLock) -> RequestedLock:
    """Two requests for the same address as one."""
    stronger = max((request, other), key=lambda one: (_strength(one), one.until))
    return stronger._replace(until=max(request.until, other.until))


def _strength(request: RequestedLock) -> int:
    return strength(request.reason, request.origin)


def _joined(request: RequestedLock, lock: Lock) -> RequestedLock:
    """The request, with the stronger reason and later end of the current lock."""
    until = max(request.until, lock.until)
    if _strength(request) >= strength(lock.reason, lock.origin):
        return request._replace(until=until)
    # A list ends its own locks; an imported one must outlast that.
    origin = Origin.IMPORTED if lock.reason in BY_LIST else lock.origin
    return request._replace(reason=lock.reason, until=until, origin=origin)


def _changes(request: RequestedLock, lock: Lock, now: int) -> bool:
    """Whether a request is longer, or has a stronger reason, than the current lock."""
    if _strength(request) > strength(lock.reason, lock.origin):
        return True
    # "1 year" ends later at each import: the same file twice would lock again.
    again = abs((request.until - now) - (lock.until - lock.since)) <= _SAME_LENGTH
    return lock.until < request.until and not (lock.origin is Origin.IMPORTED and again)


def acts_of(requests: Iterable[RequestedLock], time: int, by: str, why: str) -> Iterator[Act]:
    """The acts that lock, with equal requests in one act."""
    waiting: dict[_Alike, list[str]] = {}
    for request in requests:
        alike = request.reason, request.until, request.origin, request.why or why, request.scope
        some = waiting.setdefault(alike, [])
        some.append(request.address)
        if len(some) == MOST_AT_ONCE:
            yield _act(alike, waiting.pop(alike), time, by)
        elif len(waiting) > MOST_AT_ONCE:
            for each in list(waiting):
                yield _act(each, waiting.pop(each), time, by)
    for alike, rest in waiting.items():
        yield _act(alike, rest, time, by)


def _act(alike: _Alike, addresses: list[str], time: int, by: str) -> Act:
    reason, until, origin, why, scope = alike
    act = Act((), time, "lock", by, why, until, origin, reason, group=scope, condition="outlasts")
    return replace(act, addresses=tuple(sorted(set(addresses))))
