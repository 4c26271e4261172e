"""Whatever came, was held, settled or undone, in any order: the store is what the rest adds up to.

The machine below plays random histories against a real store. After each step it tells every
state anew from the journal alone, and the store must hold exactly these octets.
"""

import random
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace
from tests.stores import open_store

from bouncegate.config.loading import loads
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.fold import EMPTY
from bouncegate.policy.records import (
    NO_END,
    Act,
    AddressEntry,
    Delivered,
    Entry,
    Event,
    Ruling,
    Settled,
    State,
)
from bouncegate.policy.selection import Selection
from bouncegate.policy.simulation import Simulation
from bouncegate.store import lockrecord
from bouncegate.store.codec import decode_summary, encode, number_of, octets_of
from bouncegate.store.layout import (
    ADDRESSES,
    HELD,
    LOCKS,
    SERIES,
    SUMMARIES,
    VOIDED,
    WATCHED,
)
from bouncegate.store.store import Effect, Store
from bouncegate.store.tools.verify.window import WindowCheck

from .bounces import NOW, bounce_of, contents, policy, record

# Everything that a policy table can say: rows, windows, groups, locks that grow.
TABLE = loads(
    """
    [policy.soft]
    failures = 2
    scope = "group"
    window = "60 days"
    lock = ["1 month", "3 months"]
    [[policy.row]]
    kind = "hard"
    provider = "google"
    failures = 2
    lock = ["1 month", "1 year"]
    [[policy.row]]
    reason = "mailbox-disabled"
    sender = "@b.example"
    lock = "never"
    """
).policy
RULES = policy(addresses=3, settings=TABLE)
SENDERS = ["news@a.example", "news@b.example", ""]
ADDRESSES_OF_USERS = [f"{user}@{domain}" for user in "abcdef" for domain in ("gmail.com", "x.test")]
REASONS = [
    Reason.USER_UNKNOWN,
    Reason.MAILBOX_DISABLED,
    Reason.MAILBOX_FULL,
    Reason.SPAM_BLOCK,
    Reason.HOST_UNKNOWN,
]
NOBODY = ""


def told_anew(store: Store) -> dict[bytes, list[tuple[bytes, bytes]]]:
    """What the databases must hold, from the journal and the fold alone."""
    entries = dict(store.journal.entries())
    voided, held = marks_of(entries)
    states: dict[str, State] = defaultdict(lambda: EMPTY)
    for key, octets in contents(store, SUMMARIES)[SUMMARIES]:
        states[key.decode()] = decode_summary(octets).state
    for number, entry in entries.items():
        if isinstance(entry, AddressEntry) and number not in voided and number not in held:
            for address in (entry.address,) if isinstance(entry, Event) else entry.addresses:
                states[address] = RULES.fold(states[address], number, entry)
    states.pop(NOBODY, None)
    counts = {a.encode(): without_locks(state) for a, state in states.items()}
    return {
        VOIDED: [(octets_of(n), octets_of(r)) for n, r in sorted(voided.items())],
        HELD: [(octets_of(n), octets_of(i)) for n, i in sorted(held.items())],
        ADDRESSES: sorted((a, encode(state)) for a, state in counts.items() if state != EMPTY),
        LOCKS: sorted((a.encode(), record) for a, s in states.items() if (record := locks_of(s))),
    }


def without_locks(state: State) -> State:
    groups = {group: replace(streak, lock=None) for group, streak in state.groups.items()}
    return replace(state, lock=None, groups=groups)


def locks_of(state: State) -> bytes:
    groups = {group: streak.lock for group, streak in state.groups.items() if streak.lock}
    return lockrecord.pack(state.lock, groups) if state.lock or groups else b""


def marks_of(entries: dict[int, Entry]) -> tuple[dict[int, int], dict[int, int]]:
    """(event -> ruling that voided it, event -> incident that holds it)."""
    voided: dict[int, int] = {}
    held: dict[int, int] = {}
    for number, entry in entries.items():
        if isinstance(entry, Event) and entry.held:
            held[number] = entry.held
        if not isinstance(entry, Ruling):
            continue
        for event in entry.numbers:
            held.pop(event, None)
        kept = [event for event in entry.numbers if event in entries]
        if entry.verb == "void":
            voided |= dict.fromkeys(kept, number)
        if entry.verb == "hold":
            held |= dict.fromkeys(kept, entry.incident)
    return voided, held


class Histories(RuleBasedStateMachine):
    """Bounces, operators' acts, undos and incidents, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = open_store(Path(self.folder.name))
        self.now = NOW
        self.messages = 0

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @rule(
        addresses=st.lists(st.sampled_from([*ADDRESSES_OF_USERS, NOBODY]), min_size=1, max_size=8),
        reason=st.sampled_from(REASONS),
        sender=st.sampled_from(SENDERS),
        age=st.integers(0, 5),
    )
    def bounce(self, addresses: list[str], reason: Reason, sender: str, age: int) -> None:
        self.messages += 1
        self.now += 30
        events = [
            replace(
                bounce_of(address, self.messages * 100 + n, self.now, reason),
                sender=sender,
                group=sender.rpartition("@")[2],
                sent=self.now - age * 86_400,
            )
            for n, address in enumerate(addresses)
        ]
        record(self.store, events, RULES)

    @rule(days=st.integers(0, 400), hours=st.integers(0, 3))
    def wait(self, days: int, hours: int) -> None:
        self.now += days * 86_400 + hours * 1800
        self.store.close_incidents(RULES, self.now)

    @rule(
        address=st.sampled_from(ADDRESSES_OF_USERS),
        verb=st.sampled_from(["lock", "unlock", "alive", "recover"]),
        group=st.sampled_from(["", "a.example"]),
    )
    def act(
        self, address: str, verb: Literal["lock", "unlock", "alive", "recover"], group: str
    ) -> None:
        until = self.now + 86_400 if address < "c" else NO_END
        act = Act((address, "twin@x.test"), self.now, verb, by="ann", until=until, group=group)
        self.store.act([act], RULES.fold)

    @rule(
        addresses=st.sets(st.sampled_from(ADDRESSES_OF_USERS), min_size=1, max_size=4),
        age=st.integers(0, 9),
    )
    def deliver(self, addresses: set[str], age: int) -> None:
        sent = self.now - age * 86_400
        proof = Delivered(tuple(sorted(addresses)), self.now, sent, "ledger")
        self.store.act([proof], RULES.fold, ("ledger", sent.to_bytes(8, "big")))

    @rule(seed=st.integers(0, 2**32), share=st.sampled_from([0.1, 0.5, 1.0]))
    def undo(self, seed: int, share: float) -> None:
        chance = random.Random(seed)
        numbers = self.store.history.find(lambda _event: chance.random() < share)
        ruling = Ruling("void", (), self.now, by="ann")
        assert self.store.void(numbers, ruling, RULES.fold) == len(numbers)
        assert self.store.void(numbers, ruling, RULES.fold) == 0, "what is void is void"

    @rule(
        domain=st.sampled_from(["gmail.com", "x.test"]),
        verb=st.sampled_from(["release", "void"]),
    )
    def dns_tells(self, domain: str, verb: Literal["release", "void"]) -> None:
        waiting = [
            number
            for portion in self.store.unconfirmed.portions()
            for number, event in portion
            if event.address.endswith(domain)
        ]
        ruling = Ruling(verb, tuple(waiting), self.now, by="domain-check")
        assert self.store.confirm(ruling, RULES.fold) == len(waiting)
        assert self.store.confirm(ruling, RULES.fold) == 0, "what is decided is decided"

    @invariant()
    def what_waits_for_dns_locks_nobody(self) -> None:
        waits = {n for portion in self.store.unconfirmed.portions() for n, _ in portion}
        causes = {lock.cause for _, lock in self.store.addresses.locks()}
        assert not waits & causes

    @precondition(lambda self: any(i.settled is None for i in self.store.incidents.all()))
    @rule(verb=st.sampled_from(["confirmed", "dismissed"]))
    def settle(self, verb: Literal["confirmed", "dismissed"]) -> None:
        number = next(i.number for i in self.store.incidents.all() if i.settled is None)
        self.store.settle(Settled(number, self.now, verb, by="ann"), RULES.fold)
        assert self.store.incidents.held(number) == []

    @invariant()
    def the_store_holds_what_the_journal_adds_up_to(self) -> None:
        expected = told_anew(self.store)
        assert contents(self.store, *expected) == expected

    @invariant()
    def a_simulation_under_the_policy_in_force_changes_nothing(self) -> None:
        simulation = Simulation(RULES, RULES, self.now)
        for history in self.store.history.by_address():
            assert simulation.replay(*history) == []
        assert simulation.totals.differing == 0

    @invariant()
    def the_guard_watches_what_counts_or_is_held(self) -> None:
        assert list(WindowCheck(self.store._environment).differences()) == []
        found = contents(self.store, WATCHED, SERIES)
        watched = {number_of(key[12:]) for key, _ in found[WATCHED]}
        voided = {number_of(key) for key, _ in contents(self.store, VOIDED)[VOIDED]}
        assert not watched & voided, "what is undone would trip the guard"
        open_incidents = {i.number for i in self.store.incidents.all() if i.settled is None}
        told = {int.from_bytes(value[4:], "big") for _, value in found[SERIES]} - {0}
        assert told == open_incidents


Histories.TestCase.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, derandomize=True
)
TestHistories = Histories.TestCase


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    events=st.lists(
        st.tuples(st.sampled_from(ADDRESSES_OF_USERS), st.sampled_from(REASONS)), max_size=40
    ),
    picks=st.lists(st.sets(st.integers(1, 40)), min_size=2, max_size=4),
    order=st.randoms(use_true_random=False),
)
def test_undo_gives_the_same_store_in_any_order(
    events: list[tuple[str, Reason]], picks: list[set[int]], order: random.Random
) -> None:
    found = []
    for _ in range(2):
        with tempfile.TemporaryDirectory() as folder:
            store = open_store(Path(folder))
            bounces = [bounce_of(a, n, NOW + n * 9, r) for n, (a, r) in enumerate(events, 1)]
            numbers = [outcome.number for outcome in record(store, bounces, RULES)]
            for pick in picks:
                chosen = [number for number in numbers if number in pick]
                store.void(chosen, Ruling("void", (), NOW, by="ann"), RULES.fold)
            found.append(contents(store))
            store.close()
        order.shuffle(picks)
    assert found[0] == found[1]


def test_an_undo_restores_the_store_and_tells_before_what_it_will_do(store: Store) -> None:
    record(store, [bounce_of("old@x.test", 1), bounce_of("soft@x.test", 2)], RULES)
    before = contents(store)
    wrong = [bounce_of(f"u{n}@y.test", 10 + n, NOW + 60, Reason.MAILBOX_DISABLED) for n in (1, 2)]
    twice = [bounce_of("old@x.test", 20, NOW + 60, Reason.MAILBOX_DISABLED)]
    record(store, wrong + twice, RULES)
    numbers = store.history.find(lambda event: event.reason is Reason.MAILBOX_DISABLED)
    assert store.history.effect(numbers, RULES.fold, NOW + 99) == Effect(
        events=3, addresses=3, locks=3, lifted=2
    )
    store.void(numbers, Ruling("void", (), NOW + 99, by="ann", why="theirs"), RULES.fold)
    assert contents(store) == before
    outcomes = record(store, wrong + twice, RULES)
    assert not any(outcome.is_new for outcome in outcomes), "delivered once more, it stays undone"
    assert contents(store) == before
    (*_, (_, last)) = store.journal.entries()
    assert last == Ruling("void", tuple(numbers), NOW + 99, by="ann", why="theirs")


def test_after_an_outage_without_a_guard_an_undo_restores_every_address(store: Store) -> None:
    unguarded = policy(addresses=10_000)
    users = [f"u{n}@gmail.com" for n in range(1000)]
    full = [bounce_of(user, n, NOW, Reason.MAILBOX_FULL) for n, user in enumerate(users[::3])]
    gone = [bounce_of(user, 2000 + n, NOW) for n, user in enumerate(users[::50])]
    record(store, [*full, *gone, bounce_of("ann@x.test", 5000)], unguarded)
    before = contents(store)
    broken = [bounce_of(user, 10_000 + n, NOW + 60 + n // 2) for n, user in enumerate(users)]
    elsewhere = bounce_of("bob@x.test", 5001, NOW + 99)
    record(store, [*broken, elsewhere], unguarded)
    assert len(list(store.addresses.locks())) == 1002
    outage = Selection(provider="google", reason=Reason.USER_UNKNOWN, since=NOW + 60)
    numbers = store.history.find(outage.matches)
    assert store.void(numbers, Ruling("void", (), NOW + 999), unguarded.fold) == 1000
    store.void(
        [store.journal.of_address("bob@x.test")[0][0]],
        Ruling("void", (), NOW + 999),
        unguarded.fold,
    )
    assert contents(store) == before


def test_a_lock_that_other_evidence_supports_outlives_an_undo(store: Store) -> None:
    record(store, [bounce_of("ann@x.test", 1), bounce_of("ann@x.test", 2, NOW + 60)], RULES)
    (first, second) = (number for number, _ in store.journal.of_address("ann@x.test"))
    store.void([first], Ruling("void", (), NOW + 99), RULES.fold)
    state = store.addresses.get("ann@x.test")
    assert state is not None
    assert state.lock is not None
    assert (state.lock.cause, state.lock.since, state.hard) == (second, NOW + 60, 1)


def test_many_events_are_undone_in_many_transactions(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bouncegate.store.store.MOST_EVENTS", 7)
    record(store, [bounce_of(f"u{n}@h{n}.test", n) for n in range(50)], RULES)
    numbers = store.history.find(lambda event: True)
    assert store.void(numbers, Ruling("void", (), NOW + 99), RULES.fold) == 50
    rulings = [entry for _, entry in store.journal.entries() if isinstance(entry, Ruling)]
    assert [len(ruling.numbers) for ruling in rulings] == [7] * 7 + [1]
    assert contents(store) == {ADDRESSES: [], LOCKS: []}
