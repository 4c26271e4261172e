"""An alias that a server expanded to several addresses fails once, and as mildly as it can."""

import pytest
from tests.unit.classifier.builder import dsn, failed, mail

from bouncegate.classifier.classified import classify

TEAM = "team@recipient.example"
FULL = {"Status": "5.2.2", "Diagnostic-Code": "smtp; 552 5.2.2 mailbox is full"}
GONE = {"Status": "5.1.1", "Diagnostic-Code": "smtp; 550 5.1.1 no such user"}
FINE = {"Status": "2.0.0", "Action": "delivered"}
LATE = {"Status": "4.4.1", "Action": "delayed"}


def member(name: str, *fate: dict[str, str]) -> dict[str, str]:
    group = failed(f"{name}@member.example", Original_Recipient=f"rfc822; {TEAM}")
    for fields in fate:
        group |= fields
    return group


def failures(raw: bytes) -> list[tuple[str, str, str]]:
    told = classify(raw).reports
    return [(r.recipient, r.kind, r.reason) for r in told if r.action == "failed"]


@pytest.mark.parametrize(("fates", "expected"), [
    ([GONE, GONE], ("hard", "user-unknown")),
    ([GONE, FULL], ("soft", "mailbox-full")),
    ([FULL, GONE], ("soft", "mailbox-full")),
    ([GONE, FINE], ("soft", "user-unknown")),
    ([GONE, LATE, GONE], ("soft", "user-unknown")),
    ([FULL, GONE, FINE], ("soft", "mailbox-full")),
])  # fmt: skip
def test_an_alias_fails_once(fates: list[dict[str, str]], expected: tuple[str, str]) -> None:
    raw = dsn([member(f"m{n}", fate) for n, fate in enumerate(fates)])
    assert failures(raw) == [(TEAM, *expected)]


def test_who_got_the_message_stays_in_the_report() -> None:
    told = classify(dsn([member("a", GONE), member("b", FINE)])).reports
    assert [r.action for r in told] == ["failed", "delivered"]


def test_recipients_of_their_own_fail_on_their_own() -> None:
    groups = [failed("a@x.example") | GONE, failed("b@x.example") | FULL, member("m", GONE)]
    assert failures(dsn(groups)) == [
        ("a@x.example", "hard", "user-unknown"),
        ("b@x.example", "soft", "mailbox-full"),
        (TEAM, "hard", "user-unknown"),
    ]


def test_one_address_with_two_groups_is_no_alias() -> None:
    raw = dsn([member("m", LATE), member("m", GONE)])
    assert failures(raw) == [(TEAM, "hard", "user-unknown")]


def test_our_own_postfix_names_the_members_of_our_aliases() -> None:
    message = {"Reporting-MTA": "dns; mx.sender.example", "X-Postfix-Queue-ID": "4ABC"}
    raw = dsn([member("a", GONE), member("b", FULL)], message=message)
    assert [kind for _, kind, _ in failures(raw)] == ["hard", "soft"]


def test_the_alias_is_read_from_the_words_where_the_fields_lack_it() -> None:
    notice = (
        "   ----- The following addresses had permanent fatal errors -----\n"
        "<m1@member.example>\n    (reason: 550 5.1.1 no such user)\n"
        f"    (expanded from: {TEAM})\n"
        "<m2@member.example>\n    (reason: 552 5.2.2 mailbox is full)\n"
        f"    (expanded from: {TEAM})\n"
    )
    groups = [failed("m1@member.example") | GONE, failed("m2@member.example") | FULL]
    assert failures(dsn(groups, notice=notice)) == [(TEAM, "soft", "mailbox-full")]


def test_an_alias_in_a_notice_without_a_report_fails_once() -> None:
    body = (
        "This is the mail system at host mx.recipient.example.\n\n"
        f"<m1@member.example> (expanded from <{TEAM}>): 550 5.1.1 no such user\n\n"
        f"<m2@member.example> (expanded from <{TEAM}>): 552 5.2.2 mailbox is full\n"
    )
    raw = mail({"From": "MAILER-DAEMON@mx.recipient.example", "Subject": "Undelivered Mail"}, body)
    assert failures(raw) == [(TEAM, "soft", "mailbox-full")]


@pytest.mark.parametrize("words", ["generated from", "ultimately generated from"])
def test_exim_names_the_alias_below_the_address(words: str) -> None:
    body = (
        "This message was created automatically by mail delivery software.\n\n"
        "The following address(es) failed:\n\n  old@member.example\n"
        f"    ({words} {TEAM})\n    550 5.1.1 no such user\n"
    )
    header = {"From": "Mailer-Daemon@recipient.example", "Subject": "Mail delivery failed"}
    assert failures(mail(header, body)) == [(TEAM, "hard", "user-unknown")]
