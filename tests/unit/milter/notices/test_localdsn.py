"""A notice: a DSN to a mail program, a refusal of our own to our return path, never a loop."""

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.parse import read
from bouncegate.config.replies import mark_with
from bouncegate.config.rules import load_rules
from bouncegate.config.taxonomy import Reason
from bouncegate.milter.notices.localdsn import Field, LocalDsn, Refused, may_be_answered, write
from bouncegate.milter.refusal.reply import Reply

REPLY = Reply(
    "550", "5.1.1", "Recipient address rejected: locked until 2027-11-23 [bouncegate 01234567]"
)
HEADER: list[Field] = [
    ("From", b"Ann <ann@sender.test>"),
    ("Subject", b"News\n\tof the day"),
    ("Message-ID", b"<Abc.1@sender.test>"),
]


def notice(
    *recipients: str, sender: str = "ann@sender.test", header: list[Field] = HEADER
) -> bytes:
    refused = [Refused(recipient, REPLY) for recipient in recipients]
    return write(
        LocalDsn(sender, refused, "mail.sender.test", "4Zx8Gk2l1vz", header, 1_800_000_000)
    )


def parsed(octets: bytes) -> EmailMessage:
    message = message_from_bytes(octets, policy=policy.SMTPUTF8)
    assert isinstance(message, EmailMessage)
    return message


def test_it_is_a_report_of_three_parts_with_one_group_of_fields_a_recipient() -> None:
    message = parsed(notice("gone@example.com", "away@example.com"))
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    text, status, header = message.iter_parts()
    assert [part.get_content_type() for part in (text, status, header)] == [
        "text/plain",
        "message/delivery-status",
        "text/rfc822-headers",
    ]
    groups = [dict(group.items()) for group in status.get_payload()]  # type: ignore[union-attr]
    assert groups[0]["Reporting-MTA"] == "dns; mail.sender.test"
    assert [group["Final-Recipient"] for group in groups[1:]] == [
        "rfc822; gone@example.com",
        "rfc822; away@example.com",
    ]
    assert {(group["Action"], group["Status"]) for group in groups[1:]} == {("failed", "5.1.1")}
    assert "Subject: News\r\n\tof the day\r\n" in notice("gone@example.com").decode()


def test_it_says_that_a_program_wrote_it_and_to_which_message_it_belongs() -> None:
    message = parsed(notice("gone@example.com"))
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["In-Reply-To"] == "<Abc.1@sender.test>"
    assert message["To"] == "ann@sender.test"
    assert message["Date"] == "Fri, 15 Jan 2027 08:00:00 +0000"


def test_our_own_return_path_knows_it_for_a_refusal_of_ours() -> None:
    """It must never count, or a lock would renew itself."""
    classifier = Classifier(load_rules(None), mark_with("01234567"))
    (report,) = read(notice("gone@example.com")).reports
    assert report.final_recipient == "gone@example.com"
    assert classifier.classify(report).reason is Reason.OWN_REFUSAL


def test_addresses_beyond_ascii_make_it_an_international_one() -> None:
    octets = notice("jürgen@bücher.example")
    types = [part.get_content_type() for part in parsed(octets).iter_parts()]
    assert types[1:] == ["message/global-delivery-status", "message/global-headers"]
    assert "Final-Recipient: utf-8; jürgen@bücher.example\r\n".encode() in octets


@given(
    st.lists(
        st.tuples(st.from_regex(r"[!-9;-~]{1,20}", fullmatch=True), st.binary(max_size=2000)),
        max_size=5,
    )
)
def test_nothing_in_a_header_breaks_out_of_its_part(header: list[Field]) -> None:
    """A bare CR, a NUL or a line of its own would be a way into the report, or refused by SMTP."""
    octets = notice("gone@example.com", header=header)
    lines = octets.split(b"\r\n")
    assert all(len(line) <= 998 for line in lines)
    assert not any(byte in line for line in lines for byte in (b"\r", b"\n", b"\0"))
    assert octets.count(b"\r\n--bouncegate-") == 4
    assert octets.count(b"\r\nFinal-Recipient: ") == 1 + sum(
        name == "Final-Recipient" for name, _ in header
    )


@pytest.mark.parametrize(
    ("sender", "header", "answered"),
    [
        ("ann@sender.test", [], True),
        ("", [], False),
        ("ann@sender.test\n", [], False),
        ("ann", [], False),
        ("root@sender.test", [("Auto-Submitted", b"auto-generated")], True),
        ("ann@sender.test", [("Auto-Submitted", b"no")], True),
        ("ann@sender.test", [("auto-submitted", b"Auto-Replied (vacation)")], False),
        ("ann@sender.test", [("Auto-Submitted", b" auto-replied; owner-email=x")], False),
        ("ann@sender.test", [("Auto-Submitted", b"auto-notified")], False),
        ("ann@sender.test", [("Content-Type", b"multipart/report;\n\treport-type=x")], False),
        ("ann@sender.test", [("Precedence", b"bulk")], True),
    ],
)
def test_answers_are_never_answered(sender: str, header: list[Field], answered: bool) -> None:
    assert may_be_answered(sender, header) is answered
