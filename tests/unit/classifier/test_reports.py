"""Reports as RFC 3464 has them, and as systems write them."""

import base64

import pytest
from tests.unit.classifier.builder import RETURNED, dsn, failed, mail

from bouncegate.classifier.parse import read
from bouncegate.classifier.report import MessageType


def test_every_recipient_of_a_report_is_told_with_its_own_fate() -> None:
    raw = dsn(
        [
            failed("a@x.example", Diagnostic_Code="smtp; 550 5.1.1 no such user"),
            {"Final-Recipient": "rfc822; b@x.example", "Action": "delayed", "Status": "4.4.1"},
            {"Final-Recipient": "rfc822; c@x.example", "Action": "delivered", "Status": "2.0.0"},
        ]
    )
    fates = [(r.recipient, r.action, r.status) for r in read(raw).reports]
    assert fates == [
        ("a@x.example", "failed", "5.1.1"),
        ("b@x.example", "delayed", "4.4.1"),
        ("c@x.example", "delivered", "2.0.0"),
    ]


def test_the_address_that_was_mailed_is_shown_and_both_are_kept() -> None:
    group = {"Original-Recipient": "rfc822; alias@x.example"} | failed("real@y.example")
    report = read(dsn([group])).reports[0]
    assert report.recipient == "alias@x.example"
    assert report.final_recipient == "real@y.example"


def test_a_diagnostic_is_taken_apart() -> None:
    text = "smtp; 550 5.2.1 mailbox disabled"
    group = failed("a@x.example", Diagnostic_Code=text, Remote_MTA="dns; mx.x.example")
    report = read(dsn([group | {"X-Queue": "7"}])).reports[0]
    assert (report.reply_code, report.diagnostic) == ("550", "550 5.2.1 mailbox disabled")
    assert (report.reporting_mta, report.remote_mta) == ("mx.sender.example", "mx.x.example")
    assert report.extra == {"x-queue": "7"}


def test_the_phase_is_read_from_the_words_where_postfix_puts_it() -> None:
    notice = (
        "<a@x.example>: host mx.x.example[192.0.2.1] said: 550 5.7.1 no\n"
        "    (in reply to end of DATA command)\n"
    )
    group = failed("a@x.example", Diagnostic_Code="smtp; 550 5.7.1 no")
    assert read(dsn([group], notice=notice)).reports[0].phase == "end-of-data"


def test_what_names_the_original_message_is_kept() -> None:
    message = {
        "Reporting-MTA": "dns; mx.sender.example",
        "Original-Envelope-Id": "campaign-7",
        "X-Postfix-Queue-ID": "4XyZ",
        "X-Postfix-Sender": "rfc822; bounce+7@sender.example",
    }
    original = read(dsn([failed("a@x.example")], message=message)).original
    assert original.envelope_id == "campaign-7"
    assert original.queue_id == "4XyZ"
    assert original.sender == "bounce+7@sender.example"
    assert original.message_id == "<newsletter-1@sender.example>"
    assert original.headers["list-id"] == "<winter.sender.example>"


ADDRESSES = {
    "rfc822;a@x.example": "a@x.example",
    "RFC822; <a@x.example>": "a@x.example",
    "rfc822; @relay.example:a@x.example": "a@x.example",
    'rfc822; "john doe"@x.example': '"john doe"@x.example',
    'rfc822; "a@b"@x.example': '"a@b"@x.example',
    "rfc822; user%inner.example@relay.example": "user%inner.example@relay.example",
    "rfc822; a..b.@x.example": "a..b.@x.example",
    "a@x.example": "a@x.example",
    "utf-8; dörte@x.example": "dörte@x.example",
    r"utf-8; d\x{F6}rte@x.example": "dörte@x.example",
    "rfc822; o'neil@x.example": "o'neil@x.example",
    "rfc822; a@[192.0.2.7]": "a@[192.0.2.7]",
    "rfc822; A B <a@x.example>": "a@x.example",
}


@pytest.mark.parametrize(("value", "address"), ADDRESSES.items())
def test_an_address_is_read_however_it_is_written(value: str, address: str) -> None:
    group = {"Final-Recipient": value, "Action": "failed", "Status": "5.1.1"}
    assert read(dsn([group])).reports[0].recipient == address


def test_smtputf8_reports_are_reports() -> None:
    raw = dsn([failed("dörte@bücher.example")], status_type="message/global-delivery-status")
    assert [r.recipient for r in read(raw).reports] == ["dörte@bücher.example"]


def test_groups_that_ran_together_are_parted() -> None:
    text = "".join(f"{k}: {v}\n" for k, v in failed("a@x.example").items())
    other = "".join(f"{k}: {v}\n" for k, v in failed("b@x.example").items())
    raw = dsn([]).replace(
        b"mx.sender.example\n", b"mx.sender.example\n\n" + (text + other).encode(), 3
    )
    assert {r.recipient for r in read(raw).reports} >= {"a@x.example", "b@x.example"}


def test_a_blank_line_within_a_group_loses_nothing() -> None:
    raw = dsn([failed("a@x.example")]).replace(b"Status: 5.1.1\n", b"\nStatus: 5.2.2\n")
    report = read(raw).reports[0]
    assert (report.recipient, report.status) == ("a@x.example", "5.2.2")


def test_a_status_part_outside_of_a_report_counts() -> None:
    raw = dsn([failed("a@x.example")], header={"Content-Type": 'multipart/mixed; boundary="b"'})
    assert [r.recipient for r in read(raw).reports] == ["a@x.example"]


@pytest.mark.parametrize("boundary", ['boundary="wrong"', ""])
def test_a_wrong_or_missing_boundary_is_overcome(boundary: str) -> None:
    header = {"Content-Type": f"multipart/report; report-type=delivery-status; {boundary}"}
    raw = dsn([failed("a@x.example")], header=header)
    assert [r.recipient for r in read(raw).reports] == ["a@x.example"]


def test_fields_among_the_words_are_read() -> None:
    body = "Sorry.\n\nReporting-MTA: dns; mx.x.example\n\nFinal-Recipient: rfc822; a@x.example\n"
    raw = mail(
        {"From": "MAILER-DAEMON@x.example", "Subject": "failure notice"},
        f"{body}Action: failed\nStatus: 5.1.1\n",
    )
    assert [(r.recipient, r.status) for r in read(raw).reports] == [("a@x.example", "5.1.1")]


def test_an_encoded_status_part_is_decoded() -> None:
    fields = "Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; a@x.example\nAction: failed\n"
    encoded = base64.encodebytes(fields.encode()).decode()
    part = (
        "--b\nContent-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n"
        f"{encoded}\n--b--\n"
    )
    raw = mail({"Content-Type": "multipart/report; boundary=b"}, part)
    assert [r.recipient for r in read(raw).reports] == ["a@x.example"]


def test_an_mbox_line_and_blank_lines_in_front_do_no_harm() -> None:
    raw = b"\n\nFrom MAILER-DAEMON Mon Jan  6 10:00:00 2025\n" + dsn([failed("a@x.example")])
    assert [r.recipient for r in read(raw).reports] == ["a@x.example"]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_any_newline_reads_the_same(newline: bytes) -> None:
    raw = dsn([failed("a@x.example", Diagnostic_Code="smtp; 550 no")])
    assert read(raw.replace(b"\n", newline)).reports == read(raw).reports


def test_a_wrapped_bounce_is_unwrapped() -> None:
    inner = dsn([failed("a@x.example")]).decode()
    body = (
        "--o\nContent-Type: text/plain\n\nSee below.\n"
        f"--o\nContent-Type: message/rfc822\n\n{inner}\n--o--\n"
    )
    header = {"From": "postmaster@gw.example", "Subject": "Returned mail: user unknown"}
    raw = mail(header | {"Content-Type": "multipart/mixed; boundary=o"}, body)
    assert [r.recipient for r in read(raw).reports] == ["a@x.example"]


def test_a_bounce_without_a_recipient_is_broken_and_not_ordinary() -> None:
    raw = mail({"From": "MAILER-DAEMON@x.example", "Subject": "failure notice"}, "It failed.\n")
    reading = read(raw)
    assert (reading.type, reading.reports) == (MessageType.BROKEN, ())


def test_a_host_in_place_of_a_recipient_is_mended_by_the_notice() -> None:
    notice = "   ----- The following addresses had permanent fatal errors -----\n<a@x.example>\n"
    raw = dsn([failed("@mx.x.example")], notice=notice)
    assert [r.recipient for r in read(raw).reports] == ["a@x.example"]


CHARSETS = {
    "iso-2022-jp": "配信できませんでした",
    "shift_jis": "配信できませんでした",
    "koi8-r": "не может быть доставлено",
    "gb2312": "无法投递",
    "windows-1251": "не может быть доставлено",
    "iso-8859-2": "nie może być dostarczona",
    "utf-7": "could not be delivered",
}


@pytest.mark.parametrize(("charset", "words"), CHARSETS.items())
@pytest.mark.parametrize("label", [True, False])
def test_words_are_decoded_by_charset(charset: str, words: str, label: bool) -> None:
    declared = f"; charset={charset}" if label else ""
    head = f"From: MAILER-DAEMON@x.example\nSubject: error\nContent-Type: text/plain{declared}\n\n"
    body = f"{words}:\n\na@x.example\n".encode(charset)
    reading = read(head.encode() + body)
    if label or charset == "iso-2022-jp":
        assert [r.recipient for r in reading.reports] == ["a@x.example"]
    assert reading.type in {MessageType.BOUNCE, MessageType.BROKEN}


@pytest.mark.parametrize("label", ["x-unknown-charset", "utf8-oops", "rot13", "zlib", "undefined"])
def test_a_lying_or_misspelt_charset_does_no_harm(label: str) -> None:
    head = (
        "From: MAILER-DAEMON@x.example\nSubject: error\n"
        f"Content-Type: text/plain; charset={label}\n"
    )
    raw = f"{head}\nkonnte nicht zugestellt werden für:\n\na@x.example\n".encode()
    assert [r.recipient for r in read(raw).reports] == ["a@x.example"]


def test_many_recipients_are_read_in_time() -> None:
    groups = [failed(f"user{n}@x.example") for n in range(3000)]
    reports = read(dsn(groups)).reports
    assert len(reports) == 3000
    assert reports[-1].recipient == "user2999@x.example"


def test_a_long_diagnostic_is_cut() -> None:
    raw = dsn([failed("a@x.example", Diagnostic_Code="smtp; 550 " + "x" * 100_000)])
    assert len(read(raw).reports[0].diagnostic) <= 2048


def test_the_returned_message_never_speaks() -> None:
    reading = read(dsn([failed("a@x.example")]))
    assert "trap" in RETURNED
    assert [r.recipient for r in reading.reports] == ["a@x.example"]


@pytest.mark.parametrize(("original", "expected"), [
    ("ann+2Bshop@x.example", "ann+shop@x.example"),
    ("ann+2Bcopy@x.example", "ann+2Bcopy@x.example"),
])  # fmt: skip
def test_an_address_that_a_gateway_left_in_xtext_is_the_one_that_failed(
    original: str, expected: str
) -> None:
    """Only if it is: +2B may be part of an address."""
    group = failed("ann+shop@x.example", Original_Recipient=f"rfc822; {original}")
    assert read(dsn([group])).reports[0].recipient == expected


def test_a_domain_is_shown_in_lower_case() -> None:
    assert read(dsn([failed("Ann@X.EXAMPLE")])).reports[0].recipient == "Ann@x.example"


def test_the_reply_that_a_notice_quotes_counts_before_its_guess() -> None:
    body = (
        "Your mail could not be delivered to:\n\n-- ann@x.example\n\n"
        "The problem: the recipient's address is possibly unknown.\n"
        "Additional information: 550 Rejected by a list of blocked senders\n"
    )
    raw = mail({"From": "Postmaster <postmaster@x.example>", "Subject": "Delivery failure"}, body)
    assert read(raw).reports[0].diagnostic == "550 Rejected by a list of blocked senders"
