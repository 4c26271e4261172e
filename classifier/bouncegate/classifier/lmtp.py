"""The LMTP side of the return path: one message in, one honest answer a recipient.

250 is said only when the events of the message are durable. Whatever stands in the way, from a
full disk to a fault of ours, is a 4xx: Postfix keeps the DSN and tries again (RFC 2033, 4.2).
"""

import asyncio
import logging
import re
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, AnyStr, Final, Protocol

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from bouncegate.classifier.intake import Intake
from bouncegate.classifier.proof import NotYetKnown
from bouncegate.classifier.recorder import Recorder
from bouncegate.config.settings import ReturnPathSettings
from bouncegate.daemon.counters import Name, Row, note_span, spans
from bouncegate.store.errors import StoreError
from bouncegate.store.store import Bounce

log: Final = logging.getLogger("bouncegate.return-path")

ACCEPTED: Final = "250 2.0.0 Recorded"
HEARD: Final = "250 2.0.0 Heard"
NO_BOUNCE: Final = "250 2.0.0 Not a bounce, discarded"
STORE_FAILED: Final = "451 4.3.0 The store cannot take it now, try again later"
FAULT: Final = "451 4.3.0 Internal error, try again later"
NOT_YET: Final = "451 4.3.0 The message that bounced is not in the ledger yet, try again later"
TOO_MANY_RECIPIENTS: Final = "452 4.5.3 Too many recipients"

# A DSN goes to one return path; Postfix hands over at most 50 recipients at once
# (default_destination_recipient_limit).
MOST_RECIPIENTS: Final = 100
# Postfix makes at most 100 connections (default_process_limit); messages of all of them must fit
# into memory together.
MOST_CONNECTIONS: Final = 128
# The scribe commits some milliseconds after a send; a second is ample for all but a stalled disk.
_LEDGER_TRIES: Final = 10
_LEDGER_PAUSE: Final = 0.1
# RFC 5321, 4.5.3.1.6 allows 1,000 octets a line. Longer ones are against it, but a DSN that
# returns a message with them is a DSN still.
_LONGEST_LINE: Final = 1 << 20

# Every path that a return path of ours makes, and most others: atoms and dots, no route (RFC 5321,
# 4.1.2). The local part has at most 64 octets (4.5.3.1.1).
_PLAIN_PATH: Final = re.compile(r"<((?:[\w.+=-]{1,64}@[A-Za-z0-9.-]{1,255})?)>(?= |$)", re.ASCII)


class Aside(Protocol):
    """What takes the messages for some recipients instead of the return path."""

    def is_meant(self, recipient: str) -> bool:
        """Whether what is sent there is for it."""
        ...

    def take(self, raw: bytes, sender: str | None, now: int) -> None:
        """Deal with a message, durably; raises StoreError."""
        ...


_RESULTS: Final = {
    ACCEPTED: "recorded",
    NO_BOUNCE: "no-bounce",
    NOT_YET: "not-yet-in-ledger",
    STORE_FAILED: "store-failed",
    FAULT: "fault",
}
FIGURES: Final[tuple[Name, ...]] = (
    *spans("message"),
    *(("result", result) for result in _RESULTS.values()),
)
"""What is counted where somebody asks for figures: how long answers took, and which they were."""
_PLACES: Final = {r: FIGURES.index(("result", result)) for r, result in _RESULTS.items()}


class ReturnPathHandler:
    """What aiosmtpd calls at each step of a session."""

    def __init__(
        self,
        intake: Intake,
        recorder: Recorder,
        clock: Callable[[], float],
        aside: Aside | None = None,
        row: Row | None = None,
    ) -> None:
        """Read by `intake`, record by `recorder`; `clock` tells the seconds since 1970.

        `row` is where to count, if anybody asks for figures.
        """
        self._aside = aside
        self._row = row
        self._intake = intake
        self._recorder = recorder
        self._clock = clock
        self.in_hand = 0
        """How many messages are being recorded: none of them may be left without an answer."""

    async def handle_RCPT(  # noqa: N802 - the name is aiosmtpd's
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        """Take any recipient, up to a bound: it is Postfix that decides what comes here."""
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return TOO_MANY_RECIPIENTS
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802 - the name is aiosmtpd's
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Record the message, then answer once for each recipient (RFC 2033, 4.2)."""
        assert isinstance(envelope.content, bytes)
        self.in_hand += 1
        recipients = envelope.rcpt_tos
        aside = {to for to in recipients if self._aside is not None and self._aside.is_meant(to)}
        bounced = [to for to in recipients if to not in aside]
        raw, sender = envelope.content, (envelope.mail_from or "").strip("<>")
        began = time.perf_counter_ns()
        try:
            heard = await self._answer(self._hear(raw, sender)) if aside else ""
            reply = await self._answer(self._take(raw, bounced)) if bounced else ""
        finally:
            self.in_hand -= 1
        if self._row is not None and bounced:
            note_span(self._row, 0, began)
            self._row[_PLACES[reply]] += 1
        return "\r\n".join(heard if to in aside else reply for to in recipients)

    async def _hear(self, raw: bytes, sender: str) -> str:
        assert self._aside is not None
        await asyncio.to_thread(self._aside.take, raw, sender, int(self._clock()))
        return HEARD

    async def _take(self, raw: bytes, recipients: Sequence[str]) -> str:
        bounce = await self._bounce_of(raw, recipients)
        if bounce is None:
            return NO_BOUNCE
        outcomes = await asyncio.wrap_future(self._recorder.submit(bounce))
        self._intake.log(outcomes)
        return ACCEPTED

    async def _answer(self, taking: Awaitable[str]) -> str:
        try:
            return await taking
        except NotYetKnown:
            log.warning("deferred: the ledger does not know the message that bounced yet")
            return NOT_YET
        except StoreError as error:
            log.error("deferred: %s", error)
            return STORE_FAILED
        except Exception:
            log.exception("deferred: a fault of ours; please report it with this trace")
            return FAULT

    async def _bounce_of(self, raw: bytes, recipients: Sequence[str]) -> Bounce | None:
        """A bounce that was faster than the ledger waits for it, if not for long."""
        for _ in range(_LEDGER_TRIES):
            try:
                return self._intake.bounce_of(raw, recipients, int(self._clock()))
            except NotYetKnown:
                await asyncio.sleep(_LEDGER_PAUSE)
        return self._intake.bounce_of(raw, recipients, int(self._clock()))


class ReturnPathProtocol(LMTP):
    """aiosmtpd's LMTP with our bounds."""

    line_length_limit = _LONGEST_LINE

    def __init__(self, handler: object, on_end: Callable[[], None], **arguments: Any) -> None:
        """Serve one connection as the handler says; `on_end` is called when it has ended."""
        super().__init__(handler, **arguments)
        self._on_end = on_end

    def connection_lost(self, error: Exception | None) -> None:
        """Make room for the next connection."""
        self._on_end()
        super().connection_lost(error)

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """A path and the parameters behind it; nearly all need no parser of address fields.

        aiosmtpd asks the one of `email`, which takes 8 % of all the time that a DSN takes.
        """
        plain = _PLAIN_PATH.match(arg)
        if plain is None:
            return super()._getaddr(arg)
        return plain[1] or "<>", arg[plain.end() :]

    async def push(self, status: AnyStr) -> None:
        """Answer; a message that aiosmtpd itself refuses needs an answer a recipient as well."""
        recipients = len(self.envelope.rcpt_tos) if self.envelope else 0
        times = recipients if status in _REFUSED_AFTER_DATA else 1
        for _ in range(max(times, 1)):
            await super().push(status)


_REFUSED_AFTER_DATA: Final = (
    "500 Line too long (see RFC5321 4.5.3.1.6)",
    "552 Error: Too much mail data",
)


def protocol_factory(
    handler: ReturnPathHandler,
    settings: ReturnPathSettings,
    loop: asyncio.AbstractEventLoop,
    on_end: Callable[[], None],
) -> Callable[[], asyncio.Protocol]:
    """What makes the protocol of each connection; `on_end` is called when one has ended."""
    # By default aiosmtpd asks DNS for its own name at each connection.
    arguments: dict[str, Any] = {
        "hostname": socket.gethostname(),
        "ident": "Bouncegate return path",
        "data_size_limit": settings.max_size.octets,
        "timeout": settings.timeout.after(0),
        "enable_SMTPUTF8": True,
        "loop": loop,
    }
    return lambda: ReturnPathProtocol(handler, on_end, **arguments)
