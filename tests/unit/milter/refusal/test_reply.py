"""What a refused client is told: within the limits of SMTP, whatever stands in an address."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.milter.locks import lock_of

from bouncegate.config.reasons import REASONS
from bouncegate.config.replies import (
    ReplyText,
    ReplyUrl,
    mark_with,
    parse_reply_text,
    parse_reply_url,
)
from bouncegate.config.settings import GroupReply, ReplySettings
from bouncegate.config.taxonomy import Reason
from bouncegate.config.values import DomainName, EnhancedStatus
from bouncegate.milter.refusal.reply import compose
from bouncegate.policy.records import NO_END, Origin

UNTIL = int(datetime(2027, 11, 23, 12, tzinfo=UTC).timestamp())


def settings(template: str) -> ReplySettings:
    return ReplySettings(text=ReplyText(template))


def test_the_default_reply_tells_kind_category_reason_and_the_day_the_lock_ends() -> None:
    assert str(compose(ReplySettings(), lock_of(UNTIL), "gone@example.com")) == (
        "550 5.1.1 Recipient address rejected: locked after a hard bounce "
        "(address, user-unknown) until 2027-11-23, ref=1 [bouncegate]"
    )


@pytest.mark.parametrize(
    ("reason", "origin", "status", "words"),
    [
        (Reason.USER_UNKNOWN, "automatic", "5.1.1", "a hard bounce (address, user-unknown)"),
        (Reason.MAILBOX_SUSPENDED, "automatic", "5.2.1", "a hard bounce (address, mailbox-"),
        (Reason.MAILBOX_FULL, "automatic", "5.2.2", "a soft bounce (mailbox, mailbox-full)"),
        (Reason.RECIPIENT_RESTRICTED, "automatic", "5.7.1", "a hard bounce (security, access-"),
        (Reason.NO_ANSWER, "automatic", "5.4.1", "a soft bounce (network, no-answer)"),
        (Reason.OPERATOR, "manual", "5.7.1", "an operator's decision "),
        (Reason.USER_UNKNOWN, "manual", "5.7.1", "an operator's decision (user-unknown) "),
        (Reason.OPERATOR, "imported", "5.7.1", "an import of locks "),
        (Reason.MAILBOX_FULL, "imported", "5.2.2", "an import of locks (mailbox-full) "),
        (Reason.COMPLAINT, "automatic", "5.7.1", "a complaint of the recipient "),
        (Reason.COMPLAINT, "imported", "5.7.1", "a complaint of the recipient "),
        (Reason.UNSUBSCRIBED, "manual", "5.7.1", "an unsubscription of the recipient "),
        (Reason.INVALID, "automatic", "5.1.3", "a check of the address: it is invalid "),
        (Reason.STALE, "automatic", "5.7.1", "a long time without mail (stale) "),
        (Reason.HOST_UNKNOWN, "automatic", "5.1.2", "a check of the domain: it takes no mail ("),
    ],
)
def test_reply_says_what_has_locked(reason: Reason, origin: str, status: str, words: str) -> None:
    made = REASONS[reason]
    lock = replace(lock_of(UNTIL), kind=made.kind, category=made.category, reason=reason,
        origin=Origin(origin))  # fmt: skip
    reply = compose(ReplySettings(), lock, "a@example.com")
    assert (reply.code, reply.status) == ("550", status)
    assert reply.text.startswith(f"Recipient address rejected: locked after {words}")
    assert reply.text.endswith("until 2027-11-23, ref=1 [bouncegate]")


def test_reply_status_that_fits_is_of_the_class_of_the_code_and_gives_way_to_one_set() -> None:
    later = compose(ReplySettings(code=450), lock_of(UNTIL), "a@example.com")
    assert (later.code, later.status) == ("450", "4.1.1")
    fixed = ReplySettings(status=EnhancedStatus("5.7.0"))
    assert compose(fixed, lock_of(UNTIL), "a@example.com").status == "5.7.0"


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("origin", list(Origin))
def test_reply_by_every_cause_fits_into_a_line(reason: Reason, origin: Origin) -> None:
    """The longest text that the config file may have is not cut by any cause."""
    template = "{cause}" + "x" * 300 + "!"
    made = REASONS[reason]
    lock = replace(lock_of(NO_END), kind=made.kind, category=made.category, reason=reason,
        origin=origin, cause=2**64 - 1)  # fmt: skip
    assert parse_reply_text(template)
    line = f"{compose(settings(template), lock, '', mark=mark_with('01234567'))}\r\n"
    assert len(line) <= 512
    assert "! [bouncegate 01234567]" in line


def test_a_lock_without_end_says_so() -> None:
    assert "without end" in compose(ReplySettings(), lock_of(NO_END), "a@example.com").text


def test_every_field_of_the_template_is_filled_in() -> None:
    template = settings("{recipient} {kind} {category} {reason} {since} {until}")
    assert compose(template, lock_of(UNTIL), "a@example.com").text == (
        "a@example.com hard address user-unknown 2026-11-23 until 2027-11-23 [bouncegate]"
    )


@given(st.text(max_size=400), st.sampled_from(["{recipient}", "{recipient}" * 5, "x" * 400]))
def test_nothing_from_the_wire_breaks_the_reply(recipient: str, template: str) -> None:
    """A line feed in a reply would let a client forge the next one (RFC 5321, 4.2)."""
    mark = mark_with("01234567")
    reply = compose(settings(template), lock_of(UNTIL), recipient, mark=mark)
    line = f"{reply}\r\n"
    assert len(line) <= 512
    assert str(reply).isascii()
    assert str(reply).isprintable()
    assert reply.text.endswith(" [bouncegate 01234567]")


def test_percent_signs_are_doubled_for_libmilter_alone() -> None:
    reply = compose(settings("100% {recipient}"), lock_of(UNTIL), "a%b@example.com")
    assert reply.text == "100% a%b@example.com [bouncegate]"
    assert reply.escaped == "100%% a%%b@example.com [bouncegate]"


def test_a_temporary_refusal_can_be_set() -> None:
    chosen = ReplySettings(code=450, status=EnhancedStatus("4.2.0"))
    reply = compose(chosen, lock_of(UNTIL), "a@example.com")
    assert (reply.code, reply.status, reply.temporary) == ("450", "4.2.0", True)
    assert not compose(ReplySettings(), lock_of(UNTIL), "a@example.com").temporary


def test_defer_answers_by_a_temporary_code_of_its_own_or_by_the_one_that_is_set() -> None:
    for chosen, answer in (
        (ReplySettings(action="defer"), ("450", "4.2.1")),
        (ReplySettings(action="defer", code=450, status=EnhancedStatus("4.1.1")), ("450", "4.1.1")),
    ):
        reply = compose(chosen, lock_of(UNTIL), "a@example.com")
        assert (reply.code, reply.status) == answer
        assert reply.temporary


def test_a_reply_names_the_case_and_where_to_read_more() -> None:
    chosen = ReplySettings(
        text=ReplyText("Locked, ref {ref}: {url}"),
        url=ReplyUrl("https://www.example.com/{ref}?why={reason}"),
    )
    assert compose(chosen, lock_of(UNTIL), "a@example.com").text == (
        "Locked, ref 1: https://www.example.com/1?why=user-unknown [bouncegate]"
    )


def test_a_long_recipient_is_cut_and_never_the_url_behind_it() -> None:
    chosen = ReplySettings(
        text=ReplyText("x" * 300 + " {recipient} is locked: {url}"),
        url=ReplyUrl("https://www.example.com/{ref}"),
    )
    reply = compose(chosen, lock_of(UNTIL), "a" * 64 + "@" + "b" * 180 + ".example")
    assert len(f"{reply}\r\n") == 512
    assert reply.text.endswith(": https://www.example.com/1 [bouncegate]")


@pytest.mark.parametrize(
    ("sender", "text"),
    [
        ("a@news.example", "Unsubscribed: https://www.example.com/1 [bouncegate]"),
        ("a@NEWS.example", "Unsubscribed: https://www.example.com/1 [bouncegate]"),
        ("a@bücher.example", "Locked: https://buecher.example/1 [bouncegate]"),
        ("a@xn--bcher-kva.example", "Locked: https://buecher.example/1 [bouncegate]"),
        ("a@sub.news.example", "Locked: https://www.example.com/1 [bouncegate]"),
        ("no address", "Locked: https://www.example.com/1 [bouncegate]"),
        ("", "Locked: https://www.example.com/1 [bouncegate]"),
    ],
)
def test_each_group_of_senders_gets_words_of_its_own(sender: str, text: str) -> None:
    chosen = ReplySettings(
        text=ReplyText("Locked: {url}"),
        url=ReplyUrl("https://www.example.com/{ref}"),
        groups=(
            GroupReply((DomainName("news.example"),), text=ReplyText("Unsubscribed: {url}")),
            GroupReply(
                (DomainName("xn--bcher-kva.example"),),
                url=ReplyUrl("https://buecher.example/{ref}"),
            ),
        ),
    )
    assert compose(chosen, lock_of(UNTIL), "a@example.com", sender).text == text


def test_case_is_the_name_of_ref_in_templates_of_earlier_versions() -> None:
    text, url = parse_reply_text("see {case}, {url}"), parse_reply_url("https://a.example/{case}")
    assert compose(ReplySettings(text=text, url=url), lock_of(UNTIL), "a@example.com").text == (
        "see 1, https://a.example/1 [bouncegate]"
    )
    assert parse_reply_text("{{case}} {ref}").template == "{{case}} {ref}"
