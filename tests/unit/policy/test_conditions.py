"""What must still be true of an address when an act is carried out, however late that is."""

import pytest
from msgspec.structs import replace
from tests.unit.policy.journey import act, after, hard, policy_of, soft, time_of

from bouncegate.config.taxonomy import Reason
from bouncegate.policy.conditions import is_met, locks_of, locks_seen, strength, subject_of
from bouncegate.policy.records import NO_END, Act, Origin, State

SOFT = [soft(0), soft(1), soft(2)]


def seen(state: State, day: float = 3) -> int:
    return locks_seen(locks_of(state), time_of(day))


def test_an_act_on_what_was_seen_holds_while_the_locks_are_the_same() -> None:
    shown = after(*SOFT)
    unlock = replace(act("unlock", 3), condition="as-seen")
    assert is_met(unlock, seen(shown), shown)
    assert is_met(unlock, seen(shown), after(*SOFT, soft(2.5))), "one more failure is no other lock"
    assert not is_met(unlock, seen(shown), after(*SOFT, hard(2.5))), "it is locked harder meanwhile"
    assert not is_met(unlock, seen(shown), after(*SOFT, act("unlock", 2), act("lock", 2)))
    assert not is_met(unlock, seen(after()), shown), "there was no lock to be seen"


def test_the_lock_of_a_group_is_seen_with_those_of_the_address() -> None:
    toml = '[policy.soft]\nscope = "group"\nfailures = 1\n'
    one, other = soft(0, group="a.example"), soft(1, group="b.example")
    shown, later = after(one, toml=toml), after(one, other, toml=toml)
    for_all = replace(act("unlock", 3), condition="as-seen")
    assert not is_met(for_all, seen(shown), later)
    assert is_met(replace(for_all, group="a.example"), seen(shown), later)
    assert locks_seen(locks_of(shown, "c.example"), time_of(3)) == 0


def test_a_lock_that_has_ended_was_not_seen() -> None:
    state = after(*SOFT)
    assert seen(state) != 0
    assert seen(state, day=60) == 0


@pytest.mark.parametrize("verb", ["unlock", "alive"])
def test_what_frees_an_address_without_a_condition_leaves_younger_locks(verb: str) -> None:
    """A command that was killed is finished days later."""
    decided = act("unlock" if verb == "unlock" else "alive", 3)
    assert is_met(decided, 0, after(*SOFT))
    assert not is_met(decided, 0, after(*SOFT, hard(5)))
    assert is_met(act("lock", 3), 0, after(hard(5))), "a lock takes nothing away"


def test_a_list_locks_who_is_free_and_frees_whom_it_has_locked() -> None:
    of_list = replace(act("lock", 1), reason=Reason.STALE, origin=Origin.AUTOMATIC)
    lock = replace(of_list, condition="unlocked")
    assert is_met(lock, 0, after())
    assert not is_met(lock, 0, after(hard(0)))
    release = replace(act("unlock", 2), verb="release", condition="by-list")
    assert is_met(release, 0, after(of_list))
    assert not is_met(release, 0, after(of_list, act("lock", 1))), "an operator has locked it since"
    assert not is_met(release, 0, after())


@pytest.mark.parametrize(
    ("reason", "until", "holds"),
    [
        (Reason.COMPLAINT, NO_END, True),
        (Reason.COMPLAINT, time_of(5), False),
        (Reason.USER_UNKNOWN, NO_END, True),
        (Reason.MAILBOX_FULL, NO_END, False),
    ],
)
def test_an_import_takes_no_place_of_a_stronger_or_longer_lock(
    reason: Reason, until: int, holds: bool
) -> None:
    lock = replace(
        act("lock", 1, until), reason=reason, origin=Origin.IMPORTED, condition="outlasts"
    )
    assert is_met(lock, 0, after(hard(0))) is holds
    assert is_met(lock, 0, after()), "where there is no lock, any is longer"


def test_somebody_s_own_word_is_stronger_than_a_bounce_and_a_list_than_a_soft_one() -> None:
    word = strength(Reason.COMPLAINT, Origin.IMPORTED)
    assert word == strength(Reason.OPERATOR, Origin.MANUAL)
    bounce = strength(Reason.USER_UNKNOWN, Origin.AUTOMATIC)
    of_list = strength(Reason.STALE, Origin.AUTOMATIC)
    assert word > bounce > of_list > strength(Reason.MAILBOX_FULL, Origin.AUTOMATIC)


def test_a_correction_waits_for_the_address_that_was_meant() -> None:
    correct = Act(("ann@gmial.example",), 1, "correct", by="eve", other="ann@gmail.example")
    assert subject_of(correct, "ann@gmial.example") == "ann@gmail.example"
    renew = Act(("ann@gmail.example",), 1, "renew", by="eve", other="ann@gmial.example")
    assert subject_of(renew, "ann@gmail.example") == "ann@gmail.example"


def test_the_policy_carries_an_act_out_as_it_stands() -> None:
    """Conditions are looked at before: a journal that is replayed tells the same again."""
    state = after(*SOFT, hard(5))
    unlock = replace(act("unlock", 3), condition="as-seen", seen=(1,))
    assert policy_of().fold(state, 9, unlock).lock is None
