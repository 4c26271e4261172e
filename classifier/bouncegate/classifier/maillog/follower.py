"""Following the log: what was written since the last run is taken in, portion by portion.

A portion and the position behind it go into the store in one transaction. A run ends at the end of
the log, at a line about a message that the ledger may not know yet, or after so many lines; the
next one goes on from there.

A line that cannot be taken in is left out, with an error in the log, and costs no other one. While
nothing of a log can be read, the position stays: what is there counts when the fault is put right.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Final, NamedTuple

from bouncegate.classifier.maillog.interpreter import Interpreter, NotYetKnown
from bouncegate.classifier.maillog.line import Line
from bouncegate.classifier.maillog.source import Place, Source
from bouncegate.classifier.maillog.zone import in_words
from bouncegate.classifier.returnpath.outcome import log_outcomes
from bouncegate.config.settings import MaillogSettings
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Event
from bouncegate.store.deliverylog import Batch, DeliveryLog, PositionConflict, Step, Unrecordable
from bouncegate.store.errors import StoreError
from bouncegate.store.recording import Recorded

log: Final = logging.getLogger("bouncegate.maillog")

# Steps of one transaction: some milliseconds, so that a DSN in hand hardly waits.
_STEPS: Final = 500
# Lines of which none mattered, after which the position is kept all the same.
_LINES: Final = 50_000
# Lines of one run: a busy server writes as many in an hour.
MOST_LINES: Final = 1_000_000
# What has been put off and not been heard of again for so long has left the queue unseen: twice
# Postfix's maximal_queue_lifetime (5 days), in seconds.
_UNHEARD_OF: Final = 10 * 86_400
_TIDY_EVERY: Final = 86_400


class Count(NamedTuple):
    """How many lines a portion is made of."""

    lines: int
    known: int
    """Of which so many tell something."""


class Summary(NamedTuple):
    """What a run did."""

    lines: int
    delivered: int
    """Addresses whose row of failures has ended."""
    more: bool
    """Whether it ended before the end of the log."""
    until: int = 0
    """The time up to which everything is taken in that the log tells; 0: that is not known."""


class Follower:
    """Reads one log into one store."""

    def __init__(
        self,
        settings: MaillogSettings,
        source: Source,
        interpreter: Interpreter,
        trail: DeliveryLog,
        policy: Policy,
    ) -> None:
        """Read `source`, take in what `interpreter` makes of it, under `policy`."""
        self._settling = settings.settling.after(0)
        self._source = source
        self._interpreter = interpreter
        self._trail = trail
        self._policy = policy
        self._next_tidying = 0
        self._complaints: frozenset[str] = frozenset()
        self._waits_for = 0
        self._on_new: Callable[[Sequence[Event], int], None] | None = None

    def on_new(self, told: Callable[[Sequence[Event], int], None]) -> None:
        """Let `told` know of events that are new, and of the time."""
        self._on_new = told

    def run(self, now: int, stop: threading.Event, most: int = MOST_LINES) -> Summary:
        """Take in what is new, `most` lines of it; raises SourceError and StoreError."""
        lines, more = 0, False
        self._waits_for = now
        seen = self._source.inspect(now)
        self._interpreter.begin(seen.offset)
        try:
            for portion, count in self._portions(self._trail.position(), now):
                if seen.fault and not count.known:
                    break
                self._interpreter.mark()
                self._tell(self._take_in(portion), now)
                lines += count.lines
                more = stop.is_set() or lines >= most
                if more:
                    break
        except PositionConflict as error:
            log.warning("%s: left to it", error)
            return Summary(lines, 0, more=False)
        delivered = self._trail.settle(now - self._settling + 1, now, self._policy.fold)
        if now >= self._next_tidying:
            self._trail.forget(now - _UNHEARD_OF)
            self._next_tidying = now + _TIDY_EVERY
        self._complain(seen.fault)
        self._say(lines, delivered)
        return Summary(lines, delivered, more, 0 if more or seen.fault else self._waits_for)

    def _tell(self, outcomes: Sequence[Recorded], now: int) -> None:
        new = [outcome for outcome in outcomes if outcome.is_new]
        log_outcomes(log, new, self._policy)
        if self._on_new is not None and new:
            self._on_new([outcome.event for outcome in new], now)

    def _take_in(self, portion: Batch) -> list[Recorded]:
        """Take in a portion without the steps that cannot be recorded."""
        while True:
            try:
                return self._trail.record(portion, self._policy)
            except Unrecordable as error:
                log.exception("left out: internal error (please report)")
                faulty = error.step
                steps = [step for step in portion.steps if step is not faulty]
                portion = portion._replace(steps=steps)

    def _portions(self, before: bytes, now: int) -> Iterator[tuple[Batch, Count]]:
        """What is to be taken in at once, each with how many lines it is made of."""
        steps: list[Step] = []
        lines = known = 0
        place: Place | None = None
        with closing(self._source.read(before, now)) as reads:
            for read in reads:
                try:
                    found = self._steps(read.line, now) if read.line else ()
                except NotYetKnown as unknown:
                    self._waits_for = unknown.time
                    break
                place, lines, known = read.place, lines + 1, known + (read.line is not None)
                steps += found
                if len(steps) >= _STEPS or lines >= _LINES:
                    after = place.octets()
                    yield Batch(before, after, steps), Count(lines, known)
                    before, steps, lines, known, place = after, [], 0, 0, None
        if place is not None:
            yield Batch(before, place.octets(), steps), Count(lines, known)

    def _steps(self, line: Line, now: int) -> Sequence[Step]:
        """What follows from a line; nothing from one that cannot be understood."""
        try:
            return self._interpreter.steps(line, now)
        except (NotYetKnown, StoreError, OSError, MemoryError):
            raise  # of the ledger or the machine: the line comes again
        except Exception:
            log.exception("left out: internal error (please report): %s", line)
            return ()

    def _complain(self, fault: str) -> None:
        """Say what is wrong with the log, once and not every minute."""
        offset = self._interpreter.offset
        zone = (
            f"times that tell no zone are {in_words(offset)} off: they are corrected by the sends "
            "of the ledger; run Bouncegate in the zone of the log, or log in UTC"
        )
        complaints = frozenset(filter(None, (fault, zone if offset else "")))
        for complaint in sorted(complaints - self._complaints):
            log.error("the log: %s", complaint)
        self._complaints = complaints

    def _say(self, lines: int, delivered: int) -> None:
        counts = self._interpreter.counts
        if counts or delivered:
            told = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
            log.info(
                "%d lines: %s; %d rows of failures ended", lines, told or "nothing new", delivered
            )
