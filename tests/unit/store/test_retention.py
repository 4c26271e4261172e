"""Letting go of what is old: no address and no lock is any other for it, and nobody waits."""

import tempfile
import threading
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from msgspec.structs import replace
from tests.stores import open_store
from tests.unit.store import test_rollback as histories

from bouncegate.config.durations import Duration
from bouncegate.config.policysettings import PolicySettings, Threshold
from bouncegate.config.taxonomy import Reason
from bouncegate.config.values import Terms
from bouncegate.policy.fold import EMPTY, freed
from bouncegate.policy.records import (
    NO_END,
    Act,
    Event,
    Ruling,
    State,
    Summary,
)
from bouncegate.store.layout import BY_ADDRESS, ONCE, VOIDED
from bouncegate.store.retention import _MOST_OF_ONE
from bouncegate.store.store import Store
from bouncegate.store.tools.verify.addresses import AddressCheck
from bouncegate.store.tools.verify.journal import JournalCheck

from .bounces import NOW, bounce_of, contents, policy, record
from .test_rollback import RULES

DAY = 86_400
FOLD = policy().fold
ANN = "ann@x.test"


class Both:
    """Two stores to which the same happens; one of them lets go of what is old."""

    def __init__(self, one: Any, twin: Any) -> None:
        self.one, self.twin = one, twin

    def __getattr__(self, name: str) -> Any:
        mine, other = getattr(self.one, name), getattr(self.twin, name)
        if name not in {"record", "act", "void", "confirm", "settle", "close_incidents"}:
            return mine

        def do(*arguments: Any) -> Any:
            done = mine(*arguments)
            other(*arguments)
            return done

        return do


class Kept(histories.Histories):
    """The histories of the tests of rollback, with retention at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.other = tempfile.TemporaryDirectory()
        self.both = Both(self.store, open_store(Path(self.other.name)))
        self.store = cast(Store, self.both)

    def teardown(self) -> None:
        self.both.twin.close()
        self.both.one.close()
        self.other.cleanup()
        self.folder.cleanup()

    def known(self, store: Store) -> dict[str, State]:
        """What is known of each address now: a lock whose time is up is none."""
        return {
            address: freed(store.addresses.get(address) or EMPTY, self.now)
            for address in [*histories.ADDRESSES_OF_USERS, "twin@x.test"]
        }

    @rule(days=st.sampled_from([1, 30, 365]))
    def let_go(self, days: int) -> None:
        before = self.known(self.both.one)
        self.both.one.retention.expire_entries(self.now - days * DAY, self.now, RULES.fold)
        assert self.known(self.both.one) == before

    @invariant()
    def every_address_is_what_it_would_be_if_all_was_kept(self) -> None:
        assert self.known(self.both.one) == self.known(self.both.twin)
        assert self.both.one.journal.last() == self.both.twin.journal.last(), "a number came twice"

    @invariant()
    def what_locked_an_address_can_be_told(self) -> None:
        for address, lock in self.both.one.addresses.locks():
            numbers = [number for number, _ in self.both.one.journal.of_address(address)]
            assert lock.cause in numbers

    @invariant()
    def nothing_is_left_of_what_went(self) -> None:
        entries = dict(self.both.one.journal.entries())
        events = {n for n, entry in entries.items() if isinstance(entry, Event)}
        found = contents(self.both.one, ONCE, VOIDED, BY_ADDRESS)
        assert {int.from_bytes(v, "big") for _, v in found[ONCE]} == events
        assert {int.from_bytes(k, "big") for k, _ in found[VOIDED]} <= events
        assert {int.from_bytes(v, "big") for _, v in found[BY_ADDRESS]} <= entries.keys()


Kept.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, derandomize=True
)
TestKept = Kept.TestCase


def let_go(store: Store, before: int, now: int) -> int:
    return store.retention.expire_entries(before, now, FOLD)


def entries_of_addresses(store: Store) -> int:
    return len(contents(store, BY_ADDRESS)[BY_ADDRESS])


def fill(store: Store, *events: Event) -> None:
    record(store, events, policy())


def soft(message: int, time: int) -> Event:
    return bounce_of(ANN, message, time, Reason.MAILBOX_FULL)


def test_old_bounces_go_and_the_count_in_a_row_goes_on(store: Store) -> None:
    fill(store, soft(1, NOW), soft(2, NOW + DAY), bounce_of("bob@x.test", 9, NOW + DAY))
    before = store.addresses.get(ANN)
    assert let_go(store, NOW + 100 * DAY, NOW + 100 * DAY) == 2, "bob is locked"
    assert store.addresses.get(ANN) == before
    ((_, summary),) = store.journal.of_address(ANN)
    assert isinstance(summary, Summary)
    assert (summary.entries, summary.first_time, summary.time) == (2, NOW, NOW + DAY)
    fill(store, soft(3, NOW + 101 * DAY))
    state = store.addresses.get(ANN)
    assert state is not None
    assert state.lock is not None, "the third in a row"


@pytest.mark.parametrize("wrong", [1, 2500])
def test_entries_dated_ahead_keep_none_behind_them(store: Store, wrong: int) -> None:
    """A clock was wrong for a moment, or for thousands of bounces."""
    ahead = [bounce_of(f"a{n}@x.test", n, NOW + 4000 * DAY + n) for n in range(wrong)]
    behind = [
        bounce_of(f"b{n}@x.test", 9000 + n, NOW + n, Reason.MAILBOX_FULL) for n in range(1500)
    ]
    young = [bounce_of("young@x.test", 20_000, NOW + 900 * DAY)]
    fill(store, bounce_of("first@x.test", 30_000, NOW, Reason.MAILBOX_FULL), *ahead, *behind)
    fill(store, *young)
    assert let_go(store, NOW + 100 * DAY, NOW + 900 * DAY) == 1501
    assert entries_of_addresses(store) == wrong + 1
    assert let_go(store, NOW + 100 * DAY, NOW + 900 * DAY) == 0


def test_what_is_behind_a_lock_stays_until_it_ends(store: Store) -> None:
    fill(store, bounce_of(ANN, 1, NOW), soft(2, NOW + DAY))
    assert let_go(store, NOW + 300 * DAY, NOW + 300 * DAY) == 0
    assert len(store.journal.of_address(ANN)) == 2
    fill(store, bounce_of("bob@x.test", 3, NOW + 399 * DAY))
    assert let_go(store, NOW + 400 * DAY, NOW + 400 * DAY) == 2
    state = store.addresses.get(ANN)
    assert state is not None
    assert (state.lock, state.hard, state.times_locked) == (None, 1, 1)
    assert [address for address, _ in store.lists.detected(NOW + 400 * DAY)] == [ANN]


def test_a_repeated_lock_is_longer_even_if_the_first_is_no_longer_kept(store: Store) -> None:
    fill(store, bounce_of(ANN, 1, NOW), bounce_of("bob@x.test", 2, NOW))
    let_go(store, NOW + 400 * DAY, NOW + 400 * DAY)
    year = Duration(months=12)
    longer = PolicySettings(hard=Threshold(1, Terms((year, Duration(months=24)))))
    record(store, [bounce_of(ANN, 3, NOW + 401 * DAY)], policy(settings=longer))
    state = store.addresses.get(ANN)
    assert state is not None
    assert state.lock is not None
    assert state.lock.until > NOW + (401 + 700) * DAY


def test_what_was_done_to_many_stays_until_it_can_go_for_the_last_of_them(store: Store) -> None:
    names = tuple(f"u{n}@x.test" for n in range(5))
    store.act([Act(names, NOW, "lock", "ann", until=NOW + DAY)], FOLD)
    store.act([Act(names[:2], NOW + 1, "lock", "ann", until=NO_END)], FOLD)
    fill(store, soft(1, NOW + 2))
    let_go(store, NOW + 100 * DAY, NOW + 100 * DAY)
    acts = [entry for _, entry in store.journal.entries() if isinstance(entry, Act)]
    assert [act.addresses for act in acts] == [names[:2], names[:2]]
    assert store.addresses.get("u3@x.test") is None
    assert [address for address, _ in store.addresses.locks()] == list(names[:2])


def test_what_is_undone_later_is_undone_from_what_is_left(store: Store) -> None:
    fill(store, soft(1, NOW), soft(2, NOW + 200 * DAY), soft(3, NOW + 201 * DAY))
    assert store.addresses.get(ANN) != EMPTY
    store.act([Act((ANN,), NOW + 202 * DAY, "unlock", "ann")], FOLD)
    let_go(store, NOW + 100 * DAY, NOW + 203 * DAY)
    numbers = store.history.find(lambda event: event.time > NOW)
    store.void([*numbers, 1], Ruling("void", (), NOW + 203 * DAY), FOLD)
    state = store.addresses.get(ANN)
    assert state is not None
    assert (state.soft, state.soft_in_row, state.lock) == (1, 0, None)


def test_bounces_that_name_nobody_and_rulings_on_what_is_gone_go_too(store: Store) -> None:
    fill(store, replace(soft(1, NOW), address=""), soft(2, NOW))
    store.void([2], Ruling("void", (), NOW + 1, by="ann"), FOLD)
    fill(store, soft(3, NOW + 90 * DAY))
    let_go(store, NOW + 50 * DAY, NOW + 91 * DAY)
    assert [number for number, _ in store.journal.entries()] == [4]
    assert len(contents(store, ONCE)[ONCE]) == 1


def test_an_address_is_forgotten_when_nothing_came_for_long_and_never_while_locked(
    store: Store,
) -> None:
    fill(store, soft(1, NOW), bounce_of("bob@x.test", 2, NOW), soft(3, NOW + 1))
    store.act([Act(("eve@x.test",), NOW, "lock", "ann")], FOLD)
    fill(store, bounce_of("last@x.test", 4, NOW + 2))
    now = NOW + 2000 * DAY
    let_go(store, now - 700 * DAY, now)
    assert store.retention.expire_addresses(NOW, now) == 0, "not that old"
    assert store.retention.expire_addresses(now - 700 * DAY, now) == 2
    assert [store.addresses.get(a) for a in (ANN, "bob@x.test")] == [None, None]
    assert [address for address, _ in store.lists.locked()] == ["eve@x.test", "last@x.test"]


def test_no_handler_waits_for_more_than_one_address_when_time_is_up(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bouncegate.store.retention._SECONDS", -1)
    monkeypatch.setattr("bouncegate.store.retention._BREATH", 0)
    much = [
        bounce_of(ANN, 10_000 + n, NOW + n, Reason.SPAM_BLOCK) for n in range(2 * _MOST_OF_ONE + 5)
    ]
    fill(store, *(bounce_of(f"u{n}@x.test", n, NOW, Reason.MAILBOX_FULL) for n in range(50)), *much)
    names = tuple(f"v{n}@x.test" for n in range(100))
    store.act([Act(names, NOW, "lock", "ann", until=NOW + DAY)], FOLD)
    fill(store, bounce_of("bob@x.test", 1_000_000, NOW + 199 * DAY))
    sizes: list[int] = []
    last = entries_of_addresses(store)

    def counted(transaction: Any, leaving: Any) -> None:
        sizes.append(len(leaving))
        settle(transaction, leaving)

    settle = store.retention._removal.settle
    monkeypatch.setattr(store.retention._removal, "settle", counted)
    gone = 0
    while some := let_go(store, NOW + 200 * DAY, NOW + 200 * DAY):
        gone += some
    assert gone == last - 1, "all but the last"
    assert len(sizes) == 50 + 3 + 100, "a transaction each, and three for one that has very much"


def test_who_stops_it_has_a_store_that_is_whole(store: Store) -> None:
    fill(store, *[bounce_of(f"u{n}@x.test", n, NOW, Reason.MAILBOX_FULL) for n in range(2500)])
    stop = threading.Event()
    asked = iter(range(100))
    store.retention.expire_entries(
        NOW + DAY, NOW + 100 * DAY, FOLD, lambda: stop.is_set() or next(asked) > 0
    )
    states = dict(store.lists.known(f"u{n}@x.test" for n in range(2500)))
    assert len(states) == 2500
    assert 0 < sum(isinstance(e, Event) for _, e in store.journal.entries()) < 2500
    assert let_go(store, NOW + DAY, NOW + 100 * DAY) > 0


def test_a_store_that_has_let_go_is_what_its_journal_tells(store: Store) -> None:
    rules = policy()
    fill(store, soft(1, NOW), soft(2, NOW + 1), bounce_of("bob@x.test", 3, NOW + 2))
    store.act([Act(("eve@x.test", ANN), NOW + 3, "lock", "ann", until=NOW + DAY)], FOLD)
    fill(store, soft(4, NOW + 200 * DAY), soft(5, NOW + 400 * DAY))
    for days in (100, 300, 1000):
        assert let_go(store, NOW + days * DAY, NOW + (days + 1) * DAY) > 0
        found = AddressCheck(store._environment, rules.fold).differences()
        assert [str(one) for one in found] == []
        assert [str(one) for one in JournalCheck(store._environment).differences()] == []


def test_a_bounce_that_is_dated_ahead_ends_no_lock_for_good(store: Store) -> None:
    """Undone, it leaves the lock as it was: what locked the address must not have gone before."""
    locked = Act((ANN,), NOW + 1, "lock", "eve", until=NOW + 400 * DAY)
    record(store, [bounce_of(ANN, 1, NOW)], RULES)
    store.act([locked], FOLD)
    record(store, [bounce_of(ANN, 2, NOW + 740 * DAY, Reason.MAILBOX_FULL)], RULES)
    store.retention.expire_entries(NOW + 60 * DAY, NOW + 90 * DAY, FOLD)
    store.void([3], Ruling("void", (), NOW + 91 * DAY, "eve"), FOLD)
    state = store.addresses.get(ANN)
    assert state is not None
    assert state.lock is not None
    assert state.lock.until == NOW + 400 * DAY


def test_entries_stay_for_ten_days_behind_the_end_of_a_lock(store: Store) -> None:
    """A log that is read late must find the lock that held at the time of its lines."""
    record(store, [bounce_of(ANN, 1, NOW)], RULES)
    store.act([Act((ANN,), NOW + DAY, "lock", "eve", until=NOW + 100 * DAY)], FOLD)
    record(store, [bounce_of("bob@x.test", 2, NOW + 2 * DAY)], RULES)
    for day, gone in ((101, 0), (109, 0), (111, 2)):
        now = NOW + day * DAY
        assert store.retention.expire_entries(now - 30 * DAY, now, FOLD) == gone, day
