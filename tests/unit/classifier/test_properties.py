"""What holds for any message, however it was made."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.classifier.builder import dsn, failed, mail

from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.parse import read, read_or_raise
from bouncegate.classifier.report import Report
from bouncegate.config.rules import load_rules
from bouncegate.config.taxonomy import Category, Kind

CLASSIFIER = Classifier(load_rules())

# Pieces of which bounces consist, so that random messages look like some.
PIECES = st.sampled_from(
    [
        b"\n", b"\n\n", b"--b\n", b"--b--\n", b"Content-Type: multipart/report; boundary=b\n",
        b"Content-Type: message/delivery-status\n", b"Content-Type: message/rfc822\n",
        b"Final-Recipient: rfc822; a@x.example\n", b"Action: failed\n", b"Status: 5.1.1\n",
        b"Diagnostic-Code: smtp; 550 no\n", b"Subject: failure notice\n",
        b"From: MAILER-DAEMON@x.example\n", b"Hi. This is the qmail-send program\n",
        b"<a@x.example>:\n", b"550 user unknown\n",
        b"could not be delivered to\n", b"=?utf-8?B?4?=",
        b"Content-Transfer-Encoding: base64\n", b"Content-Type: text/html; charset=utf-7\n",
        b"--- Below this line is a copy of the message.\n", b"{\"notificationType\":\"Bounce\"",
        b"X-Failed-Recipients: a@x.example\n", b"\x1b$B", b"\xff\xfe\x00", b"\r", b"@" * 40,
        b">>> RCPT TO:<a@x.example>\n<<< 550 no\n", b"because:\n", b"was not delivered to:\n",
    ]
)  # fmt: skip
MESSAGES = st.lists(PIECES | st.binary(max_size=40), max_size=30).map(b"".join)
ADDRESSES = st.from_regex(r"[a-z0-9.+_-]{1,20}@[a-z0-9]{1,10}\.example", fullmatch=True)
REPLIES = st.text(st.characters(codec="utf-8"), max_size=300)


@given(MESSAGES)
def test_reading_never_raises_and_names_only_what_stands_there(raw: bytes) -> None:
    for report in read_or_raise(raw).reports:
        assert len(report.diagnostic) <= 2048
        local = report.recipient.partition("@")[0]
        if raw.isascii() and b"base64" not in raw and b"utf-7" not in raw:
            assert local.encode() in raw


@given(MESSAGES.filter(lambda raw: b"\r" not in raw))
def test_a_message_reads_the_same_with_lf_and_crlf(raw: bytes) -> None:
    assert read(raw.replace(b"\n", b"\r\n")) == read(raw)


@given(REPLIES)
def test_classifying_never_raises_and_its_category_fits_its_kind(text: str) -> None:
    verdict = CLASSIFIER.classify_reply(text)
    hard = {Category.ADDRESS, Category.SECURITY, Category.UNDEFINED}
    soft = {Category.MAILBOX, Category.NETWORK, Category.LIMIT, Category.UNDEFINED}
    fitting = {Kind.HARD: hard, Kind.SOFT: soft, Kind.NONE: {Category.UNDEFINED}}
    assert verdict.category in fitting[verdict.kind]


@given(REPLIES)
def test_the_account_of_a_verdict_agrees_with_the_verdict(text: str) -> None:
    report = Report(diagnostic=text)
    assert CLASSIFIER.explain(report).verdict == CLASSIFIER.classify(report)


@given(st.lists(ADDRESSES, min_size=1, max_size=20, unique_by=str.lower))
def test_every_recipient_of_a_report_is_found(addresses: list[str]) -> None:
    reports = read(dsn([failed(address) for address in addresses])).reports
    assert [report.recipient for report in reports] == addresses


@given(ADDRESSES, ADDRESSES)
@settings(max_examples=50)
def test_what_follows_the_returned_message_accuses_nobody(victim: str, bounced: str) -> None:
    """Anybody can write a mail that looks like a bounce, and have it returned in one."""
    if victim == bounced:
        return
    text = (
        f"<{victim}>:\n550 5.1.1 user unknown\n\n"
        f"Final-Recipient: rfc822; {victim}\nAction: failed\n"
    )
    raw = dsn([failed(bounced)], returned=f"From: x@y.example\nSubject: x\n\n{text}")
    assert [report.recipient for report in read(raw).reports] == [bounced]
    plain = mail(
        {"From": "MAILER-DAEMON@x.example", "Subject": "failure notice"},
        f"Hi. This is the qmail-send program.\n\n<{bounced}>:\nuser unknown\n\n"
        f"--- Below this line is a copy of the message.\n\n{text}",
    )
    assert [report.recipient for report in read(plain).reports] == [bounced]
