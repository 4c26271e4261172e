"""Answers each message that arrives by LMTP: one reply for each recipient.

The reply is 250 only when the events of the message are durable. If something prevents that, such
as a full disk, it is 4xx: Postfix keeps the DSN and tries again (RFC 2033, 4.2).

A message that causes an internal error would cause it again at each retry, for five days. So it is
set aside, durably, as a bounce without a recipient, and whole if messages are kept: the reply is
250, and the log has an error. If one message after another fails, the messages are not the cause:
they wait in Postfix.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from bouncegate.classifier.classified import ClassifiedMessage
from bouncegate.classifier.returnpath.bouncebuilder import BounceBuilder
from bouncegate.classifier.returnpath.messagereader import MessageReader
from bouncegate.classifier.returnpath.probe import SideHandler
from bouncegate.classifier.returnpath.proof import NotYetKnown
from bouncegate.classifier.returnpath.readerprocess import Unreadable
from bouncegate.classifier.returnpath.recipients import KEYS_FAILED, Recipients
from bouncegate.classifier.returnpath.recorder import TRANSIENT, Recorder
from bouncegate.daemon.scoreboard import Counters, Name, note_span, spans
from bouncegate.store.errors import StoreError
from bouncegate.store.store import Bounce
from bouncegate.store.tokens.keys import KeyFileError
from bouncegate.store.tokens.token import Finding

log: Final = logging.getLogger("bouncegate.return-path")

ACCEPTED: Final = "250 2.0.0 Recorded"
HEARD: Final = "250 2.0.0 Heard"
SET_ASIDE: Final = "250 2.0.0 Set aside as broken"
NO_BOUNCE: Final = "250 2.0.0 Not a bounce, discarded"
STORE_FAILED: Final = "451 4.3.0 The store cannot take it now, try again later"
FAULT: Final = "451 4.3.0 Internal error, try again later"
STOPPING: Final = "451 4.3.2 The service ends, try again later"
NOT_YET: Final = "451 4.3.0 The message that bounced is not in the ledger yet, try again later"

# Postfix makes at most 100 connections (default_process_limit). The messages of all of them must
# fit into memory.
MOST_CONNECTIONS: Final = 128
# The ledger writer commits some milliseconds after a send; a second is ample for all but a stalled
# disk.
_LEDGER_TRIES: Final = 10
_LEDGER_PAUSE: Final = 0.1
# Maximum of consecutive messages that are set aside without a recorded one in between. Strangers
# who send more of one kind defer only their own mail.
_MOST_IN_A_ROW: Final = 32


class Mailboxes(NamedTuple):
    """Who receives mail, by recipient."""

    side_handler: SideHandler | None = None
    """Handles messages to its own recipients, such as probes and signs of life."""
    recipients: Recipients | None = None
    """Which other recipients are accepted; None: all."""


class Context(NamedTuple):
    """The options that a worker gives its handler."""

    mailboxes: Mailboxes = Mailboxes()
    reader: MessageReader | None = None
    """Reads the messages; None: the builder does, in this process."""


ALONE: Final = Context()

_RESULTS: Final = {
    ACCEPTED: "recorded",
    SET_ASIDE: "set-aside",
    NO_BOUNCE: "no-bounce",
    NOT_YET: "not-yet-in-ledger",
    STORE_FAILED: "store-failed",
    KEYS_FAILED: "keys-failed",
    FAULT: "fault",
    STOPPING: "stopping",
}
FIGURES: Final[tuple[Name, ...]] = (
    *spans("message"),
    *(("result", result) for result in _RESULTS.values()),
    *(("refused", str(finding)) for finding in Finding),
)
"""What is counted: how long replies took, and which replies were given."""
_PLACES: Final = {r: FIGURES.index(("result", result)) for r, result in _RESULTS.items()}
_REFUSED: Final = {finding: FIGURES.index(("refused", str(finding))) for finding in Finding}


class ReturnPathHandler:
    """Records messages and answers for them."""

    def __init__(
        self,
        builder: BounceBuilder,
        recorder: Recorder,
        clock: Callable[[], float],
        counters: Counters,
        context: Context = ALONE,
    ) -> None:
        """Make bounces by `builder`, record them by `recorder`; `clock` gives Unix time."""
        self._side_handler, self._recipients = context.mailboxes
        self._counters = counters
        self._reader = context.reader
        self._builder = builder
        self._recorder = recorder
        self._clock = clock
        self._set_aside_in_a_row = 0
        self._in_progress: set[asyncio.Task[object]] = set()
        self._gives_up = False

    @property
    def in_progress(self) -> int:
        """How many messages have not been answered yet; each must be before the worker ends."""
        return len(self._in_progress)

    def give_up(self) -> None:
        """Answer 4xx to all messages in progress at once; they may still be recorded.

        Later ones are answered so too, and not recorded: nobody would wait for their record.
        """
        self._gives_up = True
        for task in self._in_progress:
            task.cancel()

    def refusal(self, recipient: str) -> str:
        """The reply to a recipient that is refused; empty for one that is accepted."""
        if self._recipients is None or self._is_aside(recipient):
            return ""
        refused = self._recipients.refusal(recipient, int(self._clock()))
        if refused is None:
            return ""
        self._counters[_REFUSED[refused.finding]] += 1
        return refused.reply

    async def answer(self, raw: bytes, sender: str, recipients: Sequence[str]) -> list[str]:
        """Record the message; one reply for each recipient (RFC 2033, 4.2)."""
        if self._gives_up:
            log.warning("deferred: it comes when the worker ends")
            return [STOPPING] * len(recipients)
        task = asyncio.current_task()
        assert task is not None
        self._in_progress.add(task)
        aside = [to for to in recipients if self._is_aside(to)]
        bounced = [to for to in recipients if to not in aside]
        began = time.perf_counter_ns()
        try:
            side_reply = await self._answer(self._take_aside(aside, raw, sender)) if aside else ""
            reply = await self._answer(self._take(raw, bounced)) if bounced else ""
        finally:
            self._in_progress.discard(task)
        if bounced:
            note_span(self._counters, 0, began)
            self._counters[_PLACES[reply]] += 1
        return [side_reply if to in aside else reply for to in recipients]

    def _is_aside(self, recipient: str) -> bool:
        return self._side_handler is not None and self._side_handler.is_meant(recipient)

    async def _take_aside(self, aside: Sequence[str], raw: bytes, sender: str) -> str:
        assert self._side_handler is not None
        await asyncio.to_thread(self._side_handler.take, aside, raw, sender, int(self._clock()))
        return HEARD

    async def _take(self, raw: bytes, recipients: Sequence[str]) -> str:
        try:
            message = await self._classified(raw)
            if message is None:
                return NO_BOUNCE
            outcomes = await self._recorder.record(await self._bounce_of(message, recipients))
        except (NotYetKnown, *TRANSIENT):
            raise
        except Unreadable as error:
            log.error("set aside as broken, please report it: %s", error)
            return await self._set_aside(raw)
        except Exception:
            if self._set_aside_in_a_row >= _MOST_IN_A_ROW:
                raise
            log.exception("set aside as broken: internal error, please report it with this trace")
            return await self._set_aside(raw)
        self._set_aside_in_a_row = 0
        self._builder.log(outcomes)
        return ACCEPTED

    async def _classified(self, raw: bytes) -> ClassifiedMessage | None:
        if self._reader is None:
            return self._builder.classify(raw)
        return self._builder.sifted(await self._reader.classify(raw))

    async def _set_aside(self, raw: bytes) -> str:
        self._set_aside_in_a_row += 1
        self._builder.log(
            await self._recorder.submit(self._builder.set_aside(raw, int(self._clock())))
        )
        return SET_ASIDE

    async def _answer(self, taking: Awaitable[str]) -> str:
        try:
            return await taking
        except asyncio.CancelledError:
            if not self._gives_up:
                raise
            log.warning("deferred: the worker ends before it is recorded")
            return STOPPING
        except NotYetKnown:
            log.warning("deferred: the ledger does not know the message that bounced yet")
            return NOT_YET
        except StoreError as error:
            log.error("deferred: %s", error)
            return STORE_FAILED
        except KeyFileError as error:
            log.error("deferred: %s", error)
            return KEYS_FAILED
        except Exception:
            log.exception("deferred: internal error, please report it with this trace")
            return FAULT

    async def _bounce_of(self, message: ClassifiedMessage, recipients: Sequence[str]) -> Bounce:
        """The bounce; one that arrives before the ledger knows its message waits up to a second."""
        for _ in range(_LEDGER_TRIES):
            try:
                return self._builder.bounce_of(message, recipients, int(self._clock()))
            except NotYetKnown:
                await asyncio.sleep(_LEDGER_PAUSE)
        return self._builder.bounce_of(message, recipients, int(self._clock()))
