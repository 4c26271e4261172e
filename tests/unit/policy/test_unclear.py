"""A hard bounce of which nobody knows why locks if it is about the recipient, or comes again."""

import pytest
from msgspec.structs import replace
from tests.unit.policy.journey import after, bounce, delivery, hard, policy_of

from bouncegate.config.taxonomy import Category, Kind, Reason
from bouncegate.policy.records import Event
from bouncegate.policy.timeline import steps, that_lacks_days

HOUR = 1 / 24


def unclear(day: float, **fields: object) -> Event:
    """Hard, in words that no rule knows."""
    event = bounce(Reason.UNDEFINED, day, status="5.0.0", phase="")
    return replace(event, kind=Kind.HARD, category=Category.UNDEFINED, **fields)


def test_unclear_hard_bounce_needs_a_second_from_another_day() -> None:
    state = after(unclear(0))
    assert (state.lock, state.hard) == (None, 1)
    assert after(unclear(0), unclear(3 * HOUR)).lock is None, "the same day"
    assert after(unclear(0), unclear(1)).lock is not None
    assert after(unclear(1), unclear(0)).lock is not None, "in whatever order they become known"


@pytest.mark.parametrize("phase", ["", "connect", "helo"])
@pytest.mark.parametrize("status", ["", "5.0.0", "5.2.0", "5.1.7", "5.1.8", "5.1.9", "5.10.1"])
def test_unclear_is_what_speaks_of_no_recipient(phase: str, status: str) -> None:
    assert after(unclear(0, phase=phase, status=status)).lock is None


@pytest.mark.parametrize(
    "fields",
    [
        {"phase": "rcpt"},
        {"phase": "rcpt", "status": "5.0.0"},
        *({"status": f"5.1.{n}"} for n in (0, 1, 2, 3, 4, 5, 6, 10)),
        {"status": "5.2.1"},
    ],
)
def test_an_answer_to_rcpt_or_a_status_of_the_address_locks_at_the_first(
    fields: dict[str, str],
) -> None:
    assert after(unclear(0, **fields)).lock is not None


def test_a_known_reason_locks_at_the_first_whatever_its_phase_and_status() -> None:
    assert after(hard(0, phase="", status="5.0.0")).lock is not None
    assert after(unclear(0), hard(HOUR)).lock is not None


def test_an_address_that_our_sending_service_suppresses_locks_at_the_first() -> None:
    """A finer reason than undefined is known."""
    suppressed = bounce(Reason.SUPPRESSED, 0, phase="", status="5.0.0")
    assert suppressed.kind is Kind.HARD
    assert after(suppressed).lock is not None


def test_a_delivery_between_two_unclear_bounces_keeps_the_address_free() -> None:
    assert after(unclear(0), delivery(1), unclear(2)).lock is None
    assert after(unclear(0), delivery(5), unclear(2)).lock is None, "known late"


def test_two_unclear_bounces_lie_within_the_window_of_the_table() -> None:
    toml = '[policy.hard]\nwindow = "10 days"\nlock = "1 year"\nfailures = 1'
    assert after(unclear(0), unclear(12), toml=toml).lock is None
    assert after(unclear(0), unclear(9), toml=toml).lock is not None


def test_days_of_the_table_decide_for_every_bounce() -> None:
    at_once = '[policy.hard]\ndays = 1\nlock = "1 year"\nfailures = 1'
    assert after(unclear(0), toml=at_once).lock is not None
    for_all = '[[policy.row]]\nkind = "hard"\ndays = 3\nfailures = 1\nlock = "1 year"'
    assert after(hard(0), hard(HOUR), hard(1), toml=for_all).lock is None
    assert after(hard(0), hard(1), hard(2), toml=for_all).lock is not None
    soft = '[policy.soft]\ndays = 2\nfailures = 2\nlock = "1 month"'
    full = [bounce(Reason.MAILBOX_FULL, day) for day in (0, HOUR, 1)]
    assert after(*full[:2], toml=soft).lock is None
    assert after(*full, toml=soft).lock is not None


def test_the_steps_of_an_address_tell_what_an_unclear_bounce_waits_for() -> None:
    policy = policy_of()
    entries = [unclear(0), unclear(HOUR)]
    told = list(steps(((n, e, "") for n, e in enumerate(entries, 1)), policy))
    assert [step.effect for step in told] == ["needs-another-day"] * 2
    waiting = that_lacks_days(told, entries[-1].time)
    assert waiting is not None
    assert waiting.number == 2
    entries.append(unclear(1))
    told = list(steps(((n, e, "") for n, e in enumerate(entries, 1)), policy))
    assert told[-1].effect == "locked"
    assert that_lacks_days(told, entries[-1].time) is None
