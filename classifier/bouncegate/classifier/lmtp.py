"""The server's side of LMTP (RFC 2033), as much of it as Postfix speaks on a socket of its own.

Written for the return path alone, which spends its time here: with a library that hears a message
line by line, half of what a DSN cost went into the session. Here a message is found by the end of
its data, and commands that come together (PIPELINING, RFC 2920) are answered together.

Octets go in, octets come out; what becomes of a message is the business of whoever is given it.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol, cast

log: Final = logging.getLogger("bouncegate.return-path")

TOO_MANY_RECIPIENTS: Final = "452 4.5.3 Too many recipients"

# A DSN goes to one return path; Postfix hands over at most 50 recipients at once
# (default_destination_recipient_limit).
MOST_RECIPIENTS: Final = 100
# RFC 5321, 4.5.3.1.4 asks for 512 octets, SIZE (RFC 1870) and SMTPUTF8 (RFC 6531) for 36 more;
# Postfix takes 2,048 (line_length_limit).
_LONGEST_COMMAND: Final = 2048
# What may come before its turn: commands behind a message that is being recorded.
_MOST_AHEAD: Final = 64 * 1024
# As many as smtpd(8) suffers (smtpd_hard_error_limit).
_MOST_ERRORS: Final = 20

_END: Final = b"\r\n.\r\n"
# RFC 5321, 4.1.2; whatever stands between the brackets is for the recipient's side to understand.
# A source route is dropped (appendix C).
_PATH: Final = re.compile(
    r'\s*<(?:@[^<>":]*:)?((?:[^<>"]|"(?:[^"\\]|\\.)*")*)>(?:\s+(.*))?', re.DOTALL
)
_MAIL_PARAMETERS: Final = frozenset({"SIZE", "BODY", "SMTPUTF8"})

_SYNTAX: Final = "501 5.5.4 Syntax error"
_SEQUENCE: Final = "503 5.5.1 Wrong sequence of commands"


class Handler(Protocol):
    """What is given the messages."""

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


class Session(asyncio.Protocol):
    """One connection."""

    def __init__(
        self,
        handler: Handler,
        terms: Terms,
        loop: asyncio.AbstractEventLoop,
        on_end: Callable[[], None],
    ) -> None:
        """Serve the connection that is made; `on_end` is called when it has ended."""
        self._handler = handler
        self._terms = terms
        self._loop = loop
        self._on_end = on_end
        self._input = bytearray()
        self._output: list[str] = []
        self._greeted = False
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._scanned = -1
        """How much of the message in the input has been looked through; -1 between messages."""
        self._is_too_large = False
        self._skips_line = False
        self._recording: asyncio.Task[None] | None = None
        self._is_stalled = False
        self._errors = 0
        self._since = 0.0

    # -- what the loop calls -----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        # No class of asyncio's own, where the loop is uvloop's.
        self._transport = cast("asyncio.Transport", transport)
        self._since = self._loop.time()
        self._timer = self._loop.call_later(self._terms.timeout, self._look_at_clock)
        self._say(f"220 {self._terms.hostname} Bouncegate return path")
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it; a message that is being recorded will be recorded all the same."""
        self._timer.cancel()
        self._on_end()

    def data_received(self, data: bytes) -> None:
        """Hear what can be heard by now."""
        self._input += data
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
            self._since = self._loop.time()
        self._flush()

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
            self._fail("500 5.5.2 Line too long")
            return True
        word, _, argument = line.decode("utf-8", "surrogateescape").partition(" ")
        command = _COMMANDS.get(word.upper())
        if command is None:
            self._fail("500 5.5.2 Command not recognized")
        else:
            command(self, argument.strip())
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
        recipients, sender = self._recipients, self._sender or ""
        is_too_large = self._is_too_large
        self._reset()
        if is_too_large:
            self._say(*["552 5.3.4 Message too large"] * len(recipients))
            return
        if content.startswith(b"."):
            content = content[1:]
        # RFC 5321, 4.5.2: the dot that the client put before a dot.
        content = content.replace(b"\r\n.", b"\r\n")
        self._recording = self._loop.create_task(self._record(content, sender, recipients))

    async def _record(self, content: bytes, sender: str, recipients: Sequence[str]) -> None:
        replies = await self._handler.answer(content, sender, recipients)
        self._recording = None
        self._since = self._loop.time()
        self._say(*replies)
        self._go_on()

    def _look_at_clock(self) -> None:
        """End a session that makes no progress; a message in hand is ours to hurry."""
        left = self._since + self._terms.timeout - self._loop.time()
        if left <= 0 and self._recording is None:
            self._transport.abort()
            return
        self._timer = self._loop.call_later(max(left, 1.0), self._look_at_clock)

    def _say(self, *replies: str) -> None:
        self._output += replies

    def _fail(self, reply: str) -> None:
        self._errors += 1
        self._say(reply)
        if self._errors > _MOST_ERRORS:
            self._say("421 4.7.0 Too many errors")
            self._close()

    def _flush(self) -> None:
        if self._output and not self._transport.is_closing():
            lines = "\r\n".join((*self._output, ""))
            self._output.clear()
            self._transport.write(lines.encode("utf-8", "replace"))

    def _close(self) -> None:
        self._flush()
        self._transport.close()

    def _reset(self) -> None:
        self._sender, self._recipients = None, []
        self._scanned, self._is_too_large = -1, False

    # -- commands ----------------------------------------------------------------------------

    def _lhlo(self, argument: str) -> None:
        if not argument:
            self._fail(_SYNTAX)
            return
        self._reset()
        self._greeted = True
        self._say(
            f"250-{self._terms.hostname}",
            "250-PIPELINING",
            f"250-SIZE {self._terms.max_size}",
            "250-8BITMIME",
            "250-SMTPUTF8",
            "250 ENHANCEDSTATUSCODES",
        )

    def _mail(self, argument: str) -> None:
        path = _path_of(argument, "FROM:")
        if not self._greeted or self._sender is not None:
            self._fail(_SEQUENCE)
        elif path is None:
            self._fail(_SYNTAX)
        elif not path.parameters.keys() <= _MAIL_PARAMETERS:
            self._fail("555 5.5.4 Parameter not recognized")
        elif path.size > self._terms.max_size:
            self._fail("552 5.3.4 Message too large")
        else:
            self._sender = path.address
            self._say("250 2.1.0 OK")

    def _rcpt(self, argument: str) -> None:
        path = _path_of(argument, "TO:")
        if self._sender is None:
            self._fail(_SEQUENCE)
        elif path is None or not path.address:
            self._fail(_SYNTAX)
        elif path.parameters:
            self._fail("555 5.5.4 Parameter not recognized")
        elif len(self._recipients) >= MOST_RECIPIENTS:
            self._say(TOO_MANY_RECIPIENTS)
        else:
            self._recipients.append(path.address)
            self._say("250 2.1.5 OK")

    def _data(self, argument: str) -> None:
        if not self._recipients:
            self._fail(_SEQUENCE)
        elif argument:
            self._fail(_SYNTAX)
        else:
            self._scanned = 0
            self._say("354 End data with <CR><LF>.<CR><LF>")

    def _rset(self, _argument: str) -> None:
        self._reset()
        self._say("250 2.0.0 OK")

    def _noop(self, _argument: str) -> None:
        self._say("250 2.0.0 OK")

    def _vrfy(self, _argument: str) -> None:
        self._say("252 2.1.5 Send it and see")

    def _quit(self, _argument: str) -> None:
        self._say("221 2.0.0 Bye")
        self._close()


_COMMANDS: Final[dict[str, Callable[[Session, str], None]]] = {
    "LHLO": Session._lhlo,
    "MAIL": Session._mail,
    "RCPT": Session._rcpt,
    "DATA": Session._data,
    "RSET": Session._rset,
    "NOOP": Session._noop,
    "VRFY": Session._vrfy,
    "QUIT": Session._quit,
}


class Path(NamedTuple):
    """An address in MAIL FROM or RCPT TO, and the parameters behind it."""

    address: str
    parameters: dict[str, str]

    @property
    def size(self) -> int:
        """What the client says of the message's size (RFC 1870); 0 where it says nothing."""
        digits = self.parameters.get("SIZE", "")
        return int(digits) if digits.isascii() and digits.isdigit() else 0


def _path_of(argument: str, keyword: str) -> Path | None:
    """The path behind `FROM:` or `TO:`; None where there is none."""
    if argument[: len(keyword)].upper() != keyword:
        return None
    found = _PATH.fullmatch(argument, len(keyword))
    if found is None:
        return None
    words = (word.partition("=") for word in (found[2] or "").upper().split())
    return Path(found[1], {name: value for name, _, value in words})


def protocol_factory(
    handler: Handler,
    terms: Terms,
    loop: asyncio.AbstractEventLoop,
    on_end: Callable[[], None],
) -> Callable[[], asyncio.Protocol]:
    """What makes the protocol of each connection; `on_end` is called when one has ended."""
    return lambda: Session(handler, terms, loop, on_end)
