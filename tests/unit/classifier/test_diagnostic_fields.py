"""The server's reply is found in whichever field has it."""

import pytest
from tests.unit.classifier.builder import dsn, failed, mail

from bouncegate.classifier.parse import read

FIELDS = {
    "X-Supplementary-Info": (
        "<mx.example.net #5.1.1 smtp; 550 5.1.1 nobody of that name>",
        "550 5.1.1 nobody of that name",
    ),
    "X-Exim-Diagnostic": ("X-str; 552 5.2.2 it is full", "552 5.2.2 it is full"),
    "X-Server-Reply": ('550 "Unknown person"', '550 "Unknown person"'),
    "X-Why": ("5.7.1 not from you", "5.7.1 not from you"),
    "Status": ("5.2.2 (Over quota)", "5.2.2 Over quota"),
    "Action": ("failed (nobody of that name)", "nobody of that name"),
    "Remote-MTA": ("dns; mx.example.net; 550 nobody here", "550 nobody here"),
}  # fmt: skip


def diagnostic(*groups: dict[str, str], message: dict[str, str] | None = None) -> str:
    return read(dsn(groups, message=message)).reports[-1].diagnostic


@pytest.mark.parametrize("name", FIELDS)
def test_a_reply_is_read_from_another_field(name: str) -> None:
    value, expected = FIELDS[name]
    assert diagnostic(failed("ann@x.example") | {name: value}) == expected


@pytest.mark.parametrize("empty", ["smtp;", "smtp; 550", "X-Unknown; "])
def test_a_diagnostic_code_without_words_says_less(empty: str) -> None:
    group = failed("ann@x.example", Diagnostic_Code=empty, X_Reply="550 5.1.1 nobody here")
    assert diagnostic(group) == "550 5.1.1 nobody here"


def test_the_diagnostic_code_counts_before_other_fields() -> None:
    group = failed("ann@x.example", Diagnostic_Code="smtp; 550 no", X_Reply="554 5.7.1 spam")
    assert diagnostic(group) == "550 no"


@pytest.mark.parametrize("value", [
    "Mon, 30 Nov 2026 10:00:00 +0000", "550", "mx5.example.net", "192.0.2.250 relay",
    "4711.550-abc", "220 mx.example.net ready", "version 5.1.2",
])  # fmt: skip
def test_other_values_are_no_replies(value: str) -> None:
    assert diagnostic(failed("ann@x.example") | {"X-Other": value}) == ""


def test_what_stands_above_the_recipients_holds_for_each() -> None:
    above = {
        "Reporting-MTA": "dns; mx.example.net", "Action": "failed", "Status": "5.2.2",
        "Diagnostic-Code": "smtp; 552 it is full",
    }  # fmt: skip
    names = [{"Final-Recipient": "rfc822; a@x.example"}, {"Final-Recipient": "rfc822; b@x.example"}]
    told = [(r.recipient, r.action, r.status, r.diagnostic)
            for r in read(dsn(names, message=above)).reports]  # fmt: skip
    assert told == [
        ("a@x.example", "failed", "5.2.2", "552 it is full"),
        ("b@x.example", "failed", "5.2.2", "552 it is full"),
    ]


def test_one_recipient_says_nothing_about_another() -> None:
    groups = [
        failed("a@x.example", X_Reply="552 full up"),
        {"Final-Recipient": "rfc822; b@x.example"},
    ]
    message = {"X-Nothing": "here"}
    assert diagnostic(*groups, message=message) == ""


@pytest.mark.parametrize("name", ["X-Failure-Reason", "X-Bounce-Diagnostic", "X-SMTP-Response"])
def test_a_reason_is_read_from_the_header(name: str) -> None:
    header = {"From": "x@mx.example", "Subject": "Delivery failed", "Return-Path": "<>",
              "X-Failed-Recipients": "ann@x.example", name: "552 it is full"}  # fmt: skip
    told = [(r.recipient, r.diagnostic) for r in read(mail(header, "See above.\n")).reports]
    assert told == [("ann@x.example", "552 it is full")]
