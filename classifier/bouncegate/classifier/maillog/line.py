"""One line of Postfix's log: what became of one recipient, of one message, or nothing of interest.

    Nov 25 04:04:51 mail postfix/smtp[24052]: 4jZ5fq4JByzLhNx: to=<ann@example.com>,
        orig_to=<list@example.org>, relay=mx.example.com[192.0.2.1]:25, delay=0.08,
        delays=0.03/0.01/0.01/0.03, dsn=2.0.0, status=sent (250 2.0.0 Ok)

(one line). Much of it is written by strangers: the local part of an address, which Postfix puts
into quotes (info_log_address_format, 3.5 and later), and the text in parentheses, which is a
server's reply. So a line is read from its left end on, by fields that cannot hold one another;
whatever a text says, it can neither begin a line nor be taken for a field. All of this is pure.

What stands before it is as syslog daemons write it: RFC 3164 with or without a priority, a host, or
a facility and severity (BusyBox), and RFC 5424. What a container runtime puts around it is taken
off before (containers.py).
"""

import re
from datetime import tzinfo
from typing import Final, Literal, NamedTuple

from bouncegate.classifier.maillog.timestamp import ISO, TIMESTAMP, seconds_of, tells_zone
from bouncegate.config.text import clean, visible

LONGEST: Final = 16_384
"""Octets of a line that is read at all: syslogd cuts at 8 KiB at most, Postfix itself at 2,000."""
_LONGEST_TEXT: Final = 2048  # as much as the classifier reads of a diagnostic
# Seconds: the largest maximal_queue_lifetime that qmgr(8) takes.
_LONGEST_DELAY: Final = 100.0 * 86_400

Outcome = Literal["sent", "deferred", "bounced"]


class DeliveryLine(NamedTuple):
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
    delay: float | None = None
    """Seconds since the message arrived."""
    queued: float = 0
    """How many of them were over when it was taken up for this attempt (delays=a/...)."""
    tells_zone: bool = True
    """Whether the time is told by the line, and not by a guess at its zone."""

    @property
    def mailed(self) -> str:
        """The address that the sender named."""
        return self.original or self.recipient


class ExpiryLine(NamedTuple):
    """A message has been in the queue for too long: who was still waiting never got it."""

    time: int
    queue_id: str
    tells_zone: bool = True


class RemovalLine(NamedTuple):
    """An operator has deleted a message from the queue."""

    time: int
    queue_id: str
    tells_zone: bool = True


class RefusalLine(NamedTuple):
    """cleanup(8) did not take a message whose end our milter had seen, or threw it away."""

    time: int
    queue_id: str
    tells_zone: bool = True


class ActivationLine(NamedTuple):
    """qmgr(8) has begun, or begins again, to deliver a message."""

    time: int
    queue_id: str
    recipients: int
    """To how many that are left, after all aliases were expanded."""
    tells_zone: bool = True


Line = DeliveryLine | ExpiryLine | RemovalLine | RefusalLine | ActivationLine


class Said(NamedTuple):
    """A line of a log, whatever it is about."""

    time: int
    tag: str
    """Who said it, such as `postfix/smtp`."""
    text: str
    tells_zone: bool = True
    """Whether the line tells how far its time is from UTC."""


_PRIORITY: Final = r"(?:<[0-9]{1,3}>)?"
# A tag cannot pass for a host: it ends with a colon, and has its process number in brackets.
_HOST: Final = r"[^\s\[\]]{0,254}[^\s\[\]:]"
_TAG: Final = r"(?P<tag>[\w./+@-]{1,128})"
# RFC 5424, 6.3: PARAM-VALUE holds a bracket or a quote only behind a backslash.
_DATA: Final = r'(?:-|(?:\[(?:[^\]"\\]|"(?:[^"\\]|\\.){0,1024}"){1,1024}\]){1,8})'
_HEADS: Final = (
    re.compile(  # RFC 3164, 4.1
        rf"{_PRIORITY}(?P<time>{TIMESTAMP}) (?:{_HOST} )?(?:[a-z0-9]{{2,9}}\.[a-z]{{3,7}} )?"
        rf"{_TAG}\[[0-9]{{1,10}}\]: (?P<text>.*)",
        re.DOTALL,
    ),
    re.compile(  # RFC 5424, 6; daemons that write files leave out priority and version
        rf"(?:{_PRIORITY}1 )?(?P<time>{ISO}) {_HOST} {_TAG} [!-~]{{1,128}} [!-~]{{1,32}} "
        rf"{_DATA} \ufeff? *(?P<text>.*)",
        re.DOTALL,
    ),
)
_QUEUE_ID: Final = r"(?P<id>[0-9A-Za-z]{5,32}): "
# RFC 5321, 4.1.2: what is no atom stands in quotes. Outside of them is neither space nor bracket.
_ADDRESS: Final = r'((?:"(?:[^"\\]|\\.){0,128}"|[^\s"<>]){0,320})'
_DELIVERY: Final = re.compile(
    rf"{_QUEUE_ID}to=<(?P<to>{_ADDRESS})>, (?:orig_to=<(?P<original>{_ADDRESS})>, )?"
    r"relay=(?P<relay>[^\s,()]{1,300}), (?P<fields>(?:[a-z_]{1,20}=[^\s,()]{1,100}, ){0,8}?)"
    r"dsn=(?P<dsn>[245]\.[0-9]{1,3}\.[0-9]{1,3}), "
    r"status=(?P<outcome>sent|deferred|bounced|SOFTBOUNCE) \((?P<text>.*)",
    re.DOTALL,
)
_DELAY: Final = re.compile(r"(?:^| )delay=(?P<seconds>[0-9.]{1,15}(?:e\+[0-9]{2})?),")
_QUEUED: Final = re.compile(r"(?:^| )delays=(?P<seconds>[0-9.]{1,15}(?:e\+[0-9]{2})?)/")
# With soft_bounce = yes a message that would have bounced stays in the queue.
_OUTCOMES: Final[dict[str, Outcome]] = {
    "sent": "sent",
    "deferred": "deferred",
    "bounced": "bounced",
    "SOFTBOUNCE": "deferred",
}
# Where Postfix is told to leave addresses unquoted, one of them may look like the fields that
# follow it; the true ones then stand in what is taken for the text.
_AMBIGUOUS: Final = re.compile(r">, (?:orig_to=<|relay=)")
_EXPIRY: Final = re.compile(
    rf"{_QUEUE_ID}from=<{_ADDRESS}>, status=(?:force-)?expired, returned to sender"
)
# A milter behind ours refused it at its end, threw it away, or did not answer. What it puts on hold
# (milter-hold) may be released.
_REFUSAL: Final = re.compile(
    rf"{_QUEUE_ID}milter-(?:reject|discard): END-OF-MESSAGE from .*", re.DOTALL
)
_ACTIVATION: Final = re.compile(
    rf"{_QUEUE_ID}from=<{_ADDRESS}>, size=[0-9]{{1,12}}, nrcpt=(?P<count>[0-9]{{1,7}}) "
    r"\(queue active\)"
)
_REMOVAL: Final = re.compile(rf"{_QUEUE_ID}removed")


class Parser:
    """Reads the lines of the Postfix instances that log under one name."""

    def __init__(self, syslog_name: str, zone: tzinfo | None = None) -> None:
        """`syslog_name` as in main.cf; instances of postmulti(1) log as `NAME-INSTANCE`.

        A service of master.cf with a name of its own logs as `NAME/SERVICE/PROGRAM`. `zone` is that
        of timestamps that tell none; None: this machine's.
        """
        self._zone = zone
        self._tag = re.compile(
            rf"{re.escape(syslog_name)}(?:-[\w.-]{{1,64}})?/(?:[\w.+@-]{{1,64}}/){{0,4}}"
            r"([a-z0-9-]{1,32})"
        )

    def parse(self, line: bytes, now: int) -> Line | None:
        """What a line of a log file tells; None where that is nothing of interest."""
        if not _may_matter(line):
            return None
        said = self.said(line, now)
        return None if said is None else self.read(said)

    def said(self, line: bytes, now: int) -> Said | None:
        """Who said what and when in a line of a log file; None for what is no such line."""
        return said_in(line, now, self._zone)

    def is_of_postfix(self, said: Said) -> bool:
        """Whether a line is of one of the instances."""
        return self._tag.fullmatch(said.tag) is not None

    def read(self, said: Said) -> Line | None:
        """What a program said under a tag such as `postfix/smtp`."""
        program = self._tag.fullmatch(said.tag)
        if program is None:
            return None
        if program[1] == "qmgr":
            return _expiry(said) or _activation(said)
        if program[1] == "postsuper":
            return _removal(said)
        if program[1] == "cleanup":
            return _refusal(said)
        return _delivery(program[1], said)


def said_in(line: bytes, now: int, zone: tzinfo | None = None) -> Said | None:
    """Who said what and when in a line of a log file; None for what is no such line."""
    text = line[:LONGEST].decode("utf-8", "replace").rstrip("\r\n")
    for form in _HEADS:
        head = form.fullmatch(text)
        if head is not None:
            time = seconds_of(head["time"], now, zone)
            if time is None:
                return None
            return Said(time, head["tag"], head["text"], tells_zone(head["time"]))
    return None


def _may_matter(line: bytes) -> bool:
    return (
        b"status=" in line
        or b"(queue active)" in line
        or b": END-OF-MESSAGE from " in line
        or (b"postsuper" in line and b": removed" in line)
    )


def _delivery(program: str, said: Said) -> DeliveryLine | None:
    match = _DELIVERY.fullmatch(said.text[:LONGEST])
    if match is None or _AMBIGUOUS.search(match["text"]):
        return None
    return DeliveryLine(
        said.time,
        match["id"],
        program,
        match["to"],
        match["original"] or "",
        visible(match["relay"]),
        match["dsn"],
        _OUTCOMES[match["outcome"]],
        clean(match["text"].removesuffix(")"), _LONGEST_TEXT),
        _seconds(_DELAY, match["fields"]),
        _seconds(_QUEUED, match["fields"]) or 0,
        said.tells_zone,
    )


def _seconds(field: re.Pattern[str], fields: str) -> float | None:
    match = field.search(fields)
    try:
        return min(float(match["seconds"]), _LONGEST_DELAY) if match else None
    except ValueError:
        return None


def _expiry(said: Said) -> ExpiryLine | None:
    match = _EXPIRY.fullmatch(said.text)
    return ExpiryLine(said.time, match["id"], said.tells_zone) if match else None


def _removal(said: Said) -> RemovalLine | None:
    match = _REMOVAL.fullmatch(said.text)
    return RemovalLine(said.time, match["id"], said.tells_zone) if match else None


def _activation(said: Said) -> ActivationLine | None:
    match = _ACTIVATION.fullmatch(said.text)
    if match is None:
        return None
    return ActivationLine(said.time, match["id"], int(match["count"]), said.tells_zone)


def _refusal(said: Said) -> RefusalLine | None:
    match = _REFUSAL.fullmatch(said.text)
    return RefusalLine(said.time, match["id"], said.tells_zone) if match else None
