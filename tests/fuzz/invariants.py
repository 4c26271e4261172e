"""What must hold for any octets whatever: checked by fuzzing, and by the tests on the seeds.

- Reading never raises, and takes bounded time.
- Every recipient reported stands in the message.
- A message reads the same with LF and with CRLF.
- What stands behind the point where the returned message begins names no recipient: not in a
  part of its own, nor below the line that announces it.
- Nothing takes long to read because it is repeated.
- Each reader of a family, given a message of any other, neither raises nor invents an address.
- Classifying never raises, takes bounded time, and its category is one of its kind; its account
  agrees with it.
- A line of Postfix's log is about a recipient who stands in it, whatever a server said there.
- Looking up a domain never raises, whatever a name server says, and what comes of it is bounded.
- No message is a sign of life against what our own filter found out about it.
- A session of LMTP does what `tests.fuzz.lmtp` says of it.
- A file of rules is taken, or refused with its faults named; a rule that is taken can be asked.

Time is that of the processor: a machine that is busy with other things is no finding.

A broken one raises AssertionError.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC
from functools import cache
from typing import Final

import dns.asyncresolver
import dns.message
import dns.nameserver
import dns.query
from tests.fuzz.lmtp import check_session
from tests.fuzz.shapes import shape

from bouncegate.admin.dns.answer import ask
from bouncegate.admin.dns.mx import MOST_HOSTS, look_up
from bouncegate.classifier.alive.signoflife import SignOfLife, sign_of_life
from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.maillog.line import DeliveryLine, Parser
from bouncegate.classifier.message import Message
from bouncegate.classifier.notification import Notification
from bouncegate.classifier.parse import read_or_raise
from bouncegate.classifier.readers.registry import READERS
from bouncegate.classifier.report import Report
from bouncegate.config.problems import Problem
from bouncegate.config.rules import Rules, load_rules, parse_rules
from bouncegate.config.settings import AliveSettings
from bouncegate.config.taxonomy import Category, Kind
from bouncegate.policy.mx import MxAnswer

# A message of 64 KiB is read within 10 ms; instrumented for coverage within a hundred times that.
LONGEST_SECONDS: Final = 1.0
LARGEST: Final = 64 * 2**10

_HARD: Final = {Category.ADDRESS, Category.SECURITY, Category.UNDEFINED}
_SOFT: Final = {Category.MAILBOX, Category.NETWORK, Category.LIMIT, Category.UNDEFINED}
_FITTING: Final = {
    Kind.HARD: _HARD,
    Kind.SOFT: _SOFT,
    Kind.NONE: {Category.UNDEFINED},
    Kind.COMPLAINT: {Category.UNDEFINED},
}


def check_reading(data: bytes) -> None:
    """A whole message."""
    raw = data[:LARGEST]
    begin = time.process_time()
    reading = read_or_raise(raw)
    assert time.process_time() - begin < LONGEST_SECONDS, "reading took too long"
    _stands_there(raw, reading.reports)
    if b"\r" not in raw:
        assert read_or_raise(raw.replace(b"\n", b"\r\n")) == reading, "CRLF reads otherwise"


def check_returned(data: bytes) -> None:
    """A notice, whose returned message has this text or that."""
    for form in (_IN_PARTS, *_BELOW_A_LINE):
        if not Notification(Message(_around(form, data, b""))).returned.startswith(_RETURNED[:40]):
            # Something in the notice already looks like a message that is returned.
            continue
        harmless = _recipients(form, data, b"Hello.\n")
        for text in (_ATTACK, b"--o--\n" + _ATTACK):
            found = _recipients(form, data, text)
            assert found == harmless, "the returned message named a recipient"


_ATTACK: Final = (
    b"<victim@bystander.example>:\n550 5.1.1 user unknown\n\n"
    b"Final-Recipient: rfc822; victim@bystander.example\nAction: failed\nStatus: 5.1.1\n\n"
    b"   ----- The following addresses had permanent fatal errors -----\n"
    b"<victim@bystander.example>\n"
)


_HEAD: Final = b"Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nSubject: failure notice\n"
_RETURNED: Final = b"From: a@sender.example\nSubject: x\nTo: one@recipient.example\n\n"
_IN_PARTS: Final = (
    _HEAD + b"Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: text/plain\n\n",
    b"\n--o\nContent-Type: message/rfc822\n\n" + _RETURNED,
)
# How qmail, Exim, Sendmail and Google announce what they return.
_BELOW_A_LINE: Final = tuple(
    (_HEAD + b"\n", b"\n\n" + line + b"\n\n" + _RETURNED)
    for line in (
        b"--- Below this line is a copy of the message.",
        b"------ This is a copy of the message, including all the headers. ------",
        b"   ----- Original message follows -----",
        b"----- Original message -----",
    )
)


def _recipients(form: tuple[bytes, bytes], notice: bytes, returned: bytes) -> list[str]:
    raw = _around(form, notice, returned)
    return [report.recipient for report in read_or_raise(raw).reports]


def _around(form: tuple[bytes, bytes], notice: bytes, returned: bytes) -> bytes:
    before, between = form
    notice = notice[:LARGEST].replace(b"\r", b"").replace(b"--o", b"- o")
    return before + notice + between + returned


def check_repetition(data: bytes) -> None:
    """A message in which something comes again and again: before it, the unit, and behind it.

    What takes the square of the time for twice the octets would take a minute for so many.
    """
    before, _, rest = data[:_LONGEST_UNIT].decode("utf-8", "replace").partition("\0")
    unit, _, behind = rest.partition("\0")
    raw = shape(before, unit, behind, _REPEATED)
    notification = Notification(Message(raw))
    begin = time.process_time()
    for report in read_or_raise(raw).reports[:_CLASSIFIED]:
        shipped_classifier().classify(report)
    assert time.process_time() - begin < LONGEST_SECONDS, "reading took too long"
    for reader in READERS:
        begin = time.process_time()
        reader.read(notification)
        assert time.process_time() - begin < LONGEST_SECONDS, f"{reader.name} took too long"


# In each of the parts of a message: nearly as much as is read of words (`limits.PROSE`).
_REPEATED: Final = 100 * 2**10
_LONGEST_UNIT: Final = 1024
# A report has so many octets to be classified, however many reports there are.
_CLASSIFIED: Final = 50


def check_families(data: bytes) -> None:
    """Each reader of a family, whatever the message is."""
    raw = data[:LARGEST]
    notification = Notification(Message(raw))
    for reader in READERS:
        begin = time.process_time()
        reports = reader.read(notification)
        assert time.process_time() - begin < LONGEST_SECONDS, f"{reader.name} took too long"
        _stands_there(raw, reports)


def check_rules(data: bytes) -> None:
    """A reply of a server."""
    classifier = shipped_classifier()
    report = Report(diagnostic=data.decode("utf-8", "replace")[:4096])
    begin = time.process_time()
    verdict = classifier.classify(report)
    assert time.process_time() - begin < LONGEST_SECONDS, "classifying took too long"
    assert verdict.category in _FITTING[verdict.kind], verdict
    assert classifier.explain(report).verdict == verdict, "the account disagrees with the verdict"


def check_rule_files(data: bytes) -> None:
    """A file of an operator's rules."""
    problems: list[Problem] = []
    begin = time.process_time()
    rules = parse_rules("10-own.toml", data[:LARGEST].decode("utf-8", "replace"), problems)
    assert all(problem.text for problem in problems)
    if rules:
        classifier = Classifier(Rules(tuple(rules)))
        classifier.explain(Report(diagnostic="550 5.1.1 user unknown", status="5.1.1"))
    assert time.process_time() - begin < LONGEST_SECONDS, "a file of rules took too long"


def check_log_lines(data: bytes) -> None:
    """A line of Postfix's log, and the words of a server in one."""
    parser, begin = Parser("postfix", UTC), time.process_time()
    line = parser.parse(data[:LARGEST], _NOW)
    text = data[:LARGEST].decode("utf-8", "replace")
    assert line is None or line.queue_id in text
    assert not isinstance(line, DeliveryLine) or f"to=<{line.recipient}>" in text
    told = parser.parse(_DEFERRED % data[:LARGEST].replace(b"\n", b"?"), _NOW)
    assert time.process_time() - begin < LONGEST_SECONDS, "reading a line took too long"
    if told is not None:  # a line that could be read in two ways is not read
        assert isinstance(told, DeliveryLine)
        assert (told.queue_id, told.mailed, told.outcome) == ("QUEUE1", "a@r.example", "deferred")


_NOW: Final = 1_790_000_000
_DEFERRED: Final = (
    b"Nov 25 04:04:51 mail postfix/smtp[1]: QUEUE1: to=<a@r.example>, relay=none, delay=1, "
    b"delays=0/0/0/1, dsn=4.0.0, status=deferred (%b)\n"
)


QUESTION: Final = "fuzz.test"


class _Fuzzing(dns.nameserver.Do53Nameserver):
    """A name server that answers each question with the same octets."""

    def __init__(self, response: bytes) -> None:
        super().__init__("127.0.0.1", 53)
        self._response = response

    async def async_query(
        self, request: dns.message.QueryMessage, *_args: object, **options: object
    ) -> dns.message.Message:
        octets = request.id.to_bytes(2, "big") + self._response[2:]
        by_udp = not options.get("max_size")
        response = dns.message.from_wire(octets, raise_on_truncation=by_udp)
        if not request.is_response(response):
            raise dns.query.BadResponse
        return response


def check_dns(data: bytes) -> None:
    """A response of a name server."""
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [_Fuzzing(data)]

    async def look() -> MxAnswer:
        return await look_up(QUESTION, lambda name, kind: ask(resolver, name, kind))

    begin = time.process_time()
    answer = asyncio.run(look())
    assert time.process_time() - begin < LONGEST_SECONDS, "a look-up took too long"
    assert (answer.status == "ok") == bool(answer.hosts), answer
    assert (answer.status == "unknown") == bool(answer.why), answer
    assert len(answer.hosts) <= MOST_HOSTS, "too many hosts"
    assert all(len(host.name) <= 253 and host.name.isascii() for host in answer.hosts), answer
    assert 0 <= answer.ttl <= 2**31, answer


def check_signs(data: bytes) -> None:
    """The header of a message, as it is and below what our own filter found out."""
    begin = time.process_time()
    raw = data[:LARGEST]
    alone = sign_of_life(raw, "a@x.example", _TRUSTING, _NOW, fold_local_part=True)
    below = sign_of_life(_FOUND + raw, "a@x.example", _TRUSTING, _NOW, fold_local_part=True)
    assert time.process_time() - begin < LONGEST_SECONDS, "checking a sign of life took too long"
    assert not isinstance(below, SignOfLife), "a stranger's field was believed"
    if isinstance(alone, SignOfLife):
        _, _, domain = alone.address.rpartition("@")
        assert domain in raw.decode("utf-8", "replace").lower() or "xn--" in domain


_TRUSTING: Final = AliveSettings(authserv_ids=("mx.example.org",), received=1)
_FOUND: Final = (
    b"Received: from x by mx.example.org\nAuthentication-Results: mx.example.org; dmarc=fail\n"
)


CHECKS: Final[dict[str, Callable[[bytes], None]]] = {
    "reading": check_reading,
    "returned": check_returned,
    "families": check_families,
    "rules": check_rules,
    "rule-files": check_rule_files,
    "log-lines": check_log_lines,
    "signs": check_signs,
    "dns": check_dns,
    "lmtp": check_session,
    "repetition": check_repetition,
}


@cache
def shipped_classifier() -> Classifier:
    """The shipped rules, compiled once."""
    return Classifier(load_rules())


def _stands_there(raw: bytes, reports: tuple[Report, ...] | list[Report]) -> None:
    """Local part and domain of each recipient occur in the text, as it stands or decoded.

    A complaint may name nobody.
    """
    if not reports or b"\\" in raw:
        # Escapes of JSON and of RFC 6533 write an address in other characters.
        return
    text = _everything(raw)
    for report in reports:
        local, _, domain = report.recipient.rpartition("@")
        if " " in report.recipient:
            # No address, and kept whole, so that nobody else's is read from it; where the field
            # was folded it has other white space than the message.
            apart = "".join(report.recipient.split()).lower()
            assert apart in "".join(text.split()).lower(), f"{report.reader}: {apart!r}"
            continue
        assert local in text, f"{report.reader}: {local!r} does not stand there"
        assert domain.lower() in text.lower(), f"{report.reader}: {domain!r} does not stand there"


def _everything(raw: bytes) -> str:
    texts: list[str] = []
    for _ in range(2):
        message = Message(raw)
        notification = Notification(message)
        texts += [raw.decode("utf-8", "replace"), raw.decode("latin-1"), message.author]
        texts += [message.fields.get(name) for name in message.fields.names]
        texts += [part.text for part in message.parts]
        texts += notification.status
        raw = notification.returned
        texts.append(notification.returned_fields.get("to"))
    # Lines may be folded within a word, as SNS folds its JSON.
    whole = "\n".join(texts)
    return f"{whole}\n{' '.join(''.join(texts).split())}\n{''.join(whole.splitlines())}"
