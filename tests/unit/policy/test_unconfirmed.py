"""Bounces that say something of a domain's name: what DNS must have told for them to count."""

import pytest
from msgspec.structs import replace
from tests.unit.store.bounces import NOW, bounce_of, lock_by_hand, policy

from bouncegate.config.reasons import REASONS
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.fold import EMPTY
from bouncegate.policy.mx import MxHost, MxHosts
from bouncegate.policy.records import Act, Lock, Origin
from bouncegate.policy.unconfirmed import asks_at, awaits_dns, has_returned, outcome, rests_on_name

DAY = 86_400
CAME = NOW
ALIVE = MxHosts("ok", (MxHost(10, "mx.x.test"),), fetched=CAME + 60)
DENIED = MxHosts("nxdomain", fetched=CAME + 60, denial="nxdomain", denied_since=CAME + 60)
DEAD = replace(DENIED, fetched=CAME + 60 + DAY)
RULES = policy()


def test_only_bounces_about_names_wait_for_dns() -> None:
    waiting = {reason for reason in REASONS if awaits_dns(bounce_of("ann@x.test", 1, NOW, reason))}
    assert waiting == {Reason.HOST_UNKNOWN, Reason.NO_MX}


@pytest.mark.parametrize(
    ("known", "what"),
    [
        (MxHosts(), "open"),
        (ALIVE, "present"),
        (replace(ALIVE, fetched=CAME - 1), "open"),
        (DENIED, "open"),
        (DEAD, "absent"),
        (replace(DEAD, fetched=CAME - 1, denied_since=CAME - 9 * DAY), "open"),
        (replace(ALIVE, denial="nxdomain", denied_since=CAME), "open"),
        (replace(DEAD, status="ok"), "absent"),
        (MxHosts(failures=9, failed=CAME + 60, why="SERVFAIL"), "open"),
    ],
)
def test_a_bounce_about_a_name_counts_when_dns_has_denied_it_twice_since(
    known: MxHosts, what: str
) -> None:
    assert outcome(CAME, known, CAME + DAY, DAY) == what


def test_a_bounce_about_a_name_that_dns_never_decides_is_given_up() -> None:
    silent = MxHosts(failures=9, failed=CAME + 60)
    assert outcome(CAME, silent, CAME + 30 * DAY, DAY) == "open"
    assert outcome(CAME, silent, CAME + 30 * DAY + 1, DAY) == "given-up"
    assert outcome(CAME, DEAD, CAME + 99 * DAY, DAY) == "absent"


@pytest.mark.parametrize(
    ("known", "when"),
    [
        (MxHosts(), CAME),
        (replace(ALIVE, fetched=CAME - 1), CAME),
        (DENIED, CAME + 60 + DAY),
        (MxHosts(failures=1, failed=CAME + 60), CAME + 360),
    ],
)
def test_dns_is_asked_at_once_then_when_a_denial_can_be_confirmed(
    known: MxHosts, when: int
) -> None:
    assert asks_at(CAME, known, DAY) == when


def lock_of(reason: Reason, origin: Origin = Origin.AUTOMATIC) -> Lock:
    definition = REASONS[reason]
    return Lock(definition.kind, definition.category, reason, origin, CAME, CAME + 365 * DAY, 1)


def test_a_domain_that_takes_mail_again_ends_what_its_absence_locked_and_nothing_else() -> None:
    assert has_returned(lock_of(Reason.HOST_UNKNOWN), ALIVE)
    assert has_returned(lock_of(Reason.NO_MX), ALIVE)
    assert not has_returned(lock_of(Reason.USER_UNKNOWN), ALIVE)
    assert not has_returned(lock_of(Reason.HOST_UNKNOWN, Origin.MANUAL), ALIVE)
    assert not has_returned(lock_of(Reason.HOST_UNKNOWN, Origin.IMPORTED), ALIVE)
    assert not has_returned(lock_of(Reason.HOST_UNKNOWN), replace(ALIVE, fetched=CAME))
    assert not has_returned(lock_of(Reason.HOST_UNKNOWN), DENIED)


def test_a_recovery_ends_the_lock_of_an_absent_domain_as_if_it_had_not_been() -> None:
    locked = RULES.fold(EMPTY, 1, bounce_of("ann@x.test", 1, NOW, Reason.HOST_UNKNOWN))
    assert locked.lock is not None
    assert rests_on_name(locked.lock)
    after = RULES.fold(locked, 2, Act(("ann@x.test",), NOW + 60, "recover", by="domain-check"))
    assert (after.lock, after.hard_in_row, after.times_locked) == (None, 0, 0)
    assert after.times_locked_hard == 0, "it would be locked for longer the next time"
    assert after.hard == 1, "it did bounce"


@pytest.mark.parametrize("entry", [bounce_of("ann@x.test", 1), lock_by_hand("ann@x.test")])
def test_a_recovery_leaves_locks_of_other_causes(entry: object) -> None:
    locked = RULES.fold(EMPTY, 1, entry)  # type: ignore[arg-type]
    assert RULES.fold(locked, 2, Act(("ann@x.test",), NOW + 60, "recover", by="x")) == locked
