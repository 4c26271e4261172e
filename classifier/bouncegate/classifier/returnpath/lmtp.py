"""One LMTP session: the adapter between a connection (`lmtpconnection`), asyncio and the clock.

It sends and receives, waits while a message is handled, and closes a session without progress. The
handler decides about the message.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol, cast

from bouncegate.classifier.returnpath.lmtpconnection import Connection, Event, Message

# Input that may arrive early: commands after a message that is being recorded.
_MOST_AHEAD: Final = 64 * 1024
# If places are scarce, a client has the time that smtpd(8) allows under stress (smtpd_timeout),
# and must send a message no slower than smtpd_min_data_rate asks for, in octets a second.
_STRESS_TIMEOUT: Final = 10.0
_LEAST_RATE: Final = 500
# Seconds between a session's timeout checks: places may become scarce at any time.
_LOOK_EVERY: Final = 1.0


class Handler(Protocol):
    """What is given the messages."""

    def refusal(self, recipient: str) -> str:
        """The reply to a recipient that is not taken; empty for one that is. Never raises."""
        ...

    async def answer(self, raw: bytes, sender: str, recipients: Sequence[str]) -> Sequence[str]:
        """Deal with a message; one reply for each recipient (RFC 2033, 4.2). Never raises."""
        ...


class Terms(NamedTuple):
    """The settings of all sessions."""

    max_size: int
    """Of a message, in octets."""
    timeout: float
    """Seconds from one command to the end of the next, or of a message."""
    hostname: str
    is_scarce: Callable[[], bool] = lambda: False
    """Whether places for sessions are scarce, so that every client must hurry."""

    def allowed(self, octets: int) -> float:
        """Seconds for a command or message of which so many octets have come."""
        if not self.is_scarce():
            return self.timeout
        return min(self.timeout, _STRESS_TIMEOUT + octets / _LEAST_RATE)


class Register(Protocol):
    """What knows the sessions that are open."""

    def began(self, session: "Session") -> None:
        """Note one that has begun."""
        ...

    def ended(self, session: "Session") -> None:
        """Note that it has ended."""
        ...


class Session(asyncio.Protocol):
    """One connection."""

    def __init__(
        self,
        handler: Handler,
        terms: Terms,
        loop: asyncio.AbstractEventLoop,
        register: Register,
    ) -> None:
        """Serve the connection that is made."""
        self._handler = handler
        self._terms = terms
        self._loop = loop
        self._register = register
        self._connection = Connection(terms.hostname, terms.max_size, handler.refusal)
        self._recording: asyncio.Task[None] | None = None
        self._is_stalled = False
        self._timer: asyncio.TimerHandle | None = None
        self._since = 0.0
        """When the last command or message was whole."""
        self._received = 0
        """Octets that have come since."""
        self.idle_since = 0.0
        """When the connection was made, or the last message was answered."""

    # -- what the loop calls -----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        # No class of asyncio's own, where the loop is uvloop's.
        self._transport = cast("asyncio.Transport", transport)
        self._since = self.idle_since = self._loop.time()
        self._register.began(self)
        self._flush()
        self._look_at_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it; a message that is being recorded is recorded all the same."""
        if self._timer is not None:
            self._timer.cancel()
        self._register.ended(self)

    def data_received(self, data: bytes) -> None:
        """Read as far as possible."""
        self._connection.receive(data)
        self._received += len(data)
        self._advance()
        must_wait = self._is_stalled or self._connection.awaits_answer
        if must_wait and self._connection.waiting > _MOST_AHEAD:
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """Answer nothing more while the client does not read its answers."""
        self._is_stalled = True

    def resume_writing(self) -> None:
        """Go on."""
        self._is_stalled = False
        self._go_on()

    # -- what the worker asks for ------------------------------------------------------------

    @property
    def is_between_messages(self) -> bool:
        """Whether no message has begun that is not answered yet."""
        return self._connection.is_between_messages and not self._transport.is_closing()

    def hang_up(self, why: str) -> None:
        """Close the connection, even if the client does not read its answers."""
        self._connection.close(why)
        self._flush()
        if self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self._transport.close()

    # -- the session -------------------------------------------------------------------------

    def _go_on(self) -> None:
        if self._transport.is_closing():
            return
        self._transport.resume_reading()
        self._advance()

    def _advance(self) -> None:
        """Deal with commands and messages as long as there are whole ones."""
        while not self._is_stalled and not self._transport.is_closing():
            event = self._connection.next_event()
            if event is None:
                break
            self._note_progress()
            if isinstance(event, Message):
                self._recording = self._loop.create_task(self._record(event))
            elif event is Event.CLOSED:
                self._flush()
                self._transport.close()
        self._flush()

    def _note_progress(self) -> None:
        self._since, self._received = self._loop.time(), self._connection.waiting

    async def _record(self, message: Message) -> None:
        replies = await self._handler.answer(message.content, message.sender, message.recipients)
        self._connection.answer(replies)
        self._note_progress()
        self.idle_since = self._since
        self._go_on()

    def _look_at_clock(self) -> None:
        """End a session that makes no progress; a whole message is ours to hurry."""
        left = _LOOK_EVERY
        if not self._connection.awaits_answer:
            left = self._since + self._terms.allowed(self._received) - self._loop.time()
        if left <= 0:
            self.hang_up("4.4.2 Timeout exceeded")
            return
        self._timer = self._loop.call_later(min(left, _LOOK_EVERY), self._look_at_clock)

    def _flush(self) -> None:
        data = self._connection.data_to_send()
        if data and not self._transport.is_closing():
            self._transport.write(data)
