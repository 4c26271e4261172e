"""A session of LMTP beside a small model of what RFC 2033 asks for.

- However the octets are cut, the replies are the same.
- Each command gets one reply, each message one for every recipient that was accepted.
- No message is accepted but with the octets that were sent.
- Nothing raises, and what the session holds of the client's octets is bounded.
"""

import random
from collections.abc import Sequence
from typing import Final

from bouncegate.classifier.returnpath.lmtpconnection import Connection, Event, Message

_SIZE: Final = 300
_LONGEST: Final = 2048
_LARGEST: Final = 8192
_END: Final = b"\r\n.\r\n"
# A command or a message that has not ended yet; more of either is dropped.
_MOST_HELD: Final = max(_LONGEST, _SIZE + len(b"\r\n.\r\n"))

WORDS: Final = (
    b"LHLO x\r\n", b"MAIL FROM:<>\r\n", b"MAIL FROM:<a@b.test> SIZE=300 BODY=8BITMIME\r\n",
    b"MAIL FROM:<> SIZE=301\r\n", b"MAIL FROM:<> BODY=BINARYMIME\r\n", b"RCPT TO:<a@b.test>\r\n",
    b"RCPT TO:<b@b.test>\r\n", b"RCPT TO:<>\r\n", b"DATA\r\n", b".\r\n", b"\r\n.\r\n",
    b"\r\n..\r\n", b"\n.\r\n", b"\r\n.\n", b".", b"\r", b"\n", b"x" * 100 + b"\r\n", b"x" * 3000,
    b"RSET\r\n", b"NOOP\r\n", b"QUIT\r\n", b"VRFY x\r\n", b"BDAT 3 LAST\r\n", b"\xff\0\r\n",
    b"data \r\n", b"LHLO\r\n", b"RCPT TO:<a@b.test> NOTIFY=NEVER\r\n", b"MAIL FROM:<\"\\\">\r\n",
)  # fmt: skip
"""Of which sessions are made."""


def check_session(data: bytes) -> None:
    """The octets of a client: pieces of sessions, each chosen by an octet, and any others."""
    octets = _octets(data)
    said, messages = _talk(octets, [len(octets)])
    cuts = random.Random(octets)
    assert _talk(octets, [cuts.randint(1, 40) for _ in octets]) == (said, messages), "cut otherwise"
    _Model(said, messages).follow(octets)


def _octets(data: bytes) -> bytes:
    pieces = (WORDS[o - 128] if 0 <= o - 128 < len(WORDS) else bytes((o,)) for o in data)
    return b"".join(pieces)[:_LARGEST]


def _talk(octets: bytes, sizes: Sequence[int]) -> tuple[list[bytes], list[tuple[bytes, int]]]:
    """What a session says, in single replies, and the messages that came of it."""
    connection = Connection("fuzz.test", _SIZE, lambda _recipient: "")
    messages: list[tuple[bytes, int]] = []
    said = connection.data_to_send()
    at = 0
    for size in (*sizes, 0):
        connection.receive(octets[at : at + size])
        at += size
        while (event := connection.next_event()) is not Event.CLOSED:
            if isinstance(event, Message):
                assert connection.next_event() is None, "read on before the answer"
                messages.append((event.content, len(event.recipients)))
            elif event is None and not connection.awaits_answer:
                break
            elif event is None:
                reply = f"250 2.0.0 number {len(messages)}"
                connection.answer([reply] * messages[-1][1])
        said += connection.data_to_send()
        if event is Event.CLOSED:
            assert connection.next_event() is None, "read on after the end"
            break
        assert connection.waiting <= _MOST_HELD, "too much is held"
    lines = said.split(b"\r\n")
    assert lines.pop() == b"", "a reply has no end"
    return [line for line in lines if line[3:4] != b"-"], messages


class _Model:
    """What must have been said, told from the octets and what was accepted so far."""

    def __init__(self, said: Sequence[bytes], messages: Sequence[tuple[bytes, int]]) -> None:
        self._said = iter(said)
        self._messages = iter(messages)
        self._greeted = False
        self._mail = False
        self._recipients = 0
        self._errors = 0

    def follow(self, octets: bytes) -> None:
        """Go through the session from its beginning."""
        assert self._code() == 220
        at = 0
        while (end := octets.find(b"\n", at)) >= 0:
            line, at = octets[at:end].rstrip(b"\r"), end + 1
            code = self._code()
            if code == 354:
                content, at = _message(octets, at)
                self._begun(line)
                if content is None:
                    break
                self._answered(content)
            else:
                self._heard(line, code)
                if code in {221, 421}:
                    break
                if self._is_sent_away:
                    break
        assert next(self._said, None) is None, "something was said that nobody asked for"
        assert next(self._messages, None) is None, "a message was made up"

    @property
    def _is_sent_away(self) -> bool:
        if self._errors <= 20:
            return False
        assert self._code() == 421
        return True

    def _code(self) -> int:
        return int(next(self._said)[:3])

    def _heard(self, line: bytes, code: int) -> None:
        word = line.partition(b" ")[0].upper()
        if code >= 500:
            self._errors += 1
            return
        assert len(line) <= _LONGEST
        if word == b"LHLO":
            self._greeted, self._mail, self._recipients = True, False, 0
        elif word == b"MAIL":
            assert self._greeted
            assert not self._mail
            assert b"BINARYMIME" not in line.upper()
            self._mail = True
        elif word == b"RCPT":
            assert self._mail
            self._recipients += code == 250
        elif word == b"RSET":
            self._mail, self._recipients = False, 0
        else:
            assert word in {b"NOOP", b"VRFY", b"QUIT"}, line

    def _begun(self, line: bytes) -> None:
        assert line.strip().upper() == b"DATA"
        assert self._recipients

    def _answered(self, content: bytes) -> None:
        codes = {self._code() for _ in range(self._recipients)}
        if len(content) > _SIZE:
            assert codes == {552}
        else:
            assert codes == {250}
            expected = (b"\r\n" + content).replace(b"\r\n.", b"\r\n")[2:]
            assert next(self._messages) == (expected, self._recipients)
        self._mail, self._recipients = False, 0


def _message(octets: bytes, at: int) -> tuple[bytes | None, int]:
    """A message with its dots as they were sent, and where it ends; None without an end."""
    end = (b"\r\n" + octets[at:]).find(_END)
    if end < 0:
        return None, len(octets)
    return octets[at : at + end], at + end + 3
