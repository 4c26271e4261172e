"""Reports that count for no address: kept apart, bounded, and gone without a trace."""

import random

import pytest
from msgspec.structs import replace

from bouncegate.config.settings import PolicySettings, RetentionSettings, Trust
from bouncegate.config.taxonomy import Reason
from bouncegate.config.values import Size
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Event
from bouncegate.store.hourcounts import DROPPED, OTHERS, UNVERIFIED
from bouncegate.store.intake import MOST_AT_ONCE, Bounce
from bouncegate.store.layout import BY_ADDRESS, MESSAGES, ONCE, UNPROVEN
from bouncegate.store.store import Store
from bouncegate.store.tools.verify.journal import JournalCheck

from .bounces import NOW, SIGNED, bounce_of, contents

VICTIM = "victim@x.test"
QUOTA = 20
BELIEVES_ALL: tuple[Trust, ...] = ("unverified",)


def policy(size: int = 2**20) -> Policy:
    retention = RetentionSettings(unproven_reports=QUOTA, unproven_size=Size(size))
    return Policy(PolicySettings(), SIGNED, retention=retention)


def forged(number: int, address: str = VICTIM, time: int = NOW) -> Event:
    return replace(bounce_of(address, number, time), trust="unverified")


def message(number: int, octets: int) -> bytes:
    """One that does not compress."""
    return random.Random(number).randbytes(octets)


def dropped(store: Store) -> int:
    return sum(t.total for t in store.hourcounts.since(0) if t.sender == DROPPED)


def test_quota_of_unproven_reports_lets_the_oldest_go_and_counts_them(store: Store) -> None:
    for n in range(50):
        store.record([Bounce([forged(n, f"u{n}@x.test")], b"report %d" % n)], policy())
    assert (store.unproven.count(), dropped(store)) == (QUOTA, 50 - QUOTA)
    kept = [event.address for _, event in store.journal.events(store.history.find(lambda _: True))]
    assert kept == [f"u{n}@x.test" for n in range(30, 50)]
    sizes = {name: len(found) for name, found in contents(store, ONCE, MESSAGES).items()}
    assert sizes == {ONCE: QUOTA, MESSAGES: QUOTA}
    assert len(contents(store, BY_ADDRESS)[BY_ADDRESS]) == QUOTA
    assert list(JournalCheck(store._environment).differences()) == []


def test_quota_of_unproven_reports_bounds_the_room_of_their_messages(store: Store) -> None:
    for n in range(12):
        store.record([Bounce([forged(n)], message(n, 3000))], policy(size=10_000))
    kept = contents(store, MESSAGES)[MESSAGES]
    assert 0 < sum(len(octets) for _, octets in kept) <= 10_000
    assert len(kept) == store.unproven.count() < 12


def test_quota_of_unproven_reports_touches_no_bounce_that_is_proven(store: Store) -> None:
    rules = policy()
    for n in range(30):
        store.record([Bounce([bounce_of(f"u{n}@x.test", n)], b"proven %d" % n)], rules)
    for n in range(100, 150):
        store.record([Bounce([forged(n)], b"report %d" % n)], rules)
    states = [store.addresses.get(f"u{n}@x.test") for n in range(30)]
    assert all(state is not None and state.hard == 1 for state in states)
    events = store.journal.events(store.history.find(lambda event: event.trust == "signed"))
    assert all(store.messages.get(event.raw) is not None for _, event in events)


def test_a_message_that_also_counts_outlives_its_part_that_does_not(store: Store) -> None:
    rules = policy()
    both = [bounce_of("ann@x.test", 1), replace(bounce_of("", 2), named=7)]
    store.record([Bounce(both, b"two in one")], rules)
    for n in range(100, 100 + 2 * QUOTA):
        store.record([Bounce([forged(n)], b"report %d" % n)], rules)
    ((_, event),) = store.journal.events(
        store.history.find(lambda event: event.address == "ann@x.test")
    )
    assert store.messages.get(event.raw) == b"two in one"


def test_unproven_reports_are_dropped_when_their_time_is_up(store: Store) -> None:
    for n in range(10):
        store.record([Bounce([forged(n, time=NOW + n)], b"report %d" % n)], policy())
    assert store.unproven.expire(NOW + 4) == 4
    assert store.unproven.count() == 6
    assert store.unproven.expire(NOW + 100) == 5, "the last entry keeps its number from a second"
    assert store.journal.last() == 10


def test_a_report_that_comes_again_is_recorded_once_in_its_time(store: Store) -> None:
    again = [store.record([Bounce([forged(1)], b"report")], policy()) for _ in range(3)]
    assert [outcome.is_new for ((outcome,),) in again] == [True, False, False]
    assert store.unproven.count() == 1


def test_what_strangers_say_of_one_address_does_not_grow_its_key(store: Store) -> None:
    rules = Policy(PolicySettings(), SIGNED)
    store.record([Bounce([forged(n)], b"") for n in range(600)], rules)
    assert store.unproven.count() == 600
    assert len(store.journal.of_address(VICTIM)) == 100
    store.record([Bounce([bounce_of(VICTIM, 1000)], b"")], rules)
    assert store.addresses.get(VICTIM) is not None, "what is proven always stands under its address"


def test_where_unproven_reports_count_the_key_of_an_address_is_bounded_too(store: Store) -> None:
    rules = Policy(PolicySettings(), BELIEVES_ALL)
    store.record([Bounce([forged(n)], b"") for n in range(700)], rules)
    assert len(store.journal.of_address(VICTIM)) == 500


def test_senders_that_strangers_make_up_are_counted_together_beyond_a_bound(store: Store) -> None:
    rules = Policy(PolicySettings(), BELIEVES_ALL)
    blames = [
        replace(
            bounce_of(f"u{n}@x.test", n, reason=Reason.CONTENT_BLOCKED),
            sender=f"news@shop{n}.test",
            trust="unverified",
        )
        for n in range(700)
    ]
    store.record([Bounce([event], b"") for event in blames], rules)
    tallies = {tally.sender: tally.total for tally in store.hourcounts.since(0)}
    assert len(tallies) == 501
    assert tallies[OTHERS] == 200
    assert tallies["shop3.test"] == 1
    store.record([Bounce([replace(blames[3], identity=b"x" * 16)], b"")], rules)
    assert {t.sender: t.total for t in store.hourcounts.since(0)}["shop3.test"] == 2


def test_a_bounce_of_many_recipients_is_taken_in_by_portions_with_one_message(
    store: Store,
) -> None:
    bounce = Bounce([bounce_of(f"u{n}@x.test", n) for n in range(300)], b"many", ("x.test",))
    portions = list(bounce.portions())
    assert [len(p.events) for p in portions] == [MOST_AT_ONCE, MOST_AT_ONCE, 44]
    assert [p.domains for p in portions] == [("x.test",), (), ()]
    for portion in portions:
        store.record([portion], policy())
    raws = {event.raw for _, event in store.journal.events(store.history.find(lambda _: True))}
    assert [store.messages.get(raw) for raw in raws] == [b"many"]


def test_a_tally_of_unproven_reports_blames_no_sender(store: Store) -> None:
    for n in range(2 * QUOTA):
        store.record([Bounce([forged(n)], b"")], policy())
    tallies = {tally.sender: tally for tally in store.hourcounts.since(0)}
    assert set(tallies) == {UNVERIFIED, DROPPED}
    assert not any(tally.blames_sender for tally in tallies.values())
    assert len(contents(store, UNPROVEN)[UNPROVEN]) == QUOTA


def broken(number: int) -> Bounce:
    return Bounce([forged(number, "")], b"broken %d" % number, is_set_aside=True)


def test_set_aside_messages_stay_however_many_reports_are_unproven(store: Store) -> None:
    for n in range(3):
        store.record([broken(n)], policy())
    for n in range(100, 100 + 2 * QUOTA):
        store.record([Bounce([forged(n)], b"report %d" % n)], policy())
    store.unproven.expire(NOW + 1)
    kept = [store.messages.get(event.raw) for _, event in store.set_aside.events()]
    assert kept == [b"broken 0", b"broken 1", b"broken 2"]


@pytest.mark.parametrize(("most", "name"), [(2, "MOST_SET_ASIDE"), (40, "MOST_OCTETS_SET_ASIDE")])
def test_set_aside_messages_have_bounds_of_their_own(
    store: Store, monkeypatch: pytest.MonkeyPatch, most: int, name: str
) -> None:
    """Some 20 octets each, compressed."""
    monkeypatch.setattr(f"bouncegate.store.effects.{name}", most)
    for n in range(5):
        store.record([broken(n)], policy())
    kept = [store.messages.get(event.raw) for _, event in store.set_aside.events()]
    assert kept == [b"broken 3", b"broken 4"]
    assert not list(JournalCheck(store._environment).differences())


def test_set_aside_messages_go_when_their_time_is_up(store: Store) -> None:
    store.record([broken(1)], policy())
    store.record([broken(2)], policy())
    assert store.set_aside.expire(NOW) == 0
    assert store.set_aside.expire(NOW + 1) == 1  # the last entry keeps its number
    assert [store.messages.get(event.raw) for _, event in store.set_aside.events()] == [b"broken 2"]
