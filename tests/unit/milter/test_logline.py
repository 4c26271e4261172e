"""The log line of a refusal: one line, in Postfix's style, with nothing from the wire unescaped."""

from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.milter.locks import lock_of

from bouncegate.milter.logline import passed, refusal
from bouncegate.milter.refusal.decision import Facts, Outcome
from bouncegate.milter.refusal.reply import Reply
from bouncegate.policy.records import NO_END

FACTS = Facts("gone@example.com", "news@sender.test", False, ip_address("192.0.2.1"), None, "smtp")
REPLY = Reply("550", "5.1.1", "Recipient address rejected: locked [bouncegate]")
LOCK = lock_of(1_826_971_200)


def test_a_refusal_reads_like_one_of_postfix() -> None:
    """pflogsumm and every administrator's grep know this form."""
    assert refusal("reject", None, FACTS, LOCK, REPLY) == (
        "NOQUEUE: reject: RCPT from [192.0.2.1]: 550 5.1.1 <gone@example.com>: "
        "Recipient address rejected: locked [bouncegate]; "
        "from=<news@sender.test> to=<gone@example.com> reason=user-unknown until=2027-11-23 ref=1"
    )


def test_the_queue_id_stands_first_once_there_is_one() -> None:
    line = refusal("reject", "4Zx8Gk2l1vz", FACTS, LOCK, REPLY)
    assert line.startswith("4Zx8Gk2l1vz: reject: ")


def test_what_is_only_observed_cannot_be_taken_for_a_refusal() -> None:
    line = refusal("would-reject", None, FACTS, LOCK, REPLY)
    assert line.startswith("NOQUEUE: would-reject: ")


def test_a_lock_without_end_and_an_unknown_client_are_shown() -> None:
    line = refusal("reject", None, FACTS._replace(client=None), lock_of(NO_END), REPLY)
    assert "RCPT from [unknown]:" in line
    assert line.endswith("until=never ref=1")


def test_whoever_passes_in_spite_of_a_lock_is_logged_with_the_reason() -> None:
    assert passed(Outcome.NULL_SENDER, None, FACTS._replace(sender=""), LOCK) == (
        "NOQUEUE: pass: RCPT from [192.0.2.1]: null-sender; "
        "from=<> to=<gone@example.com> reason=user-unknown ref=1"
    )


@given(st.text(max_size=600), st.text(max_size=600), st.text(max_size=600))
def test_nothing_from_the_wire_makes_a_second_line(recipient: str, sender: str, queue: str) -> None:
    facts = FACTS._replace(recipient=recipient, sender=sender)
    line = refusal("reject", queue, facts, LOCK, REPLY)
    assert line.isprintable()
    assert len(line) < 2000
