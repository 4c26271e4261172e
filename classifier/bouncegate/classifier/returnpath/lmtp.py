"""The server's side of LMTP (RFC 2033), as much of it as Postfix speaks on a socket of its own.

Written for the return path alone, which spends its time here: with a library that hears a message
line by line, half of what a DSN cost went into the session. Here a message is found by the end of
its data, and commands that come together (PIPELINING, RFC 2920) are answered together.

Octets go in, octets come out; what becomes of a message is the business of its handler.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol, cast

from bouncegate.classifier.returnpath.lmtpcommand import TOO_LARGE
from bouncegate.classifier.returnpath.lmtpdialogue import Dialogue, Next

# RFC 5321, 4.5.3.1.4 asks for 512 octets, SIZE (RFC 1870) and SMTPUTF8 (RFC 6531) for 36 more;
# Postfix takes 2,048 (line_length_limit).
_LONGEST_COMMAND: Final = 2048
# What may come before its turn: commands behind a message that is being recorded.
_MOST_AHEAD: Final = 64 * 1024
# Where places are scarce, a client has the time that smtpd(8) gives under stress (smtpd_timeout),
# and must send a message no slower than smtpd_min_data_rate asks for, in octets a second.
_STRESS_TIMEOUT: Final = 10.0
_LEAST_RATE: Final = 500
# How often a session looks at the clock, in seconds: places may become scarce at any time.
_LOOK_EVERY: Final = 1.0

_END: Final = b"\r\n.\r\n"


class Handler(Protocol):
    """What is given the messages."""

    def refusal(self, recipient: str) -> str:
        """The reply to a recipient that is not taken; empty for one that is. Never raises."""
        ...

    async def answer(self, raw: bytes, sender: str, recipients: Sequence[str]) -> Sequence[str]:
        """Deal with a message; one reply for each recipient (RFC 2033, 4.2). Never raises."""
        ...


class Terms(NamedTuple):
    """What holds for every session."""

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
        self._dialogue = Dialogue(terms.hostname, terms.max_size, handler.refusal)
        self._input = bytearray()
        self._output: list[str] = []
        self._scanned = -1
        """How much of the message in the input has been looked through; -1 between messages."""
        self._is_too_large = False
        self._skips_line = False
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
        self._output.append(self._dialogue.greeting())
        self._flush()
        self._look_at_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it; a message that is being recorded will be recorded all the same."""
        if self._timer is not None:
            self._timer.cancel()
        self._register.ended(self)

    def data_received(self, data: bytes) -> None:
        """Hear what can be heard by now."""
        self._input += data
        self._received += len(data)
        self._advance()
        if self._must_wait and len(self._input) > _MOST_AHEAD:
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """The client does not read its answers: it gets no more of them."""
        self._is_stalled = True

    def resume_writing(self) -> None:
        """Go on."""
        self._is_stalled = False
        self._go_on()

    # -- what the worker asks for ------------------------------------------------------------

    @property
    def is_between_messages(self) -> bool:
        """Whether no message has begun that is not answered yet."""
        return self._scanned < 0 and self._recording is None and not self._transport.is_closing()

    def hang_up(self, why: str) -> None:
        """Close the connection (RFC 5321, 3.8), even if the client does not read its answers."""
        self._output.append(f"421 {why}")
        self._flush()
        if self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self._transport.close()

    # -- the session -------------------------------------------------------------------------

    @property
    def _must_wait(self) -> bool:
        return self._recording is not None or self._is_stalled

    def _go_on(self) -> None:
        if self._transport.is_closing():
            return
        self._transport.resume_reading()
        self._advance()

    def _advance(self) -> None:
        """Take commands and messages from the input as long as there are whole ones."""
        while not self._must_wait and not self._transport.is_closing():
            took = self._take_message() if self._scanned >= 0 else self._take_command()
            if not took:
                break
            self._note_progress()
        self._flush()

    def _note_progress(self) -> None:
        self._since, self._received = self._loop.time(), len(self._input)

    def _take_command(self) -> bool:
        end = self._input.find(b"\n")
        if end < 0:
            if len(self._input) > _LONGEST_COMMAND:
                self._input.clear()
                self._skips_line = True
            return False
        line = bytes(self._input[:end]).rstrip(b"\r")
        del self._input[: end + 1]
        if self._skips_line or len(line) > _LONGEST_COMMAND:
            self._skips_line = False
            replies, following = self._dialogue.hear_too_much()
        else:
            replies, following = self._dialogue.hear(line)
        self._output += replies
        if following is Next.MESSAGE:
            self._scanned = 0
        elif following is Next.NOTHING:
            self._flush()
            self._transport.close()
        return True

    def _take_message(self) -> bool:
        found = self._input.find(_END, max(self._scanned - len(_END), 0))
        if self._input.startswith(_END[2:]) and not self._is_too_large:  # nothing at all
            content, behind = b"", len(_END) - 2
        elif found >= 0:
            content, behind = bytes(self._input[: found + 2]), found + len(_END)
        else:
            if len(self._input) > self._terms.max_size:
                self._is_too_large = True
                del self._input[: -len(_END)]
            self._scanned = len(self._input)
            return False
        del self._input[:behind]
        self._is_too_large |= len(content) > self._terms.max_size
        self._end_of_message(content)
        return True

    def _end_of_message(self, content: bytes) -> None:
        sender, recipients = self._dialogue.end_of_message()
        is_too_large = self._is_too_large
        self._scanned, self._is_too_large = -1, False
        if is_too_large:
            self._output += [TOO_LARGE] * len(recipients)
            return
        if content.startswith(b"."):
            content = content[1:]
        # RFC 5321, 4.5.2: the dot that the client put before a dot.
        content = content.replace(b"\r\n.", b"\r\n")
        self._recording = self._loop.create_task(self._record(content, sender, recipients))

    async def _record(self, content: bytes, sender: str, recipients: Sequence[str]) -> None:
        replies = await self._handler.answer(content, sender, recipients)
        self._recording = None
        self._note_progress()
        self.idle_since = self._since
        self._output += replies
        self._go_on()

    def _look_at_clock(self) -> None:
        """End a session that makes no progress; a message in hand is ours to hurry."""
        left = _LOOK_EVERY
        if self._recording is None:
            left = self._since + self._terms.allowed(self._received) - self._loop.time()
        if left <= 0:
            self.hang_up("4.4.2 Timeout exceeded")
            return
        self._timer = self._loop.call_later(min(left, _LOOK_EVERY), self._look_at_clock)

    def _flush(self) -> None:
        if self._output and not self._transport.is_closing():
            lines = "\r\n".join((*self._output, ""))
            self._output.clear()
            self._transport.write(lines.encode("utf-8", "replace"))
