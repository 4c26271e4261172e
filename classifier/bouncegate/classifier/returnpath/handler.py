"""What becomes of a message that came by LMTP: one honest answer a recipient.

250 is said only when the events of the message are durable. Whatever stands in the way, such as a
full disk, is a 4xx: Postfix keeps the DSN and tries again (RFC 2033, 4.2).

A fault of ours that one message brings up would come up at each try again, for five days. So it is
set aside, durable, as a bounce of nobody's, and whole if messages are kept: 250, and an error in
the log. Where message after message brings one up, it is not the messages: they wait in Postfix.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple, Protocol

from bouncegate.classifier.classified import ClassifiedMessage
from bouncegate.classifier.returnpath.intake import Intake
from bouncegate.classifier.returnpath.messagereader import MessageReader
from bouncegate.classifier.returnpath.proof import NotYetKnown
from bouncegate.classifier.returnpath.readerprocess import Unreadable
from bouncegate.classifier.returnpath.recipients import KEYS_FAILED, Recipients
from bouncegate.classifier.returnpath.recorder import TRANSIENT, Recorder
from bouncegate.daemon.counters import Name, Row, note_span, spans
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

# Postfix makes at most 100 connections (default_process_limit); messages of all of them must fit
# into memory together.
MOST_CONNECTIONS: Final = 128
# The ledger writer commits some milliseconds after a send; a second is ample for all but a stalled
# disk.
_LEDGER_TRIES: Final = 10
_LEDGER_PAUSE: Final = 0.1
# So many messages in a row are set aside, with none in between that could be recorded. Strangers
# who send as many of one kind have only their own put off.
_MOST_IN_A_ROW: Final = 32


class SideHandler(Protocol):
    """What takes the messages for some recipients instead of the return path."""

    def is_meant(self, recipient: str) -> bool:
        """Whether what is sent there is for it."""
        ...

    def take(self, recipients: Sequence[str], raw: bytes, sender: str | None, now: int, /) -> None:
        """Deal with a message for some of these, durably; raises StoreError."""
        ...


class Mailboxes(NamedTuple):
    """For whom mail is taken."""

    aside: SideHandler | None = None
    """Takes what is for its recipients."""
    recipients: Recipients | None = None
    """Which of all others are taken; None: every one."""


class Context(NamedTuple):
    """What else a worker has for its handler."""

    mailboxes: Mailboxes = Mailboxes()
    row: Row | None = None
    """Where to count, if anybody asks for figures."""
    reader: MessageReader | None = None
    """Reads the messages; None: the intake reads them, whatever becomes of this process."""


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
"""What is counted where somebody asks for figures: how long answers took, and which they were."""
_PLACES: Final = {r: FIGURES.index(("result", result)) for r, result in _RESULTS.items()}
_REFUSED: Final = {finding: FIGURES.index(("refused", str(finding))) for finding in Finding}


class ReturnPathHandler:
    """Takes messages, and answers for them."""

    def __init__(
        self,
        intake: Intake,
        recorder: Recorder,
        clock: Callable[[], float],
        context: Context = ALONE,
    ) -> None:
        """Take in by `intake`, record by `recorder`; `clock` tells the seconds since 1970."""
        self._aside, self._recipients = context.mailboxes
        self._row = context.row
        self._reader = context.reader
        self._intake = intake
        self._recorder = recorder
        self._clock = clock
        self._set_aside_in_a_row = 0
        self._in_hand: set[asyncio.Task[object]] = set()
        self._gives_up = False

    @property
    def in_hand(self) -> int:
        """How many messages are being recorded: none of them may be left without an answer."""
        return len(self._in_hand)

    def give_up(self) -> None:
        """Answer 4xx to all that is in hand, and at once; it may still be recorded."""
        self._gives_up = True
        for task in self._in_hand:
            task.cancel()

    def refusal(self, recipient: str) -> str:
        """The reply to a recipient that is not taken; empty for one that is."""
        if self._recipients is None or (self._aside and self._aside.is_meant(recipient)):
            return ""
        refused = self._recipients.refusal(recipient, int(self._clock()))
        if refused is None:
            return ""
        if self._row is not None:
            self._row[_REFUSED[refused.finding]] += 1
        return refused.reply

    async def answer(self, raw: bytes, sender: str, recipients: Sequence[str]) -> list[str]:
        """Record the message; one reply for each recipient (RFC 2033, 4.2)."""
        task = asyncio.current_task()
        assert task is not None
        self._in_hand.add(task)
        aside = [to for to in recipients if self._aside is not None and self._aside.is_meant(to)]
        bounced = [to for to in recipients if to not in aside]
        began = time.perf_counter_ns()
        try:
            heard = await self._answer(self._hear(aside, raw, sender)) if aside else ""
            reply = await self._answer(self._take(raw, bounced)) if bounced else ""
        finally:
            self._in_hand.discard(task)
        if self._row is not None and bounced:
            note_span(self._row, 0, began)
            self._row[_PLACES[reply]] += 1
        return [heard if to in aside else reply for to in recipients]

    async def _hear(self, aside: Sequence[str], raw: bytes, sender: str) -> str:
        assert self._aside is not None
        await asyncio.to_thread(self._aside.take, aside, raw, sender, int(self._clock()))
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
        self._intake.log(outcomes)
        return ACCEPTED

    async def _classified(self, raw: bytes) -> ClassifiedMessage | None:
        if self._reader is None:
            return self._intake.classify(raw)
        return self._intake.sifted(await self._reader.classify(raw))

    async def _set_aside(self, raw: bytes) -> str:
        self._set_aside_in_a_row += 1
        self._intake.log(
            await self._recorder.submit(self._intake.set_aside(raw, int(self._clock())))
        )
        return SET_ASIDE

    async def _answer(self, taking: Awaitable[str]) -> str:
        try:
            return await taking
        except asyncio.CancelledError:
            if not self._gives_up:
                raise
            log.warning("deferred: it could not be recorded before the end")
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
            log.exception("deferred: a fault of ours; please report it with this trace")
            return FAULT

    async def _bounce_of(self, message: ClassifiedMessage, recipients: Sequence[str]) -> Bounce:
        """A bounce that was faster than the ledger waits for it, if not for long."""
        for _ in range(_LEDGER_TRIES):
            try:
                return self._intake.bounce_of(message, recipients, int(self._clock()))
            except NotYetKnown:
                await asyncio.sleep(_LEDGER_PAUSE)
        return self._intake.bounce_of(message, recipients, int(self._clock()))
