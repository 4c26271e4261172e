"""The MTA's side of the milter protocol (version 6), so far as Postfix uses it.

It can play an MTA that honours the macros a milter asks for, as Postfix does, and one that
sends its own set and knows nothing of that request. Macros belong to the step that they are asked
for: a step for which nothing is asked has Postfix's own set. Postfix sends the macros of a step
that the milter has opted out of, too; the other one sends nothing then, and neither does Sendmail
8, which honours requests.
"""

import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

ALL_ACTIONS: Final = 0x1FF
ALL_STEPS: Final = 0x1F_FFFF
NO_CONNECT, NO_HELO, NO_MAIL, NO_RCPT = 1, 2, 4, 8
NO_BODY, NO_HEADERS, NO_EOH, NO_UNKNOWN, NO_DATA = 0x10, 0x20, 0x40, 0x100, 0x200
NO_REPLY_CONNECT, NO_REPLY_MAIL, NO_REPLY_HEADER = 0x1000, 0x4000, 0x80
ANY_WITHOUT_REPLY: Final = 0xF_F000 | 0x80
SETSYMLIST = 0x100
ADDHDRS, ADDRCPT, DELRCPT = 1, 4, 8

# Where macros can be asked for (SMFIM_CONNECT and so on), and the command they come with.
_STAGES: Final = {0: "C", 1: "H", 2: "M", 3: "R", 4: "T", 5: "E", 6: "N"}
# The defaults of milter_connect_macros and so on (Postfix 3.7).
_SENT_UNASKED: Final[Mapping[str, tuple[str, ...]]] = {
    "C": ("j", "{daemon_name}", "{daemon_addr}", "v", "_"),
    "H": ("{tls_version}", "{cipher}", "{cipher_bits}", "{cert_subject}", "{cert_issuer}"),
    "M": (
        *("i", "{auth_type}", "{auth_authen}", "{auth_author}"),
        *("{mail_addr}", "{mail_host}", "{mail_mailer}"),
    ),
    "R": ("i", "{rcpt_addr}", "{rcpt_host}", "{rcpt_mailer}"),
    "T": ("i",),
    "E": ("i",),
    "N": ("i",),
}


class Answer(NamedTuple):
    """What a milter answers: `c`, `t`, or `y` with a reply text."""

    verdict: str
    text: str = ""


class Mta:
    """One connection of an MTA to a milter."""

    def __init__(
        self, at: Path | int, *, honours_request: bool = True, tells_opted_out: bool = True
    ) -> None:
        """Connect to a path or a local port and negotiate.

        An MTA that does not honour what it is asked for sends its own macros; one that
        `tells_opted_out` sends macros of steps that the milter does not want.
        """
        self._honours_request = honours_request
        self._tells_opted_out = honours_request and tells_opted_out
        family = socket.AF_UNIX if isinstance(at, Path) else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.settimeout(10)
        self._socket.connect(str(at) if isinstance(at, Path) else ("127.0.0.1", at))
        self._send("O", struct.pack(">III", 6, ALL_ACTIONS, ALL_STEPS))
        offer = self._receive("O")
        _, self.actions, self.steps = struct.unpack_from(">III", offer)
        self.asked = _asked(offer[12:])

    def connect(self, macros: Mapping[str, str], client: str = "192.0.2.1") -> None:
        """Tell of the client, if the milter wants to know."""
        address = b"client.example\x004" + struct.pack(">H", 40000) + client.encode() + b"\x00"
        if self.steps & NO_CONNECT:
            self._opted_out("C", macros)
        else:
            self._step("C", macros, address, replies=not self.steps & NO_REPLY_CONNECT)
        self._opted_out("H", macros)

    def mail(self, macros: Mapping[str, str], sender: str) -> None:
        """Tell of the sender, if the milter wants to know."""
        if self.steps & NO_MAIL:
            self._opted_out("M", macros)
            return
        argument = f"<{sender}>".encode("utf-8", "surrogateescape") + b"\x00"
        self._step("M", macros, argument, replies=not self.steps & NO_REPLY_MAIL)

    def rcpt(self, macros: Mapping[str, str], recipient: bytes) -> Answer:
        """Offer one recipient, as it stands in RCPT TO; the answer."""
        self._macros("R", macros)
        self._send("R", recipient + b"\x00")
        return self._answer()

    def data(self) -> Answer:
        """Say that the message itself begins, if the milter wants to know."""
        if self.steps & NO_DATA:
            self._opted_out("T", {})
            return Answer("c")
        self._send("T", b"")
        return self._answer()

    def header(self, name: str, value: str) -> None:
        """Tell one field of the header, if the milter wants to know; it must not answer."""
        if not self.steps & NO_HEADERS:
            assert self.steps & NO_REPLY_HEADER
            self._send("L", f"{name}\x00{value}\x00".encode())

    def changes(self, macros: Mapping[str, str]) -> list[tuple[str, bytes]]:
        """End the message; what the milter changes of it before it lets it pass."""
        self._macros("E", macros)
        self._send("E", b"")
        found = []
        while (packet := self._packet())[0] != "c":
            assert packet[0] not in "rtyd", "nothing may stop a message at its end"
            found.append(packet)
        return found

    def abort(self) -> None:
        """Give the message up, as at RSET."""
        self._send("A", b"")

    def end_of_message(self) -> Answer:
        """End the message."""
        self._send("E", b"")
        return self._answer()

    def probe(self) -> Answer:
        """The answer to a message whose recipient is locked nowhere."""
        self.connect({})
        self.mail({}, "news@sender.test")
        return self.rcpt({}, b"<anybody@elsewhere.test>")

    def close(self) -> None:
        """Leave, as at the end of an SMTP session."""
        with suppress(ConnectionError):
            self._send("Q", b"")
        self._socket.close()

    def __enter__(self) -> Self:
        """The connection itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close without a word if something went wrong."""
        if error is None:
            self.close()
        self._socket.close()

    def _step(
        self, command: str, macros: Mapping[str, str], argument: bytes, *, replies: bool
    ) -> None:
        self._macros(command, macros)
        self._send(command, argument)
        if replies:
            assert self._answer() == Answer("c")

    def _opted_out(self, command: str, macros: Mapping[str, str]) -> None:
        """What is sent of a step that the milter does not want."""
        if self._tells_opted_out:
            self._macros(command, macros)

    def _macros(self, command: str, macros: Mapping[str, str]) -> None:
        unasked = _SENT_UNASKED[command]
        names = self.asked.get(command, unasked) if self._honours_request else unasked
        pairs = [(name, macros[name]) for name in names if name in macros]
        flat = "".join(f"{name}\x00{value}\x00" for name, value in pairs)
        self._send("D", command.encode() + flat.encode("utf-8", "surrogateescape"))

    def _send(self, command: str, data: bytes) -> None:
        self._socket.sendall(struct.pack(">I", len(data) + 1) + command.encode() + data)

    def _receive(self, command: str) -> bytes:
        received, data = self._packet()
        assert received == command
        return data

    def _answer(self) -> Answer:
        verdict, data = self._packet()
        # The MTA undoes the doubling of `%`, as Postfix does.
        return Answer(verdict, data.rstrip(b"\x00").decode("ascii").replace("%%", "%"))

    def _packet(self) -> tuple[str, bytes]:
        (length,) = struct.unpack(">I", self._exactly(4))
        packet = self._exactly(length)
        return chr(packet[0]), packet[1:]

    def _exactly(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            more = self._socket.recv(length - len(data))
            if not more:
                raise ConnectionError("the milter closed the connection")
            data += more
        return data


def _asked(requests: bytes) -> dict[str, tuple[str, ...]]:
    """The macros that the milter asked for, by the command with which they are sent."""
    asked: dict[str, tuple[str, ...]] = {}
    while requests:
        (stage,) = struct.unpack_from(">I", requests)
        names, _, requests = requests[4:].partition(b"\x00")
        if stage in _STAGES:
            asked[_STAGES[stage]] = tuple(names.decode().split())
    return asked
