"""The commands of one LMTP session (RFC 2033) and their replies: a line goes in, replies come out.

Pure: neither a socket nor a clock. The session asks it about each line that is no message.
"""

from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple

from bouncegate.classifier.returnpath.lmtpcommand import SYNTAX, mail_refusal, path_of, rcpt_refusal

TOO_MANY_RECIPIENTS: Final = "452 4.5.3 Too many recipients"
LINE_TOO_LONG: Final = "500 5.5.2 Line too long"

# A DSN goes to one return path; Postfix hands over at most 50 recipients at once
# (default_destination_recipient_limit).
MOST_RECIPIENTS: Final = 100
# As many as smtpd(8) tolerates (smtpd_hard_error_limit).
_MOST_ERRORS: Final = 20

_SEQUENCE: Final = "503 5.5.1 Wrong sequence of commands"


class Next(Enum):
    """The input that the client must send next."""

    COMMAND = "command"
    MESSAGE = "message"
    NOTHING = "nothing"
    """The connection is to be closed."""


class Envelope(NamedTuple):
    """The envelope of a message, from MAIL and RCPT."""

    sender: str
    recipients: list[str]


class Dialogue:
    """The state of the dialogue."""

    def __init__(self, hostname: str, max_size: int, refusal: Callable[[str], str]) -> None:
        """Nothing yet; `max_size` is that of a message, in octets.

        `refusal` gives the reply to a recipient that is not taken; empty for one that is.
        """
        self._hostname = hostname
        self._refusal = refusal
        self._max_size = max_size
        self._replies: list[str] = []
        self._next = Next.COMMAND
        self._greeted = False
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._errors = 0

    def greeting(self) -> str:
        """The greeting."""
        return f"220 {self._hostname} Bouncegate return path"

    def command(self, line: bytes) -> tuple[list[str], Next]:
        """The replies to a command, and what comes next."""
        word, _, argument = line.decode("utf-8", "surrogateescape").partition(" ")
        command = _COMMANDS.get(word.upper())
        if command is None:
            self._fail("500 5.5.2 Command not recognized")
        else:
            command(self, argument.strip())
        return self._take_replies()

    def line_too_long(self) -> tuple[list[str], Next]:
        """As `command`, for a line that is longer than any command."""
        self._fail(LINE_TOO_LONG)
        return self._take_replies()

    def end_of_message(self) -> Envelope:
        """The envelope of the message that has ended; the next one may begin."""
        envelope = Envelope(self._sender or "", self._recipients)
        self._reset()
        return envelope

    def _take_replies(self) -> tuple[list[str], Next]:
        replies, self._replies = self._replies, []
        following, self._next = self._next, Next.COMMAND
        return replies, following

    def _reply(self, *replies: str) -> None:
        self._replies += replies

    def _fail(self, reply: str) -> None:
        self._errors += 1
        self._reply(reply)
        if self._errors > _MOST_ERRORS:
            self._reply("421 4.7.0 Too many errors")
            self._next = Next.NOTHING

    def _reset(self) -> None:
        self._sender, self._recipients = None, []

    def _lhlo(self, argument: str) -> None:
        if not argument:
            self._fail(SYNTAX)
            return
        self._reset()
        self._greeted = True
        self._reply(
            f"250-{self._hostname}",
            "250-PIPELINING",
            f"250-SIZE {self._max_size}",
            "250-8BITMIME",
            "250-SMTPUTF8",
            "250 ENHANCEDSTATUSCODES",
        )

    def _mail(self, argument: str) -> None:
        path = path_of(argument, "FROM:")
        if not self._greeted or self._sender is not None:
            self._fail(_SEQUENCE)
        elif path is None:
            self._fail(SYNTAX)
        elif refusal := mail_refusal(path, self._max_size):
            self._fail(refusal)
        else:
            self._sender = path.address
            self._reply("250 2.1.0 OK")

    def _rcpt(self, argument: str) -> None:
        path = path_of(argument, "TO:")
        if self._sender is None:
            self._fail(_SEQUENCE)
        elif path is None or not path.address:
            self._fail(SYNTAX)
        elif refusal := rcpt_refusal(path):
            self._fail(refusal)
        elif len(self._recipients) >= MOST_RECIPIENTS:
            self._reply(TOO_MANY_RECIPIENTS)
        elif refusal := self._refusal(path.address):
            self._reply(refusal)
        else:
            self._recipients.append(path.address)
            self._reply("250 2.1.5 OK")

    def _data(self, argument: str) -> None:
        if not self._recipients:
            self._fail(_SEQUENCE)
        elif argument:
            self._fail(SYNTAX)
        else:
            self._reply("354 End data with <CR><LF>.<CR><LF>")
            self._next = Next.MESSAGE

    def _rset(self, argument: str) -> None:
        if argument:
            self._fail(SYNTAX)
            return
        self._reset()
        self._reply("250 2.0.0 OK")

    def _noop(self, _argument: str) -> None:
        self._reply("250 2.0.0 OK")

    def _vrfy(self, _argument: str) -> None:
        self._reply("252 2.1.5 Send it and see")

    def _quit(self, _argument: str) -> None:
        self._reply("221 2.0.0 Bye")
        self._next = Next.NOTHING


_COMMANDS: Final[dict[str, Callable[[Dialogue, str], None]]] = {
    "LHLO": Dialogue._lhlo,
    "MAIL": Dialogue._mail,
    "RCPT": Dialogue._rcpt,
    "DATA": Dialogue._data,
    "RSET": Dialogue._rset,
    "NOOP": Dialogue._noop,
    "VRFY": Dialogue._vrfy,
    "QUIT": Dialogue._quit,
}
