"""The server's side of one LMTP connection (RFC 2033) without I/O: bytes in, bytes and events out.

`receive` takes input, `next_event` returns the next event in it, `data_to_send` returns the output.
There is no socket, loop or clock: the session is the adapter to them.

Only as much of LMTP as Postfix speaks on a socket of its own. A message is found by the end of its
data and not line by line, which took half of the time that a DSN cost; commands that come together
(PIPELINING, RFC 2920) are answered together.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final, NamedTuple

from bouncegate.classifier.returnpath.lmtpcommand import TOO_LARGE
from bouncegate.classifier.returnpath.lmtpdialogue import Dialogue, Next

# RFC 5321, 4.5.3.1.4 asks for 512 octets, SIZE (RFC 1870) and SMTPUTF8 (RFC 6531) for 36 more;
# Postfix takes 2,048 (line_length_limit).
_LONGEST_COMMAND: Final = 2048
_END: Final = b"\r\n.\r\n"
# So many octets of the end may have come behind a message that is as large as it may be.
_BEGUN: Final = len(b".\r")


class Message(NamedTuple):
    """A whole message, which `Connection.answer` has to answer before anything else is read."""

    content: bytes
    sender: str
    recipients: Sequence[str]


class Event(Enum):
    """What else has come."""

    ANSWERED = "a command, or a message that is too large: the reply is in `data_to_send`"
    CLOSED = "the last command: the connection is to be closed when all data is sent"


class Connection:
    """The input received and the replies given so far."""

    def __init__(self, hostname: str, max_size: int, refusal: Callable[[str], str]) -> None:
        """Begin with the greeting; `max_size` is that of a message, in octets.

        `refusal` gives the reply to a recipient that is not accepted; empty for one that is.
        """
        self._max_size = max_size
        self._dialogue = Dialogue(hostname, max_size, refusal)
        self._input = bytearray()
        self._output = [self._dialogue.greeting()]
        self._scanned = -1
        """How much of the message in the input has been looked through; -1 between messages."""
        self._is_too_large = False
        self._skips_line = False
        self._is_closed = False
        self.awaits_answer = False
        """Whether a message has not been answered yet."""

    @property
    def is_between_messages(self) -> bool:
        """Whether no message has begun that is not answered yet."""
        return self._scanned < 0 and not self.awaits_answer

    @property
    def waiting(self) -> int:
        """Octets that were received and are part of no event yet."""
        return len(self._input)

    def receive(self, data: bytes) -> None:
        """Take what has come."""
        self._input += data

    def next_event(self) -> Message | Event | None:
        """The next event; None until more input or the answer to a message, or after the end."""
        if self.awaits_answer or self._is_closed:
            return None
        return self._next_command() if self._scanned < 0 else self._next_message()

    def answer(self, replies: Sequence[str]) -> None:
        """Answer the message that came last: one reply for each recipient (RFC 2033, 4.2)."""
        self.awaits_answer = False
        self._output += replies

    def close(self, why: str) -> None:
        """Say that the connection is closed by this side (RFC 5321, 3.8)."""
        self._is_closed = True
        self._output.append(f"421 {why}")

    def data_to_send(self) -> bytes:
        """All replies that were not sent yet."""
        if not self._output:
            return b""
        lines = "\r\n".join((*self._output, ""))
        self._output.clear()
        return lines.encode("utf-8", "replace")

    def _next_command(self) -> Event | None:
        end = self._input.find(b"\n")
        if end < 0:
            if len(self._input) > _LONGEST_COMMAND:
                self._input.clear()
                self._skips_line = True
            return None
        line = bytes(self._input[:end]).rstrip(b"\r")
        del self._input[: end + 1]
        if self._skips_line or len(line) > _LONGEST_COMMAND:
            self._skips_line = False
            replies, following = self._dialogue.line_too_long()
        else:
            replies, following = self._dialogue.command(line)
        self._output += replies
        if following is Next.MESSAGE:
            self._scanned = 0
        self._is_closed = following is Next.NOTHING
        return Event.CLOSED if self._is_closed else Event.ANSWERED

    def _next_message(self) -> Message | Event | None:
        found = self._input.find(_END, max(self._scanned - len(_END), 0))
        if self._input.startswith(_END[2:]) and not self._is_too_large:  # nothing at all
            content, behind = b"", len(_END) - 2
        elif found >= 0:
            content, behind = bytes(self._input[: found + 2]), found + len(_END)
        else:
            if len(self._input) > self._max_size + _BEGUN:
                self._is_too_large = True
                del self._input[: -len(_END)]
            self._scanned = len(self._input)
            return None
        del self._input[:behind]
        self._is_too_large |= len(content) > self._max_size
        return self._end_of_message(content)

    def _end_of_message(self, content: bytes) -> Message | Event:
        sender, recipients = self._dialogue.end_of_message()
        is_too_large = self._is_too_large
        self._scanned, self._is_too_large = -1, False
        if is_too_large:
            self._output += [TOO_LARGE] * len(recipients)
            return Event.ANSWERED
        self.awaits_answer = True
        # RFC 5321, 4.5.2: the dot that the client put before a dot.
        return Message(content.removeprefix(b".").replace(b"\r\n.", b"\r\n"), sender, recipients)
