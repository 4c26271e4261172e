"""What the model services promise of locks, sentence by sentence, as far as the policy keeps it."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.policy.journey import (
    act,
    after,
    bounce,
    delivery,
    hard,
    kind_and_end,
    policy_of,
    soft,
    time_of,
)

from bouncegate.config.taxonomy import Kind, Reason
from bouncegate.policy.records import Act, AddressEntry, Origin
from bouncegate.policy.timeline import steps


def test_a_hard_bounce_locks_at_the_1st_delivery_attempt_for_1_year() -> None:
    assert kind_and_end(after(hard(0))) == (Kind.HARD, "2027-01-31")


def test_a_soft_one_locks_at_the_3rd_for_1_month() -> None:
    assert after(soft(0), soft(1)).lock is None
    assert kind_and_end(after(soft(-2), soft(-1), soft(0))) == (Kind.SOFT, "2026-02-28")


def test_when_the_time_is_up_the_address_is_free_again_by_itself() -> None:
    lock = after(hard(0)).lock
    assert lock is not None
    assert lock.in_force(lock.until - 1)
    assert not lock.in_force(lock.until), "no job has to run for it"
    assert after(soft(0), soft(1), soft(2), soft(60)).soft_in_row == 1, "and its count is anew"


def test_after_its_end_the_next_hard_bounce_locks_for_1_year_again() -> None:
    assert kind_and_end(after(hard(0), hard(366))) == (Kind.HARD, "2028-02-01")


@pytest.mark.parametrize(("provider", "failures"), [("microsoft", 1), ("gmx", 2)])
def test_how_many_failures_lock_depends_on_kind_and_provider_hard(
    provider: str, failures: int
) -> None:
    toml = '[[policy.row]]\nkind = "hard"\nprovider = "gmx"\nfailures = 2\nlock = "1 year"'
    bounces = [hard(day, provider=provider) for day in range(failures)]
    assert after(*bounces[:-1], toml=toml).lock is None
    assert after(*bounces, toml=toml).lock is not None


@pytest.mark.parametrize(("provider", "failures"), [("yahoo", 3), ("gmx", 4), ("yandex", 5)])
def test_how_many_failures_lock_depends_on_kind_and_provider_soft(
    provider: str, failures: int
) -> None:
    toml = "".join(
        f'[[policy.row]]\nkind = "soft"\nprovider = "{name}"\nfailures = {n}\nlock = "1 month"\n'
        for name, n in (("yahoo", 3), ("gmx", 4), ("yandex", 5))
    )
    bounces = [soft(day, provider=provider) for day in range(failures)]
    assert after(*bounces[:-1], toml=toml).lock is None
    assert after(*bounces, toml=toml).lock is not None


def test_a_delivery_in_between_starts_the_count_anew() -> None:
    state = after(soft(0), soft(1), delivery(2), soft(3), soft(4))
    assert state.lock is None
    assert state.soft_in_row == 2
    assert after(soft(0), soft(1), delivery(2), soft(3), soft(4), soft(5)).lock is not None


def test_a_delivery_that_becomes_known_late_still_lies_in_between() -> None:
    # By the ledger a delivery is known only when no bounce can follow any more.
    late = after(soft(0), soft(2), soft(4), delivery(1, known=7))
    assert late.lock is None, "the three were not in a row"
    assert (late.soft_in_row, late.times_locked) == (2, 0)
    before_all = after(soft(0), soft(2), soft(4), delivery(-1, known=5))
    assert before_all.lock is not None, "it lies before all of them"


def test_a_bounce_of_an_older_message_than_a_delivered_one_does_not_count() -> None:
    # A message that waited in the queue for five days; the next one went through meanwhile.
    expired = soft(5, sent=time_of(0))
    state = after(soft(-3), delivery(1), expired)
    assert state.soft_in_row == 0
    told = list(steps([(1, soft(-3), ""), (2, delivery(1), ""), (3, expired, "")], policy_of()))
    assert [step.effect for step in told] == ["counted", "delivered", "delivered-since"]


def test_a_delivery_parts_the_failures_however_many_have_come_since() -> None:
    early, late = [soft(1), soft(2)], [soft(10), soft(11), soft(12)]
    state = after(*early, *late, delivery(5, known=14))
    assert (state.lock is not None, state.soft_in_row) == (True, 3)


def test_a_late_bounce_takes_nothing_from_a_lock_that_later_failures_support() -> None:
    late = soft(11.6, sent=time_of(6.5))
    state = after(soft(10), soft(10.5), soft(11), late, soft(12), delivery(8, known=14))
    assert (state.lock is not None, state.soft_in_row) == (True, 4)


def test_failures_count_within_a_window_of_sends_in_whatever_order_they_are_told() -> None:
    toml = '[policy.soft]\nfailures = 3\nwindow = "2 days"\nlock = "1 month"'
    apart = [soft(0), soft(4), soft(4.5)]
    together = [soft(3), soft(4), soft(4.5)]
    for first, *others in (apart, together):
        told_last = replace(first, time=time_of(6), sent=first.time)
        in_order = after(first, *others, toml=toml).lock is not None
        assert (after(*others, told_last, toml=toml).lock is not None) is in_order
        assert in_order is (first.time == time_of(3))


@pytest.mark.parametrize("is_late", [False, True])
def test_hard_bounces_on_both_sides_of_a_delivery_are_not_in_a_row(is_late: bool) -> None:
    toml = '[policy.hard]\nfailures = 2\nlock = "1 year"'
    early, between = soft(0), delivery(3, known=4)
    told_late: list[AddressEntry] = [between, hard(7, sent=time_of(2))]
    in_time: list[AddressEntry] = [hard(2), between]
    first = [early, *(told_late if is_late else in_time)]
    assert after(*first, hard(10), toml=toml).lock is None
    assert after(*first, hard(10), hard(11), toml=toml).lock is not None


def test_the_first_hard_lock_has_the_first_term_whatever_soft_ones_came_before() -> None:
    softly = [soft(0), soft(1), soft(2)]
    assert kind_and_end(after(*softly, hard(400))) == (Kind.HARD, "2028-03-07")
    assert kind_and_end(after(*softly, hard(3))) == (Kind.HARD, "2027-02-03")
    assert kind_and_end(after(hard(0), *[soft(366 + day) for day in range(3)])) == (
        Kind.SOFT,
        "2027-03-03",
    )


@given(
    failures=st.lists(st.integers(0, 40), min_size=1, max_size=12, unique=True),
    deliveries=st.lists(st.integers(0, 40), max_size=3),
    order=st.randoms(use_true_random=False),
)
def test_the_order_in_which_soft_failures_and_deliveries_become_known_changes_nothing(
    failures: list[int], deliveries: list[int], order: Random
) -> None:
    """A message of day 0.5 failed first, so that deliveries are looked at from then on."""
    told: list[AddressEntry] = [soft(45, sent=time_of(day + 0.5)) for day in failures]
    told += [delivery(day, known=45) for day in deliveries]
    order.shuffle(told)
    state = after(soft(45, sent=time_of(-1)), *told)
    last = max(deliveries, default=-2)
    in_row = sum(day + 0.5 > last for day in (-1.5, *failures))
    assert state.soft_in_row == in_row
    assert (state.lock is not None) is (in_row >= 3)


def test_a_success_report_is_a_delivery() -> None:
    success = bounce(Reason.NOT_A_FAILURE, 2, action="delivered")
    assert after(soft(0), soft(1), success, soft(3)).soft_in_row == 1
    forged = bounce(Reason.NOT_A_FAILURE, 2, action="delivered", trust="unverified")
    assert after(soft(0), soft(1), forged, soft(3)).lock is not None


def test_a_delivery_never_lifts_a_hard_lock() -> None:
    state = after(hard(0), delivery(1, known=7))
    assert state.lock is not None


def test_below_the_threshold_the_next_mailing_simply_tries_again() -> None:
    assert after(soft(0)).lock is None
    assert after(soft(0), soft(1)).lock is None


def test_a_lock_says_whether_it_was_automatic_or_made_by_hand() -> None:
    by_bounce, by_hand = after(hard(0)).lock, after(act("lock", 0)).lock
    imported = after(Act(("ann@example.com",), time_of(0), "lock", "eve", origin=Origin.IMPORTED))
    assert by_bounce is not None
    assert by_hand is not None
    assert imported.lock is not None
    origins = (by_bounce.origin, by_hand.origin, imported.lock.origin)
    assert origins == (Origin.AUTOMATIC, Origin.MANUAL, Origin.IMPORTED)


def test_a_reaction_of_the_recipient_frees_a_soft_lock_and_resets_its_statistics() -> None:
    state = after(soft(0), soft(1), soft(2), act("alive", 3))
    assert state.lock is None
    assert (state.soft, state.soft_in_row, state.times_locked, state.categories) == (0, 0, 0, {})
    again = after(soft(0), soft(1), soft(2), act("alive", 3), soft(4), soft(5))
    assert again.lock is None, "it takes three in a row again"


def test_a_reaction_frees_no_hard_lock_unless_the_config_says_so() -> None:
    assert after(hard(0), act("alive", 1)).lock is not None
    assert after(hard(0), act("alive", 1), toml="[policy]\nalive_frees_hard = true").lock is None
    assert after(act("lock", 0), act("alive", 1)).lock is not None, "nor one that was made by hand"


def test_who_reacts_and_never_bounced_leaves_no_trace() -> None:
    assert after(act("alive", 0)) == after()


def test_what_a_mistyped_address_was_corrected_to_outlives_a_reaction() -> None:
    correction = Act(("ann@example.com",), time_of(3), "correct", "eve", other="anne@example.com")
    state = after(soft(0), soft(1), soft(2), correction, act("alive", 4))
    assert (state.lock, state.corrected) == (None, "anne@example.com")
