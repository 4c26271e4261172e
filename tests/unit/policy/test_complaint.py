"""A person who complains gets no more mail of that group, until an operator lifts it by force."""

import pytest
from tests.unit.policy.journey import act, after, bounce, delivery, hard, policy_of, soft

from bouncegate.config.loading import loads
from bouncegate.config.settings import PolicySettings
from bouncegate.config.taxonomy import Kind, Reason
from bouncegate.policy.disposition import Disposition
from bouncegate.policy.records import NO_END, Event, Lock, Origin
from bouncegate.policy.timeline import what_would_free

SHOP = "shop.example"


def complaint(day: float, feedback: str = "abuse", **fields: object) -> Event:
    return bounce(Reason.COMPLAINT, day, action="complaint", feedback=feedback, **fields)


def lock_of(lock: Lock | None) -> tuple[Kind, Reason, Origin, int]:
    assert lock is not None
    return lock.kind, lock.reason, lock.origin, lock.until


LOCKED = (Kind.COMPLAINT, Reason.COMPLAINT, Origin.AUTOMATIC, NO_END)


@pytest.mark.parametrize("feedback", ["abuse", "fraud"])
def test_a_complaint_locks_its_group_without_end(feedback: str) -> None:
    state = after(complaint(0, feedback, group=SHOP))
    assert state.lock is None
    assert lock_of(state.groups[SHOP].lock) == LOCKED
    assert (state.complaints, state.hard, state.soft) == (1, 0, 0)


def test_a_complaint_without_a_group_locks_all_mail() -> None:
    assert lock_of(after(complaint(0)).lock) == LOCKED


def test_complaints_lock_all_mail_where_rcpt_shows_no_group() -> None:
    settings = loads('[ledger]\ngroup = "list-id"\nenabled = true\n')
    assert settings.policy_in_force.complaint.scope == "global"
    assert loads("").policy_in_force.complaint.scope == "group"


@pytest.mark.parametrize("feedback", ["not-spam", "auth-failure", "virus", "other", ""])
def test_feedback_in_which_nobody_complains_locks_nothing(feedback: str) -> None:
    one = complaint(0, feedback)
    assert policy_of().disposition(one) is Disposition.NO_FAILURE
    assert after(one) == after()


def test_a_complaint_of_a_stranger_locks_nothing() -> None:
    assert after(complaint(0, trust="unverified")) == after()


def test_neither_delivery_nor_sign_of_life_ends_a_lock_after_a_complaint() -> None:
    toml = "[policy]\nalive_frees_hard = true\n"
    state = after(complaint(0), delivery(1), act("alive", 2), toml=toml)
    assert lock_of(state.lock) == LOCKED
    assert after(complaint(0), act("unlock", 1)).lock is None


def test_a_complaint_that_comes_after_a_later_delivery_still_locks() -> None:
    assert after(soft(0), delivery(2), complaint(1)).lock is not None


def test_a_complaint_outranks_bounces_and_gives_way_to_none() -> None:
    assert lock_of(after(hard(0), complaint(1)).lock) == LOCKED
    assert lock_of(after(complaint(0), hard(1)).lock) == LOCKED
    manual = after(act("lock", 0), complaint(1)).lock
    assert manual is not None
    assert manual.origin is Origin.MANUAL


def test_complaints_make_no_later_lock_of_bounces_longer() -> None:
    alone = after(hard(2)).lock
    locked = after(complaint(0), act("unlock", 1), hard(2)).lock
    assert alone is not None
    assert locked is not None
    assert locked.until == alone.until


def test_how_many_complaints_lock_and_for_how_long_is_set() -> None:
    toml = '[policy.complaint]\nfailures = 2\nlock = ["1 year", "without end"]\nscope = "global"\n'
    assert after(complaint(0), toml=toml).lock is None
    assert after(complaint(0), delivery(1), act("alive", 2), complaint(3), toml=toml).lock
    assert after(complaint(0), complaint(1), act("unlock", 2), complaint(3), toml=toml).lock is None
    never = '[policy.complaint]\nfailures = 1\nlock = "never"\n'
    assert after(complaint(0), toml=never).lock is None


def test_rows_are_about_complaints_only_by_name() -> None:
    of_bounces = '[[policy.row]]\nsender = "bills@example.org"\nlock = "never"\n'
    bill = complaint(0, sender="bills@example.org")
    assert after(bill, toml=of_bounces).lock is not None
    named = of_bounces + '[[policy.row]]\nkind = "complaint"\nsender = "bills@"\nlock = "never"\n'
    assert after(bill, toml=named).lock is None


def test_only_force_frees_after_a_complaint() -> None:
    lock = after(complaint(0)).lock
    assert lock is not None
    generous = PolicySettings(unlock_hard=True, alive_frees_hard=True)
    assert what_would_free(lock, lock.since, generous) == ("unlock-force",)
