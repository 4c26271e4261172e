"""Follows the log: records what was logged since the last run, batch by batch.

A batch and the position after it are stored in one transaction. A run ends at the end of the log,
at a line about a message that the ledger may not know yet, or after a maximum of lines; the next
run continues there.

A line that cannot be recorded is skipped alone, with an error in the log. While no line of the log
can be parsed, the position stays, so that these lines count once the fault is fixed.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Final, NamedTuple

from bouncegate.classifier.maillog.interpreter import Interpreter, NotYetKnown
from bouncegate.classifier.maillog.line import Line
from bouncegate.classifier.maillog.source import Place, Source
from bouncegate.classifier.maillog.timestamp import in_words
from bouncegate.classifier.returnpath.outcome import log_outcomes
from bouncegate.config.settings import MaillogSettings
from bouncegate.config.text import counted
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Event
from bouncegate.store.deliverylog import Batch, DeliveryLog, PositionConflict, Step, Unrecordable
from bouncegate.store.effects import Recorded
from bouncegate.store.errors import StoreError

log: Final = logging.getLogger("bouncegate.maillog")

# Steps in one transaction: some milliseconds, so that an incoming DSN waits only briefly.
_STEPS: Final = 500
# After so many lines the position is stored even if no line mattered.
_LINES: Final = 50_000
# Lines in one run: what a busy server logs in an hour.
MOST_LINES: Final = 1_000_000
# Seconds after which a deferred recipient without any further line has left the queue unnoticed:
# twice Postfix's maximal_queue_lifetime (5 days).
_FORGET_AFTER: Final = 10 * 86_400
_EXPIRE_EVERY: Final = 86_400


class Count(NamedTuple):
    """How many lines a batch covers."""

    lines: int
    known: int
    """How many of them are about a delivery or a message."""


class Summary(NamedTuple):
    """The result of a run."""

    lines: int
    delivered: int
    """Addresses whose streak of failures ended."""
    more: bool
    """Whether the run stopped before the end of the log."""
    until: int = 0
    """All lines up to this time are recorded; 0 if unknown."""


class Follower:
    """Records one log in one store."""

    def __init__(
        self,
        settings: MaillogSettings,
        source: Source,
        interpreter: Interpreter,
        delivery_log: DeliveryLog,
        policy: Policy,
    ) -> None:
        """Read `source` and record the steps that `interpreter` derives, under `policy`."""
        self._settling = settings.settling.after(0)
        self._source = source
        self._interpreter = interpreter
        self._delivery_log = delivery_log
        self._policy = policy
        self._next_expiry = 0
        self._logged_faults: frozenset[str] = frozenset()
        self._complete_until = 0
        self._on_new: Callable[[Sequence[Event], int], None] | None = None

    def on_new(self, listener: Callable[[Sequence[Event], int], None]) -> None:
        """Call `listener` with the new events and the time."""
        self._on_new = listener

    def run(self, now: int, stop: threading.Event, most: int = MOST_LINES) -> Summary:
        """Record at most `most` new lines; raises SourceError and StoreError."""
        lines, more = 0, False
        self._complete_until = now
        seen = self._source.inspect(now)
        self._interpreter.begin(seen.offset)
        try:
            for batch, count in self._batches(self._delivery_log.position(), now):
                if seen.fault and not count.known:
                    break
                self._interpreter.flush()
                self._report_new(self._record(batch), now)
                lines += count.lines
                more = stop.is_set() or lines >= most
                if more:
                    break
        except PositionConflict as error:
            log.warning("%s: this run stops", error)
            return Summary(lines, 0, more=False)
        delivered = self._delivery_log.settle(now - self._settling + 1, now, self._policy.fold)
        if now >= self._next_expiry:
            self._delivery_log.forget(now - _FORGET_AFTER)
            self._next_expiry = now + _EXPIRE_EVERY
        self._log_faults(seen.fault)
        self._log_counts(lines, delivered)
        return Summary(lines, delivered, more, 0 if more or seen.fault else self._complete_until)

    def _report_new(self, outcomes: Sequence[Recorded], now: int) -> None:
        new = [outcome for outcome in outcomes if outcome.is_new]
        log_outcomes(log, new, self._policy)
        if self._on_new is not None and new:
            self._on_new([outcome.event for outcome in new], now)

    def _record(self, batch: Batch) -> list[Recorded]:
        """Record a batch without the steps that cannot be recorded."""
        while True:
            try:
                return self._delivery_log.record(batch, self._policy)
            except Unrecordable as error:
                log.exception("step skipped: internal error (please report)")
                faulty = error.step
                steps = [step for step in batch.steps if step is not faulty]
                batch = batch._replace(steps=steps)

    def _batches(self, before: bytes, now: int) -> Iterator[tuple[Batch, Count]]:
        """The batches, each recorded in one transaction, with their line counts."""
        steps: list[Step] = []
        lines = known = 0
        place: Place | None = None
        with closing(self._source.read(before, now)) as reads:
            for read in reads:
                try:
                    found = self._steps(read.line, now) if read.line else ()
                except NotYetKnown as unknown:
                    self._complete_until = unknown.time
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
        """The steps that follow from a line; none if the line causes an error."""
        try:
            return self._interpreter.steps(line, now)
        except (NotYetKnown, StoreError, OSError, MemoryError):
            raise  # a fault of the ledger or the machine: the next run reads the line again
        except Exception:
            log.exception("line skipped: internal error (please report): %s", line)
            return ()

    def _log_faults(self, fault: str) -> None:
        """Log what is wrong with Postfix's log, once and not every minute."""
        offset = self._interpreter.offset
        zone = (
            f"times without a zone are {in_words(offset)} off: they are corrected by the sends "
            "of the ledger; run Bouncegate in the zone of the log, or log in UTC"
        )
        faults = frozenset(filter(None, (fault, zone if offset else "")))
        for text in sorted(faults - self._logged_faults):
            log.error("Postfix's log: %s", text)
        self._logged_faults = faults

    def _log_counts(self, lines: int, delivered: int) -> None:
        counts = self._interpreter.counts
        if counts or delivered:
            words = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
            log.info(
                "%s: %s; %s of failures ended",
                counted(lines, "line"),
                words or "nothing new",
                counted(delivered, "streak"),
            )
