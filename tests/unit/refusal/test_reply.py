"""What a refused client is told: within the limits of SMTP, whatever stands in an address."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.milter.locks import lock_of

from bouncegate.config.settings import ReplySettings
from bouncegate.config.values import EnhancedStatus, ReplyText
from bouncegate.policy.records import NO_END
from bouncegate.refusal.reply import MARKER, compose

UNTIL = int(datetime(2027, 11, 23, 12, tzinfo=UTC).timestamp())


def settings(template: str) -> ReplySettings:
    return ReplySettings(text=ReplyText(template))


def test_the_default_reply_tells_kind_category_reason_and_the_day_the_lock_ends() -> None:
    assert str(compose(ReplySettings(), lock_of(UNTIL), "gone@example.com")) == (
        "550 5.1.1 Recipient address rejected: locked after a hard bounce "
        "(address, user-unknown) until 2027-11-23 [bouncegate]"
    )


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
    reply = compose(settings(template), lock_of(UNTIL), recipient)
    line = f"{reply}\r\n"
    assert len(line) <= 512
    assert str(reply).isascii()
    assert str(reply).isprintable()
    assert reply.text.endswith(MARKER)


def test_percent_signs_are_doubled_for_libmilter_alone() -> None:
    reply = compose(settings("100% {recipient}"), lock_of(UNTIL), "a%b@example.com")
    assert reply.text == "100% a%b@example.com [bouncegate]"
    assert reply.escaped == "100%% a%%b@example.com [bouncegate]"


def test_a_temporary_refusal_can_be_set() -> None:
    chosen = ReplySettings(code=450, status=EnhancedStatus("4.2.0"))
    reply = compose(chosen, lock_of(UNTIL), "a@example.com")
    assert (reply.code, reply.status, reply.temporary) == ("450", "4.2.0", True)
    assert not compose(ReplySettings(), lock_of(UNTIL), "a@example.com").temporary
