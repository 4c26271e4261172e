"""Looks at what the journal does not tell, and writes what is new into the outbox.

Each source is compared with what was there at the last look. The first look tells nothing: it only
says from where on things are new.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Final

import msgspec
from msgspec import Struct

from bouncegate.config.reasons import REASONS
from bouncegate.config.settings import Settings
from bouncegate.policy.alarm import HOUR, hour_of
from bouncegate.policy.fold import EMPTY
from bouncegate.policy.records import Audit
from bouncegate.store.errors import StoreError
from bouncegate.store.ledger import Ledger
from bouncegate.store.refusals import Refusal, record_key
from bouncegate.store.requests import UnlockRequest
from bouncegate.store.store import Store
from bouncegate.web.events import event as told
from bouncegate.web.events.outbox import Outbox

log: Final = logging.getLogger("bouncegate.events")

_DAY: Final = 86_400
_LATE: Final = 60
"""The ledger is written some seconds after the refusal."""
_EACH: Final = 10
_DECIDED: Final = {"requests approve": "approved", "requests decline": "declined"}

New = Iterator[tuple[told.Data, int, str, tuple[object, ...]]]
"""What is told, of which time, to which endpoints, and what tells it from others of its kind."""
_Looked = tuple[list[tuple[int, told.Event, str]], bytes]
"""Events as the outbox takes them, and how far the source has been looked at."""


class _Counts(Struct):
    """What of the refusals has been told: the count of each record, of today and yesterday."""

    hour: int
    counts: dict[bytes, tuple[int, int]]
    """Key of the record -> its day, and its count."""


class _Requests(Struct):
    last: int
    time: int
    """Of the last audit record that was looked at."""
    open: dict[int, UnlockRequest]


class _Blamed(Struct):
    told: set[tuple[int, str]]
    """Hours and senders."""


class Collector:
    """The sources of one store; all methods raise StoreError."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        outbox: Outbox,
        make: told.Maker,
        open_ledger: Callable[[], Ledger],
    ) -> None:
        self._settings = settings
        self._store = store
        self._outbox = outbox
        self._make = make
        self._open_ledger = open_ledger
        self._next_each = 0

    def look(self, now: int) -> int:
        """Look at everything that is due; returns how many events were found."""
        found = 0
        for name, source in (
            ("requests", self._requests),
            ("blamed", self._blamed),
            ("refusals", self._refusals),
            ("each", self._each),
        ):
            if not self._is_wanted(name):
                continue
            known = self._outbox.looked(name)
            events, looked = source(known, now)
            if looked != known:
                self._outbox.add(events, {name: looked})
                found += len(events)
        return found

    def _is_wanted(self, name: str) -> bool:
        refusals = [
            one
            for one in self._settings.events.endpoint
            if not one.types or told.DeliveryRefused.type in one.types
        ]
        wanted = {"each": any(one.each for one in refusals), "refusals": True}
        return wanted.get(name, True)

    def _found(
        self, new: Iterable[tuple[told.Data, int, str, tuple[object, ...]]]
    ) -> list[tuple[int, told.Event, str]]:
        sequence = self._store.journal.last()
        return [
            (time, self._make(data, time, sequence, *distinct), whom)
            for data, time, whom, distinct in new
        ]

    # -- refusals ----------------------------------------------------------------------------

    def _refusals(self, known: bytes, now: int) -> _Looked:
        """The sums of the hours that are over."""
        hour = hour_of(now - _LATE)
        before = _COUNTS.decode(known) if known else None
        if before is not None and before.hour >= hour:
            return [], known
        return self._refused(before, now, hour, "sum")

    def _each(self, known: bytes, now: int) -> _Looked:
        """What was refused since the last look."""
        if now < self._next_each:
            return [], known
        self._next_each = now + _EACH
        return self._refused(_COUNTS.decode(known) if known else None, now, 0, "each")

    def _refused(self, before: _Counts | None, now: int, hour: int, whom: str) -> _Looked:
        counts = dict(before.counts) if before else {}
        rows: dict[str, list[tuple[Refusal, int]]] = {}
        for refusal in self._recent(now):
            key = record_key(refusal, refusal.address)
            more = refusal.count - counts.get(key, (0, 0))[1]
            if more > 0:
                counts[key] = (refusal.first // _DAY, refusal.count)
                rows.setdefault(refusal.address, []).append((refusal, more))
        kept = {key: one for key, one in counts.items() if one[0] >= now // _DAY - 1}
        looked = _encoded(_Counts(hour, kept))
        if before is None:
            return [], looked
        return self._found(self._sum(address, some, whom) for address, some in rows.items()), looked

    def _recent(self, now: int) -> Iterator[Refusal]:
        if self._settings.keeps_ledger:
            with suppress(StoreError):  # no ledger yet, or an earlier version's
                yield from self._open_ledger().refusals.between(now - _DAY, 0)

    def _sum(
        self, address: str, rows: list[tuple[Refusal, int]], whom: str
    ) -> tuple[told.Data, int, str, tuple[object, ...]]:
        last = max((refusal for refusal, _ in rows), key=lambda one: one.last)
        state = self._store.addresses.get(address) or EMPTY
        lock = state.lock or next((c.lock for c in state.groups.values() if c.lock), None)
        data = told.DeliveryRefused(
            *told.about(address),
            sum(count for _, count in rows),
            *(last.sender or None, last.mailing or None, last.group or None),
            last.reason,
            told.iso(lock.until) if lock else None,
        )
        return data, last.last, whom, (address, whom)

    # -- requests to unlock ------------------------------------------------------------------

    def _requests(self, known: bytes, now: int) -> _Looked:
        waiting = dict(self._store.requests.waiting(now))
        before = _REQUESTS.decode(known) if known else None
        last = max([before.last if before else 0, *waiting])
        if before is not None and before.open == waiting:
            return [], known
        looked = _encoded(_Requests(last, now, waiting))
        if before is None:
            return [], looked
        new = [
            *self._asked(before, waiting),
            *self._decided(before, waiting, now),
        ]
        return self._found(new), looked

    def _asked(self, before: _Requests, waiting: dict[int, UnlockRequest]) -> New:
        for number, one in waiting.items():
            if before.open.get(number) != one:
                data = told.UnlockRequested(
                    *told.about(one.address),
                    number,
                    one.by or None,
                    one.why or None,
                    told.iso(one.until),
                )
                yield data, one.time, "", (number,)

    def _decided(self, before: _Requests, waiting: dict[int, UnlockRequest], now: int) -> New:
        gone = {number: one for number, one in before.open.items() if number not in waiting}
        if not gone:
            return
        audits = [
            one
            for one in self._store.audits.entries(since=max(before.time - _LATE, 0))
            if one.command in _DECIDED
        ]
        for number, one in gone.items():
            audit = next((found for found in audits if _concerns(found, one)), None)
            if audit is not None:
                decision, by, why = _DECIDED[audit.command], audit.by or None, audit.why or None
            elif one.until <= now:
                decision, by, why = "expired", None, None
            else:
                continue  # its address was purged
            data = told.UnlockDecided(*told.about(one.address), number, decision, by, why)
            yield data, audit.time if audit else one.until, "", (number,)

    # -- senders that are blamed -------------------------------------------------------------

    def _blamed(self, known: bytes, now: int) -> _Looked:
        most = self._settings.alarm.sender_blame
        hour = hour_of(now) - 1  # a bounce may come late in its hour
        over = [
            one
            for one in self._store.hourcounts.since(hour * HOUR)
            if one.blames_sender and one.total >= most
        ]
        before = _BLAMED.decode(known).told if known else None
        recent = {one for one in before or () if one[0] >= hour}
        found = {(one.hour, one.sender) for one in over}
        looked = _encoded(_Blamed(recent | found))
        if before is None:
            return [], looked
        if not found - recent:
            return [], known
        return self._found(
            (
                told.SenderBlamed(
                    *(one.sender, told.iso(one.start) or "", one.total, one.main_reason),
                    REASONS[one.main_reason].advice,
                ),
                *(now, "", (one.hour, one.sender)),
            )
            for one in over
            if (one.hour, one.sender) not in recent
        ), looked


def _concerns(audit: Audit, one: UnlockRequest) -> bool:
    """Whether an audit record decides a request; of many it names none."""
    is_later = audit.time >= one.time
    return is_later and (one.address in audit.targets or not audit.targets)


_COUNTS: Final = msgspec.msgpack.Decoder(_Counts)
_REQUESTS: Final = msgspec.msgpack.Decoder(_Requests)
_BLAMED: Final = msgspec.msgpack.Decoder(_Blamed)
_encoded: Final = msgspec.msgpack.Encoder().encode
