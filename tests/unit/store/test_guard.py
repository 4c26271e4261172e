"""An outage of a provider must lock nobody, and whatever it had locked must come free again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
from lmdb import Transaction
from msgspec.structs import replace

from bouncegate.config.settings import PolicySettings, StoreSettings
from bouncegate.config.taxonomy import Reason
from bouncegate.config.values import Size
from bouncegate.policy.fold import Fold, Policy
from bouncegate.policy.records import Event, Ruling, Settled
from bouncegate.store.codec import number_of
from bouncegate.store.hourcounts import HourCount
from bouncegate.store.incidents import Incident
from bouncegate.store.layout import HELD, SERIES, VOIDED, WATCHED
from bouncegate.store.store import Bounce, Store

from .bounces import NOW, SIGNED, bounce_of, contents, lock_by_hand, policy, record

DAY = 86_400
GUARDED = policy(addresses=20)
UNGUARDED = Policy(PolicySettings(), SIGNED)
FOLD = GUARDED.fold


def outage(domain: str = "gmail.com", start: int = 0, addresses: int = 100) -> list[Event]:
    """Bounces of distinct addresses within ten minutes."""
    return [
        bounce_of(f"u{n}@{domain}", start + n, NOW + n * 600 // addresses) for n in range(addresses)
    ]


def locked(store: Store) -> list[str]:
    return [address for address, _ in store.addresses.locks()]


def settle(store: Store, verb: Literal["confirmed", "dismissed"], incident: int = 0) -> Incident:
    number = incident or store.incidents.all()[-1].number
    return store.settle(Settled(number, NOW + 700, verb, by="ann"), FOLD)


def test_a_thousand_bounces_of_one_provider_lock_nobody_and_another_goes_on_as_usual(
    store: Store,
) -> None:
    broken, usual = outage(addresses=1000), outage("example.net", 5000, addresses=20)
    most = 0
    for event in sorted(broken + usual, key=lambda event: event.time):
        store.record([Bounce([event], b"")], GUARDED)
        most = max(most, sum(a.endswith("@gmail.com") for a in locked(store)))
    assert most == 20, "the threshold's number, until the guard trips"
    assert sorted(locked(store)) == sorted(event.address for event in usual)
    (incident,) = store.incidents.all()
    assert (incident.opened.provider, incident.opened.reason) == ("google", "user-unknown")
    assert incident.opened.addresses == 21
    assert len(store.incidents.held(incident.number)) == 1000


def test_the_domains_of_one_provider_are_counted_together(store: Store) -> None:
    record(store, outage("gmail.com", addresses=11) + outage("googlemail.com", 99, 11), GUARDED)
    assert locked(store) == []


def test_one_address_that_bounces_often_trips_nothing(store: Store) -> None:
    record(store, [bounce_of("ann@gmail.com", n, NOW + n) for n in range(100)], GUARDED)
    assert locked(store) == ["ann@gmail.com"]


def test_bounces_that_come_slowly_are_no_outage(store: Store) -> None:
    events = [bounce_of(f"u{n}@gmail.com", n, NOW + n * 600) for n in range(100)]
    record(store, events, GUARDED)
    assert len(locked(store)) == 100
    assert store.incidents.all() == []


def test_what_is_older_than_the_longest_window_is_forgotten_once_a_later_bounce_has_come(
    store: Store,
) -> None:
    record(store, outage(addresses=10), GUARDED)
    store.close_incidents(GUARDED, NOW + 30 * DAY)
    assert len(contents(store, WATCHED)[WATCHED]) == 10, "the clock of tend may be wrong"
    record(store, [bounce_of("ann@x.test", 99, NOW + 30 * DAY)], GUARDED)
    assert len(contents(store, WATCHED)[WATCHED]) == 11, "so may that of one bounce"
    store.close_incidents(GUARDED, NOW + 300)
    assert len(contents(store, WATCHED)[WATCHED]) == 10, "what is ahead of us is passed over"
    record(store, [bounce_of("bob@x.test", 100, NOW + 30 * DAY)], GUARDED)
    store.close_incidents(GUARDED, NOW + 30 * DAY)
    assert len(contents(store, WATCHED)[WATCHED]) == 1, "two clocks agree"
    assert [number_of(value[4:]) for _, value in contents(store, SERIES)[SERIES]] == [0]


def test_another_reason_at_the_broken_provider_locks_as_usual(store: Store) -> None:
    record(store, outage(addresses=30), GUARDED)
    record(store, [bounce_of("gone@gmail.com", 99, NOW + 601, Reason.MAILBOX_DISABLED)], GUARDED)
    assert locked(store) == ["gone@gmail.com"]


def test_a_share_of_a_large_mailing_may_bounce(store: Store) -> None:
    record(store, outage(addresses=100), policy(20, sends=lambda _provider, _since: 1000))
    assert len(locked(store)) == 100
    record(store, outage(start=900, addresses=101)[100:], policy(20, sends=lambda *_: 1000))
    assert locked(store) == []


def test_a_site_without_guard_locks_as_ever(store: Store) -> None:
    record(store, outage(), UNGUARDED)
    assert len(locked(store)) == 100


def test_a_dismissed_incident_leaves_nothing_behind_but_the_journal(store: Store) -> None:
    before = contents(store)
    record(store, outage(), GUARDED)
    assert settle(store, "dismissed").settled is not None
    assert contents(store) == before
    assert contents(store, HELD, WATCHED, SERIES) == {HELD: [], WATCHED: [], SERIES: []}
    ((again,),) = store.record([Bounce([outage()[0]], b"")], GUARDED)
    assert not again.is_new, "a DSN that is delivered once more does not bring it back"


def test_a_confirmed_incident_counts_what_was_held_as_if_there_had_been_no_guard(
    store: Store, tmp_path: Path
) -> None:
    record(store, outage(), GUARDED)
    settle(store, "confirmed")
    assert len(locked(store)) == 100
    (tmp_path / "plain").mkdir()
    plain = Store.open(StoreSettings(path=tmp_path / "plain", map_size=Size(64 * 2**20)))
    record(plain, outage(), UNGUARDED)
    states = [
        [store.addresses.get(event.address) for event in outage()] for store in (store, plain)
    ]
    plain.close()
    for guarded, unguarded in zip(*states, strict=True):
        assert guarded is not None
        assert unguarded is not None
        assert guarded.lock is not None
        assert unguarded.lock is not None
        assert replace(guarded, lock=None) == replace(unguarded, lock=None)
        assert guarded.lock.until == unguarded.lock.until


def test_what_is_held_for_an_incident_is_settled_once(store: Store) -> None:
    record(store, outage(), GUARDED)
    first = settle(store, "dismissed")
    assert settle(store, "confirmed", first.number) == first
    assert locked(store) == []


def test_after_an_incident_the_guard_watches_anew(store: Store) -> None:
    record(store, outage(), GUARDED)
    settle(store, "dismissed")
    later = outage("googlemail.com", 5000, 21)
    record(store, later[:20], GUARDED)
    assert len(locked(store)) == 20
    record(store, later[20:], GUARDED)
    assert locked(store) == []
    assert len(store.incidents.all()) == 2


def test_an_incident_closes_when_the_provider_takes_mail_again(store: Store) -> None:
    sends: dict[str, int] = {}
    rules = policy(20, sends=lambda provider, _since: sends.get(provider, 0))
    record(store, outage(), rules)
    assert store.close_incidents(rules, NOW + 900) == []
    assert store.close_incidents(rules, NOW + 9000) == [], (
        "nothing was sent: nobody knows whether it works"
    )
    sends["google"] = 50
    (closed,) = store.close_incidents(rules, NOW + 9100)
    assert closed.settled is not None
    assert (closed.settled.verb, closed.settled.by) == ("closed", "guard")
    assert locked(store) == []
    assert store.incidents.held(closed.number) == []


def test_an_incident_closes_after_a_quiet_window_and_not_by_the_date_of_a_bounce(
    store: Store,
) -> None:
    record(store, outage(), GUARDED)
    (outcome,) = record(store, [bounce_of("late@gmail.com", 999, NOW + 600 + 3601)], GUARDED)
    assert (outcome.alerts, locked(store)) == ([], [])
    assert store.close_incidents(GUARDED, NOW + 600 + 7202) == [], "its news may still be coming in"
    (closed,) = store.close_incidents(GUARDED, NOW + 600 + 7203)
    assert closed.settled is not None
    record(store, [bounce_of("gone@gmail.com", 1000, NOW + 600 + 7300)], GUARDED)
    assert locked(store) == ["gone@gmail.com"], "the window was quiet: this one is as any other"


def test_while_bounces_go_on_the_incident_stays_open(store: Store) -> None:
    rules = policy(20, sends=lambda *_: 100)
    record(store, outage(addresses=60), rules)
    later = [bounce_of(f"v{n}@gmail.com", 1000 + n, NOW + n * 600) for n in range(30)]
    record(store, later, rules)
    assert store.close_incidents(rules, NOW + 30 * 600) == []
    assert locked(store) == []


def test_who_operates_is_told_once_when_an_incident_opens(store: Store) -> None:
    outcomes = record(store, outage(), GUARDED)
    told = [notice for outcome in outcomes for notice in outcome.alerts]
    assert told == store.incidents.all()
    number = store.incidents.all()[0].number
    assert [outcome.event.held for outcome in outcomes] == [0] * 20 + [number] * 80


def test_an_operators_lock_stays_through_it_all(store: Store) -> None:
    store.act([lock_by_hand("u3@gmail.com")], FOLD)
    record(store, outage(), GUARDED)
    assert locked(store) == ["u3@gmail.com"]
    settle(store, "dismissed")
    assert locked(store) == ["u3@gmail.com"]


def test_bounces_that_blame_the_sender_raise_one_alarm_an_hour(store: Store) -> None:
    blocked = [
        bounce_of(f"u{n}@gmail.com", n, NOW - NOW % 3600 + n, Reason.SPAM_BLOCK) for n in range(50)
    ]
    outcomes = record(store, blocked, GUARDED)
    (alarm,) = [notice for outcome in outcomes for notice in outcome.alerts]
    assert isinstance(alarm, HourCount)
    assert (alarm.sender, alarm.counts) == ("example.org", {Reason.SPAM_BLOCK: 21})
    next_hour = [
        replace(event, time=event.time + 3600, identity=os.urandom(16)) for event in blocked
    ]
    assert len([n for outcome in record(store, next_hour, GUARDED) for n in outcome.alerts]) == 1
    assert [tally.total for tally in store.hourcounts.since(NOW - 3600)] == [50, 50]
    assert store.retention.expire_hourcounts(NOW + 3 * 86_400) == 2
    assert store.hourcounts.since(0) == [], "old counts are forgotten"
    assert locked(store) == []


def test_bounces_that_prove_nothing_are_counted_but_blame_nobody(store: Store) -> None:
    forged = [replace(event, trust="unverified") for event in outage()]
    assert [outcome.alerts for outcome in record(store, forged, GUARDED)] == [[]] * 100
    assert [(t.sender, t.total) for t in store.hourcounts.since(NOW - 3600)] == [("", 100)]
    assert store.incidents.all() == []


KILLED = """
import os, sys
from pathlib import Path
from bouncegate.config.settings import StoreSettings
from bouncegate.config.values import Size
from bouncegate.store import history
from bouncegate.store.store import Store
sys.path.insert(0, sys.argv[3])
from tests.unit.store.test_guard import GUARDED, outage
from tests.unit.store.bounces import record
store = Store.open(StoreSettings(path=Path(sys.argv[1]), map_size=Size(64 * 2**20)))
calls = 0
def counting(rule):
    def counted(*args):
        rule(*args)
        global calls
        calls += 1
        if calls == int(sys.argv[2]):
            os.kill(os.getpid(), 9)
    return counted
history.History.rule = counting(history.History.rule)
for event in outage():
    record(store, [event], GUARDED)
"""


def test_killed_while_the_guard_trips_nothing_is_lost_and_nothing_counts_twice(
    store: Store, settings: StoreSettings
) -> None:
    store.close()
    root = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(settings.path), "1", root],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (-9, "")
    store = Store.open(settings)
    assert len(locked(store)) == 20, "killed before the commit: as if the last bounce had not come"
    assert store.incidents.all() == []
    outcomes = record(store, outage(), GUARDED)  # the client sends again what was not acknowledged
    assert sum(not outcome.is_new for outcome in outcomes) == 20
    assert locked(store) == []
    assert len(store.incidents.held(store.incidents.all()[0].number)) == 100
    assert contents(store, VOIDED) == {VOIDED: []}
    store.close()


@pytest.mark.parametrize("finish", ["settle", "tend"])
def test_an_incident_whose_settling_was_interrupted_is_settled_as_it_was_begun(
    store: Store, monkeypatch: pytest.MonkeyPatch, finish: str
) -> None:
    """Of two operators who say different things at one moment, the first one decides."""
    monkeypatch.setattr("bouncegate.store.incidents.MOST_EVENTS", 30)
    record(store, outage(), GUARDED)
    rule = store.history.rule
    calls = iter([None, None, RuntimeError("power is out")])

    def fail(transaction: Transaction[bytes], ruling: Ruling, fold: Fold) -> None:
        if (problem := next(calls)) is not None:
            raise problem
        rule(transaction, ruling, fold)

    with monkeypatch.context() as patch:
        patch.setattr(store.history, "rule", fail)
        with pytest.raises(RuntimeError, match="power is out"):
            settle(store, "confirmed")
    assert len(locked(store)) == 60
    if finish == "settle":
        settle(store, "dismissed")
    else:
        store.close_incidents(GUARDED, NOW + 800)
    (incident,) = store.incidents.all()
    assert len(locked(store)) == 100
    assert incident.settled is not None
    assert incident.settled.verb == "confirmed"
    assert store.incidents.held(incident.number) == []
