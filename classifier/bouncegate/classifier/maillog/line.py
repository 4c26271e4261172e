"""Parses one line of Postfix's log: the outcome for one recipient or message, or nothing.

    Nov 25 04:04:51 mail postfix/smtp[24052]: 4jZ5fq4JByzLhNx: to=<ann@example.com>,
        orig_to=<list@example.org>, relay=mx.example.com[192.0.2.1]:25, delay=0.08,
        delays=0.03/0.01/0.01/0.03, dsn=2.0.0, status=sent (250 2.0.0 Ok)

(one line). Strangers control much of it: the local part of an address, which Postfix quotes
(info_log_address_format, 3.5 and later), and the text in parentheses, which is a server's reply. So
a line is parsed from left to right, by fields that cannot contain one another: no text can start a
line or pass for a field. All functions are pure.

The header of a line is RFC 3164, with or without a priority, a host, or a facility and severity
(BusyBox), or RFC 5424. The format of a container runtime is removed before (containers.py).
"""

import re
from datetime import tzinfo
from typing import Final, Literal, NamedTuple

from bouncegate.classifier.maillog.timestamp import ISO, TIMESTAMP, has_zone, seconds_of
from bouncegate.config.text import clean, visible

LONGEST: Final = 16_384
"""Maximum octets of a line: syslogd truncates at 8 KiB at most, Postfix itself at 2,000."""
_LONGEST_TEXT: Final = 2048  # as much as the classifier reads of a diagnostic
# Seconds: the largest maximal_queue_lifetime that qmgr(8) accepts.
_LONGEST_DELAY: Final = 100.0 * 86_400

Outcome = Literal["sent", "deferred", "bounced"]


class DeliveryLine(NamedTuple):
    """The outcome of one delivery attempt for one recipient."""

    time: int
    queue_id: str
    program: str
    """smtp, lmtp, local, virtual, pipe, error, ..."""
    recipient: str
    """After rewriting."""
    original: str
    """Before alias expansion; empty if it is the same."""
    relay: str
    """`host[address]:port`, `host[socket]`, the name of a service, or `none`."""
    status: str
    """The enhanced status code."""
    outcome: Outcome
    text: str
    delay: float | None = None
    """Seconds since the message arrived."""
    queued: float = 0
    """Seconds of `delay` before the queue manager picked it up for this attempt (delays=a/...)."""
    has_zone: bool = True
    """Whether the line includes the time zone; if not, the zone is a guess."""

    @property
    def mailed(self) -> str:
        """The address that the sender named."""
        return self.original or self.recipient


class ExpiryLine(NamedTuple):
    """A message has expired in the queue: the remaining recipients never get it."""

    time: int
    queue_id: str
    has_zone: bool = True


class RemovalLine(NamedTuple):
    """An operator has deleted a message from the queue."""

    time: int
    queue_id: str
    has_zone: bool = True


class RefusalLine(NamedTuple):
    """cleanup(8) rejected or discarded a message after our milter had seen its end."""

    time: int
    queue_id: str
    has_zone: bool = True


class ActivationLine(NamedTuple):
    """qmgr(8) starts or restarts the delivery of a message."""

    time: int
    queue_id: str
    recipients: int
    """The number of remaining recipients, after alias expansion."""
    has_zone: bool = True


Line = DeliveryLine | ExpiryLine | RemovalLine | RefusalLine | ActivationLine


class LogMessage(NamedTuple):
    """One message of any program in a log."""

    time: int
    tag: str
    """The syslog tag, such as `postfix/smtp`."""
    text: str
    has_zone: bool = True
    """Whether the line includes the offset of its time from UTC."""


_PRIORITY: Final = r"(?:<[0-9]{1,3}>)?"
# A tag cannot pass for a host: it ends with a colon, and has its process id in brackets.
_HOST: Final = r"[^\s\[\]]{0,254}[^\s\[\]:]"
_TAG: Final = r"(?P<tag>[\w./+@-]{1,128})"
# RFC 5424, 6.3: a bracket or quote in PARAM-VALUE follows a backslash.
_DATA: Final = r'(?:-|(?:\[(?:[^\]"\\]|"(?:[^"\\]|\\.){0,1024}"){1,1024}\]){1,8})'
_HEADS: Final = (
    re.compile(  # RFC 3164, 4.1
        rf"{_PRIORITY}(?P<time>{TIMESTAMP}) (?:{_HOST} )?(?:[a-z0-9]{{2,9}}\.[a-z]{{3,7}} )?"
        rf"{_TAG}\[[0-9]{{1,10}}\]: (?P<text>.*)",
        re.DOTALL,
    ),
    re.compile(  # RFC 5424, 6; daemons that write files omit priority and version
        rf"(?:{_PRIORITY}1 )?(?P<time>{ISO}) {_HOST} {_TAG} [!-~]{{1,128}} [!-~]{{1,32}} "
        rf"{_DATA} \ufeff? *(?P<text>.*)",
        re.DOTALL,
    ),
)
_QUEUE_ID: Final = r"(?P<id>[0-9A-Za-z]{5,32}): "
# RFC 5321, 4.1.2: a local part that is not a dot-string is quoted. Outside the quotes there is
# neither space nor bracket.
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
# With soft_bounce = yes a message that would bounce stays in the queue.
_OUTCOMES: Final[dict[str, Outcome]] = {
    "sent": "sent",
    "deferred": "deferred",
    "bounced": "bounced",
    "SOFTBOUNCE": "deferred",
}
# If Postfix is configured not to quote addresses, an address may imitate the fields that follow it;
# the real fields are then within the parsed text.
_AMBIGUOUS: Final = re.compile(r">, (?:orig_to=<|relay=)")
_EXPIRY: Final = re.compile(
    rf"{_QUEUE_ID}from=<{_ADDRESS}>, status=(?:force-)?expired, returned to sender"
)
# A later milter rejected or discarded the message at its end, or did not answer. A message that it
# puts on hold (milter-hold) may be released.
_REFUSAL: Final = re.compile(
    rf"{_QUEUE_ID}milter-(?:reject|discard): END-OF-MESSAGE from .*", re.DOTALL
)
_ACTIVATION: Final = re.compile(
    rf"{_QUEUE_ID}from=<{_ADDRESS}>, size=[0-9]{{1,12}}, nrcpt=(?P<count>[0-9]{{1,7}}) "
    r"\(queue active\)"
)
_REMOVAL: Final = re.compile(rf"{_QUEUE_ID}removed")


class Parser:
    """Parses the lines of the Postfix instances that log under one name."""

    def __init__(self, syslog_name: str, zone: tzinfo | None = None) -> None:
        """`syslog_name` as in main.cf; instances of postmulti(1) log as `NAME-INSTANCE`.

        A service of master.cf with its own syslog_name logs as `NAME/SERVICE/PROGRAM`. `zone`
        applies to timestamps without one; None: this machine's.
        """
        self._zone = zone
        self._tag = re.compile(
            rf"{re.escape(syslog_name)}(?:-[\w.-]{{1,64}})?/(?:[\w.+@-]{{1,64}}/){{0,4}}"
            r"([a-z0-9-]{1,32})"
        )

    def parse(self, line: bytes, now: int) -> Line | None:
        """Parse a line of a log file; None if it is of no interest."""
        if not _may_matter(line):
            return None
        message = self.message(line, now)
        return None if message is None else self.read(message)

    def message(self, line: bytes, now: int) -> LogMessage | None:
        """Split a line of a log file into time, tag and text; None if it is not a syslog line."""
        return message_in(line, now, self._zone)

    def is_of_postfix(self, message: LogMessage) -> bool:
        """Whether a message comes from one of the instances."""
        return self._tag.fullmatch(message.tag) is not None

    def read(self, message: LogMessage) -> Line | None:
        """Parse a message by the program in its tag, such as `postfix/smtp`."""
        program = self._tag.fullmatch(message.tag)
        if program is None:
            return None
        if program[1] == "qmgr":
            return _expiry(message) or _activation(message)
        if program[1] == "postsuper":
            return _removal(message)
        if program[1] == "cleanup":
            return _refusal(message)
        return _delivery(program[1], message)


def message_in(line: bytes, now: int, zone: tzinfo | None = None) -> LogMessage | None:
    """Split a line of a log file into time, tag and text; None if it is not a syslog line."""
    text = line[:LONGEST].decode("utf-8", "replace").rstrip("\r\n")
    for form in _HEADS:
        head = form.fullmatch(text)
        if head is not None:
            time = seconds_of(head["time"], now, zone)
            if time is None:
                return None
            return LogMessage(time, head["tag"], head["text"], has_zone(head["time"]))
    return None


def _may_matter(line: bytes) -> bool:
    return (
        b"status=" in line
        or b"(queue active)" in line
        or b": END-OF-MESSAGE from " in line
        or (b"postsuper" in line and b": removed" in line)
    )


def _delivery(program: str, message: LogMessage) -> DeliveryLine | None:
    match = _DELIVERY.fullmatch(message.text[:LONGEST])
    if match is None or _AMBIGUOUS.search(match["text"]):
        return None
    return DeliveryLine(
        message.time,
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
        message.has_zone,
    )


def _seconds(field: re.Pattern[str], fields: str) -> float | None:
    match = field.search(fields)
    try:
        return min(float(match["seconds"]), _LONGEST_DELAY) if match else None
    except ValueError:
        return None


def _expiry(message: LogMessage) -> ExpiryLine | None:
    match = _EXPIRY.fullmatch(message.text)
    return ExpiryLine(message.time, match["id"], message.has_zone) if match else None


def _removal(message: LogMessage) -> RemovalLine | None:
    match = _REMOVAL.fullmatch(message.text)
    return RemovalLine(message.time, match["id"], message.has_zone) if match else None


def _activation(message: LogMessage) -> ActivationLine | None:
    match = _ACTIVATION.fullmatch(message.text)
    if match is None:
        return None
    return ActivationLine(message.time, match["id"], int(match["count"]), message.has_zone)


def _refusal(message: LogMessage) -> RefusalLine | None:
    match = _REFUSAL.fullmatch(message.text)
    return RefusalLine(message.time, match["id"], message.has_zone) if match else None
