"""One line of Postfix's log: what became of one recipient, of one message, or nothing of interest.

    Nov 25 04:04:51 mail postfix/smtp[24052]: 4jZ5fq4JByzLhNx: to=<ann@example.com>,
        orig_to=<list@example.org>, relay=mx.example.com[192.0.2.1]:25, delay=0.08,
        delays=0.03/0.01/0.01/0.03, dsn=2.0.0, status=sent (250 2.0.0 Ok)

(one line). Much of it is written by strangers: the local part of an address, which Postfix puts
into quotes (info_log_address_format, 3.5 and later), and the text in parentheses, which is a
server's reply. So a line is read from its left end on, by fields that cannot hold one another;
whatever a text says, it can neither begin a line nor be taken for a field. All of this is pure.
"""

import re
from datetime import tzinfo
from typing import Final, Literal, NamedTuple

from bouncegate.maillog.timestamp import TIMESTAMP, seconds_of
from bouncegate.policy.text import clean, visible

LONGEST: Final = 16_384
"""Octets of a line that is read at all: syslogd cuts at 8 KiB at most, Postfix itself at 2,000."""
_LONGEST_TEXT: Final = 2048  # as much as the judge reads of a diagnostic

Outcome = Literal["sent", "deferred", "bounced"]


class Delivery(NamedTuple):
    """What became of one attempt to deliver to one recipient."""

    time: int
    queue_id: str
    program: str
    """smtp, lmtp, local, virtual, pipe, error, ..."""
    recipient: str
    """As it was after rewriting."""
    original: str
    """As it was before alias expansion; empty where it is the same."""
    relay: str
    """`host[address]:port`, `host[socket]`, the name of a service, or `none`."""
    status: str
    """The enhanced status code."""
    outcome: Outcome
    text: str

    @property
    def mailed(self) -> str:
        """The address that the sender named."""
        return self.original or self.recipient


class Expiry(NamedTuple):
    """A message has been in the queue for too long: who was still waiting never got it."""

    time: int
    queue_id: str


class Removal(NamedTuple):
    """An operator has deleted a message from the queue."""

    time: int
    queue_id: str


Line = Delivery | Expiry | Removal


class Said(NamedTuple):
    """A line of a log, whatever it is about."""

    time: int
    tag: str
    """Who said it, such as `postfix/smtp`."""
    text: str


_HEAD: Final = re.compile(
    rf"({TIMESTAMP}) [^\s]{{1,255}} ([\w./-]{{1,128}})\[[0-9]{{1,10}}\]: (.*)", re.DOTALL
)
_QUEUE_ID: Final = r"(?P<id>[0-9A-Za-z]{5,32}): "
# RFC 5321, 4.1.2: what is no atom stands in quotes. Outside of them is neither space nor bracket.
_ADDRESS: Final = r'((?:"(?:[^"\\]|\\.){0,128}"|[^\s"<>]){0,320})'
_DELIVERY: Final = re.compile(
    rf"{_QUEUE_ID}to=<(?P<to>{_ADDRESS})>, (?:orig_to=<(?P<original>{_ADDRESS})>, )?"
    r"relay=(?P<relay>[^\s,()]{1,300}), (?:[a-z_]{1,20}=[^\s,()]{1,100}, ){0,8}?"
    r"dsn=(?P<dsn>[245]\.[0-9]{1,3}\.[0-9]{1,3}), "
    r"status=(?P<outcome>sent|deferred|bounced) \((?P<text>.*)",
    re.DOTALL,
)
# Where Postfix is told to leave addresses unquoted, one of them may look like the fields that
# follow it; the true ones then stand in what is taken for the text.
_AMBIGUOUS: Final = re.compile(r">, (?:orig_to=<|relay=)")
_EXPIRY: Final = re.compile(
    rf"{_QUEUE_ID}from=<{_ADDRESS}>, status=(?:force-)?expired, returned to sender"
)
_REMOVAL: Final = re.compile(rf"{_QUEUE_ID}removed")


class Parser:
    """Reads the lines of the Postfix instances that log under one name."""

    def __init__(self, syslog_name: str, zone: tzinfo | None = None) -> None:
        """`syslog_name` as in main.cf; instances of postmulti(1) log as `NAME-INSTANCE`.

        `zone` is that of traditional timestamps; None: this machine's.
        """
        self._zone = zone
        self._tag = re.compile(
            rf"{re.escape(syslog_name)}(?:-[\w.-]{{1,64}})?/(?:[\w.-]{{1,64}}/)?([a-z0-9-]{{1,32}})"
        )

    def parse(self, line: bytes, now: int) -> Line | None:
        """What a line of a log file tells; None where that is nothing of interest."""
        if not _may_matter(line):
            return None
        said = said_in(line, now, self._zone)
        return None if said is None else self.read(*said)

    def read(self, time: int, tag: str, said: str) -> Line | None:
        """What a program said under a tag such as `postfix/smtp`."""
        program = self._tag.fullmatch(tag)
        if program is None:
            return None
        if program[1] == "qmgr":
            return _expiry(time, said)
        if program[1] == "postsuper":
            return _removal(time, said)
        return _delivery(time, program[1], said)


def said_in(line: bytes, now: int, zone: tzinfo | None = None) -> Said | None:
    """Who said what and when in a line of a log file; None for what is no such line."""
    head = _HEAD.fullmatch(line[:LONGEST].decode("utf-8", "replace").rstrip("\r\n"))
    if head is None:
        return None
    time = seconds_of(head[1], now, zone)
    return None if time is None else Said(time, head[2], head[3])


def _may_matter(line: bytes) -> bool:
    return b"status=" in line or (b"postsuper" in line and b": removed" in line)


def _delivery(time: int, program: str, said: str) -> Delivery | None:
    match = _DELIVERY.fullmatch(said[:LONGEST])
    if match is None or _AMBIGUOUS.search(match["text"]):
        return None
    outcome: dict[str, Outcome] = {"sent": "sent", "deferred": "deferred", "bounced": "bounced"}
    return Delivery(
        time,
        match["id"],
        program,
        match["to"],
        match["original"] or "",
        visible(match["relay"]),
        match["dsn"],
        outcome[match["outcome"]],
        clean(match["text"].removesuffix(")"), _LONGEST_TEXT),
    )


def _expiry(time: int, said: str) -> Expiry | None:
    match = _EXPIRY.fullmatch(said)
    return Expiry(time, match["id"]) if match else None


def _removal(time: int, said: str) -> Removal | None:
    match = _REMOVAL.fullmatch(said)
    return Removal(time, match["id"]) if match else None
