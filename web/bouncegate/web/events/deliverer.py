"""Delivers events to one endpoint: at least once, in order by address, and never in mail's way.

A round reads what comes next, sends it, and writes down in one transaction what came of it. If the
process is killed between sending and writing, the round is repeated: the same events under the same
ids. What fails waits, and with it what comes later about its address; all else goes on. When too
much waits, the endpoint goes no further: the journal keeps what it was not told.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from bouncegate.config.websettings import EndpointSettings
from bouncegate.web.events.deliveries import (
    MOST_WAITING,
    STEP,
    Attempt,
    Came,
    Changed,
    Deliveries,
    Parcel,
    Place,
)
from bouncegate.web.events.event import Maker, SyncRequired
from bouncegate.web.events.parcels import apart, chains, held_back, packed, ready, wants
from bouncegate.web.events.position import Position
from bouncegate.web.events.retries import Outcome
from bouncegate.web.events.sender import Result, Sender
from bouncegate.web.events.source import Portion, Source

log: Final = logging.getLogger("bouncegate.events")

WINDOW: Final = 100
"""Events of one round; as many may be sent again after a kill."""
PAUSE: Final = 0.25
"""How often an endpoint looks for something new, in seconds."""
_PROBE_EVERY: Final = (5, 15, 30, 60)
"""While it is down: seconds from one attempt to the next, as far as anything is due."""
_SETTLE_EVERY: Final = 60.0
_SETTLE_MOVED: Final = 1.0
_LOOK_BACK_EVERY: Final = 3600.0


class _Sorted(NamedTuple):
    """What a round has come to."""

    waiting: list[Parcel]
    dead: list[Parcel]
    delivered: int
    is_disabled: bool


class Telling(NamedTuple):
    """What all endpoints of a store share."""

    source: Source
    deliveries: Deliveries
    make: Maker
    keeps: int
    """For how many seconds the journal holds an entry at least."""


class Deliverer:
    """One endpoint; for one thread."""

    def __init__(
        self,
        settings: EndpointSettings,
        telling: Telling,
        sender: Sender,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._name = settings.name
        self._strict = settings.ordering == "strict"
        self._source, self._deliveries, self._make, self._keeps = telling
        self._sender = sender
        self._now = now
        self._place: Place | None = None
        self._waiting: dict[int, Parcel] = {}
        self._settled = 0.0
        self._looked_back = 0.0
        self._probe_at = 0.0
        self._collecting_since = 0.0

    def run(self, stop: threading.Event) -> None:
        """Round after round, until `stop`."""
        while not stop.is_set():
            if not self.round():
                stop.wait(PAUSE)

    def round(self) -> bool:
        """Deliver some of what there is; returns whether there may be more. Raises StoreError."""
        try:
            place = self._place or self._load()
            is_time = self._now() - self._looked_back >= _LOOK_BACK_EVERY
            if is_time or place.position.outbox < self._source.dropped():
                place = self._look_back(place)
            self._require_unchanged(place)
            return not place.disabled and self._deliver(place)
        except Changed:
            self._place = None
            return True

    # -- where it is -------------------------------------------------------------------------

    def _load(self) -> Place:
        now = self._now()
        place = self._deliveries.place(self._name)
        if place is None:
            end = self._source.end(int(now))
            place = Place(end, int(now), self._source.time_of(end.number) or 0)
            self._deliveries.start(self._name, place)
        self._waiting = {one.number: one for one in self._deliveries.waiting(self._name)}
        self._place, self._settled = place, time.monotonic()
        self._looked_back = 0.0
        return place

    def _require_unchanged(self, place: Place) -> None:
        """Raise Changed where a command has changed what is to be done."""
        known = self._deliveries.place(self._name)
        if known is None or known.generation != place.generation:
            raise Changed(self._name)

    def _look_back(self, place: Place) -> Place:
        """Whether the journal still holds all behind the place; else a sync is required."""
        self._looked_back = now = self._now()
        because = self._gap(place, int(now))
        if not because:
            return place
        log.warning("endpoint=%s events are missing (%s): it has to sync", self._name, because)
        end = self._source.end(int(now))
        event = self._make(SyncRequired(because), int(now), end.number, self._name)
        parcel = Parcel(place.next_number, (event,), due=now)
        moved = replace(self._at(place, end), time=int(now), next_number=place.next_number + STEP)
        return self._settle(moved, Came([parcel]))

    def _gap(self, place: Place, now: int) -> str:
        number, last = place.position.number, self._source.end(now).number
        found = self._source.time_of(number)
        if last < number or (found is not None and place.entry_time not in (0, found)):
            return "restored"
        if place.position.outbox < self._source.dropped():
            return "too-many"
        return "away" if last > number and now - place.time > self._keeps else ""

    def _at(self, place: Place, position: Position) -> Place:
        """A place, moved."""
        if position.number == place.position.number:
            return replace(place, position=position)
        found = self._source.time_of(position.number)
        return replace(place, position=position, entry_time=found or 0)

    # -- a round -----------------------------------------------------------------------------

    def _deliver(self, place: Place) -> bool:
        now, was_down = self._now(), self._sender.is_down
        if was_down and now < self._probe_at:
            self._keep_up(place, None)
            return False
        most = 1 if was_down else max(WINDOW, self._settings.batch)
        again = ready(self._waiting.values(), now, most, strict=self._strict)
        portion = self._read(place, most - len(again), now)
        told = portion.told if portion else []
        events = [one.event for one in told if wants(self._settings, one)]
        fresh = list(packed(events, self._settings.batch, place.next_number))
        lanes = {lane for one in self._waiting.values() for lane in one.lanes}
        free, held = held_back(fresh, lanes, strict=self._strict)
        if not (again or fresh):
            self._keep_up(place, portion)
            return portion is not None and not portion.is_last
        results = self._sender.send(chains([*again, *free], strict=self._strict))
        self._write(place, portion, results, held, len(fresh))
        if self._sender.is_down:
            step = min(self._sender.failures, len(_PROBE_EVERY)) - 1
            self._probe_at = now + _PROBE_EVERY[step]
        elif was_down:  # it answers again: what waits for that need not wait longer
            now = self._now()
            again = [replace(one, due=min(one.due, now)) for one in self._waiting.values()]
            self._waiting = {one.number: one for one in again}
        return any(one.verdict is not None for one in results)

    def _read(self, place: Place, most: int, now: float) -> Portion | None:
        """What comes next, unless too much waits already, or more is to be collected first."""
        waiting = sum(len(parcel.events) for parcel in self._waiting.values())
        if most <= 0 or waiting >= MOST_WAITING or (self._strict and self._waiting):
            return None
        portion = self._source.read(place.position, most, int(now))
        if self._settings.batch == 1 or not portion.told:
            return portion
        self._collecting_since = self._collecting_since or now
        waited = now - self._collecting_since >= self._settings.wait.after(0)
        if portion.is_last and len(portion.told) < self._settings.batch and not waited:
            return None
        self._collecting_since = 0.0
        return portion

    def _write(
        self,
        place: Place,
        portion: Portion | None,
        results: Sequence[Result],
        held: Sequence[Parcel],
        fresh: int,
    ) -> None:
        found = self._sorted(results)
        tried = [one.attempt for one in results if one.attempt is not None]
        failed = [one for one in tried if one.outcome != Outcome.DELIVERED.value]
        is_well = len(failed) < len(tried)
        before = place.failing_since
        place = replace(
            place if portion is None else self._at(place, portion.behind),
            next_number=place.next_number + fresh * STEP,
            time=place.time if portion is None else int(self._now()),
            disabled=int(self._now()) if found.is_disabled else 0,
            failing_since=0 if is_well else before or (int(self._now()) if failed else 0),
            last_error=_why(failed[-1]) if failed else place.last_error,
            delivered=place.delivered + found.delivered,
            failed=place.failed + len(failed),
            died=place.died + len(found.dead),
        )
        if before and is_well:
            log.info("endpoint=%s answers again", self._name)
        if failed and not is_well and not before:
            log.warning("endpoint=%s fails: %s", self._name, place.last_error)
        if found.is_disabled:
            log.error("endpoint=%s says 410: it is sent nothing more", self._name)
        for parcel in found.dead:
            log.error("endpoint=%s dead letter: id=%s: %s", self._name, parcel.id, parcel.error)
        gone = {one.parcel.number for one in results} & self._waiting.keys()
        waiting = sorted([*found.waiting, *held], key=lambda one: one.number)
        gone -= {one.number for one in waiting}
        self._settle(place, Came(waiting, sorted(gone), found.dead, tried))

    def _sorted(self, results: Sequence[Result]) -> _Sorted:
        waiting: list[Parcel] = []
        dead: list[Parcel] = []
        delivered, is_disabled = 0, False
        for parcel, answer, verdict, attempt in results:
            text = (answer.text or f"HTTP {answer.status}") if answer else parcel.error
            if verdict is None:  # not tried; it comes next
                waiting.append(parcel)
                continue
            tried = replace(
                parcel,
                tries=parcel.tries + 1,
                due=verdict.due,
                first_failed=parcel.first_failed or self._now(),
                error=text,
            )
            if verdict.outcome is Outcome.DELIVERED:
                delivered += len(parcel.events) if attempt is not None else 0
            elif verdict.outcome is Outcome.DEAD:
                dead.extend(apart(tried))
            elif answer is not None and answer.is_refused and len(parcel.events) > 1:
                waiting.extend(apart(tried))
            else:
                is_disabled |= verdict.outcome is Outcome.DISABLED
                waiting.append(tried)
        return _Sorted(waiting, dead, delivered, is_disabled)

    def _keep_up(self, place: Place, portion: Portion | None) -> None:
        """Write down how far it is, now and then, where nothing was sent."""
        if portion is not None:
            place = replace(self._at(place, portion.behind), time=int(self._now()))
        self._place = place
        age = time.monotonic() - self._settled
        has_moved = portion is not None and not portion.is_last
        if age >= (_SETTLE_MOVED if has_moved else _SETTLE_EVERY):
            self._settle(place, Came())

    def _settle(self, place: Place, came: Came) -> Place:
        place = self._deliveries.settle(self._name, place, came)
        for number in came.gone:
            self._waiting.pop(number, None)
        self._waiting.update((one.number, one) for one in came.waiting)
        self._waiting = dict(sorted(self._waiting.items()))
        self._place, self._settled = place, time.monotonic()
        return place


def _why(attempt: Attempt) -> str:
    status = f"HTTP {attempt.status}" if attempt.status else ""
    return ": ".join(text for text in (status, attempt.answer) if text)
