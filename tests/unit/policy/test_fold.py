"""What bounces and operators do to an address: the promises of locking and unlocking."""

from datetime import UTC, datetime

from msgspec.structs import replace
from tests.events import event_of

from bouncegate.config.durations import Duration
from bouncegate.config.reasons import REASONS
from bouncegate.config.settings import PolicySettings, Threshold, Trust
from bouncegate.config.taxonomy import Blame, Category, Kind, Reason
from bouncegate.config.values import Terms
from bouncegate.policy.disposition import Disposition
from bouncegate.policy.fold import EMPTY, Policy
from bouncegate.policy.records import NO_END, Act, AddressEntry, Event, Origin, State

DAY = 86_400
COUNTING: tuple[Trust, ...] = ("signed", "matched")
POLICY = Policy(PolicySettings(), COUNTING)
NOW = int(datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp())


def bounce(reason: Reason, day: int = 0, kind: Kind | None = None) -> Event:
    event = event_of("ann@example.com", NOW + day * DAY, reason)
    return replace(event, kind=kind or event.kind)


def hard(day: int = 0) -> Event:
    return bounce(Reason.USER_UNKNOWN, day)


def soft(day: int = 0) -> Event:
    return bounce(Reason.MAILBOX_FULL, day)


def act(verb: str, day: int = 0, until: int = NO_END) -> Act:
    time = NOW + day * DAY
    if verb == "lock":
        return Act(("ann@example.com",), time, "lock", by="ann", until=until)
    return Act(("ann@example.com",), time, "unlock", by="ann")


def after(*entries: AddressEntry, settings: PolicySettings | None = None) -> State:
    fold = Policy(settings or PolicySettings(), COUNTING).fold
    state = EMPTY
    for number, entry in enumerate(entries, 1):
        state = fold(state, number, entry)
    return state


def day_of(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def test_the_first_hard_bounce_locks_for_a_calendar_year() -> None:
    lock = after(hard()).lock
    assert lock is not None
    assert (lock.kind, lock.category, lock.origin) == (
        Kind.HARD,
        Category.ADDRESS,
        Origin.AUTOMATIC,
    )
    assert (day_of(lock.since), day_of(lock.until)) == ("2026-01-31", "2027-01-31")


def test_the_third_soft_bounce_in_a_row_locks_for_a_calendar_month() -> None:
    assert after(soft(0), soft(1)).lock is None
    lock = after(soft(0), soft(1), soft(2)).lock
    assert lock is not None
    assert (day_of(lock.since), day_of(lock.until)) == ("2026-02-02", "2026-03-02")
    assert lock.cause == 3, "explain must be able to name the bounce that locked"


def test_when_the_time_is_up_the_address_is_free_and_counts_anew() -> None:
    state = after(soft(0), soft(1), soft(2), soft(100))
    assert state.lock is None
    assert state.soft_in_row == 1
    assert state.soft == 4, "what was seen is never forgotten"


def test_a_lock_ends_at_its_second_without_any_job() -> None:
    lock = after(hard()).lock
    assert lock is not None
    assert lock.in_force(lock.until - 1)
    assert not lock.in_force(lock.until)


def test_bounces_while_locked_do_not_lengthen_the_lock() -> None:
    assert after(hard(0), hard(5)).lock == after(hard(0)).lock
    assert after(hard(0), soft(1), soft(2), soft(3)).lock == after(hard(0)).lock


def test_a_hard_bounce_outranks_a_soft_lock() -> None:
    lock = after(soft(0), soft(1), soft(2), hard(3)).lock
    assert lock is not None
    assert (lock.kind, lock.cause) == (Kind.HARD, 4)


def test_what_indicts_the_sender_never_locks_the_recipient() -> None:
    for reason, definition in REASONS.items():
        if definition.blame is Blame.SENDER:
            event = bounce(reason, kind=Kind.HARD)
            assert POLICY.disposition(event) is Disposition.SENDER_TO_BLAME
            assert after(*[event] * 10) == EMPTY


def test_our_own_refusals_never_count() -> None:
    event = bounce(Reason.OWN_REFUSAL, kind=Kind.HARD)
    assert POLICY.disposition(event) is Disposition.OWN_REFUSAL
    assert after(*[event] * 10) == EMPTY


def test_delays_and_complaints_are_no_failures() -> None:
    assert after(bounce(Reason.NOT_A_FAILURE), bounce(Reason.COMPLAINT)) == EMPTY


def test_the_operators_table_decides_how_many_and_how_long() -> None:
    settings = PolicySettings(
        hard=Threshold(failures=2, lock=Terms((Duration(months=6),))),
        soft=Threshold(failures=1, lock=Terms((Duration(seconds=DAY),))),
    )
    assert after(hard(), settings=settings).lock is None
    twice = after(hard(0), hard(1), settings=settings).lock
    assert twice is not None
    assert day_of(twice.until) == "2026-08-01"
    once = after(soft(), settings=settings).lock
    assert once is not None
    assert day_of(once.until) == "2026-02-01"


def test_a_lock_by_hand_stays_whatever_bounces_and_says_who_made_it() -> None:
    locked = after(act("lock"), hard(1))
    assert locked.lock is not None
    assert (locked.lock.origin, locked.lock.until) == (Origin.MANUAL, NO_END)
    assert locked.hard == 1


def test_an_unlock_frees_and_starts_the_count_anew_but_forgets_nothing() -> None:
    freed = after(soft(0), soft(1), soft(2), act("unlock", 3), soft(4), soft(5))
    assert freed.lock is None
    assert (freed.soft, freed.soft_in_row, freed.times_locked) == (5, 2, 1)


def test_what_proves_nothing_never_counts_unless_the_operator_says_so() -> None:
    forged = replace(hard(), trust="unverified")
    assert POLICY.disposition(forged) is Disposition.UNVERIFIED
    assert after(*[forged] * 10) == EMPTY
    every: tuple[Trust, ...] = ("unverified",)
    lenient = Policy(PolicySettings(), every)
    assert lenient.disposition(forged) is Disposition.COUNTS


def test_what_fails_at_mail_says_nothing_about_the_recipient() -> None:
    at_mail = replace(hard(), phase="mail")
    assert POLICY.disposition(at_mail) is Disposition.SENDER_TO_BLAME


def test_what_fails_at_the_end_of_data_counts_only_if_it_speaks_of_the_recipient() -> None:
    # Yahoo tells of missing mailboxes there; all others refuse the message, for everyone alike.
    at_end = {"phase": "end-of-data"}
    assert POLICY.disposition(replace(hard(), **at_end)) is Disposition.COUNTS
    vague = replace(bounce(Reason.UNDEFINED, kind=Kind.HARD), **at_end)
    assert POLICY.disposition(vague) is Disposition.MESSAGE_TO_BLAME
    denied = replace(bounce(Reason.ACCESS_DENIED), **at_end)
    assert POLICY.disposition(denied) is Disposition.MESSAGE_TO_BLAME


def test_at_most_one_count_an_address_and_day_where_the_operator_wants_it() -> None:
    calm = PolicySettings(once_a_day=True)
    assert after(soft(0), soft(0), soft(0), settings=calm).soft == 1
    assert after(soft(0), soft(0), soft(1), soft(2), settings=calm).lock is not None


def test_a_soft_bounce_hides_no_hard_one_of_the_same_day() -> None:
    calm = PolicySettings(once_a_day=True)
    state = after(soft(0), hard(0), settings=calm)
    assert state.lock is not None
    assert state.lock.kind is Kind.HARD


def test_a_bounce_for_one_group_hides_none_for_another_of_the_same_day() -> None:
    softly = Threshold(1, Terms((Duration(months=1),)), scope="group")
    calm = PolicySettings(once_a_day=True, soft=softly)
    one, other = (replace(soft(0), group=name) for name in ("a.example", "b.example"))
    groups = after(one, other, one, settings=calm).groups
    assert {name: known.lock is not None for name, known in groups.items()} == {
        "a.example": True,
        "b.example": True,
    }
    assert groups["a.example"].soft_in_row == 1
