"""What a list refuses: whom it locks wrongly gets no mail, whom it misses bounces."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from bouncegate.admin.lists.maintenance import MAINTENANCE, Maintenance, RoundResult
from bouncegate.admin.lists.row import RowFilters
from bouncegate.admin.lists.stale import last_stale_day
from bouncegate.config.durations import Duration
from bouncegate.config.settings import DnsSettings, LedgerSettings, ListsSettings, StoreSettings
from bouncegate.config.taxonomy import Kind, Reason
from bouncegate.config.values import Size
from bouncegate.policy.mx import MxAnswer
from bouncegate.policy.records import Act, Lock, Origin
from bouncegate.policy.timeline import what_would_free
from bouncegate.store.entry import Sent, entry_of
from bouncegate.store.lastmailed import DAY
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Store

from .histories import BY_GROUP, NOW, POLICY, addresses, bounce, record, rows

CONFIRM = DAY
REFUSE = ListsSettings(predicted="refuse", invalid="refuse", stale="refuse")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    settings = LedgerSettings(max_size=Size(2**24))
    with closing(Ledger.open(StoreSettings(path=tmp_path), settings, readonly=False)) as ledger:
        yield ledger


def upkeep(store: Store, settings: ListsSettings = REFUSE) -> Maintenance:
    return Maintenance(store, settings, POLICY.fold, CONFIRM)


def refuse(store: Store, settings: ListsSettings = REFUSE, now: int = NOW) -> RoundResult:
    return upkeep(store, settings).refuse(now, lambda: False)


def mailed(store: Store, days_ago: dict[str, int]) -> None:
    store.lastmailed.record({a: NOW // DAY - n for a, n in days_ago.items()}, lambda a: "")


def deny(store: Store, domain: str, times: int = 2) -> None:
    """Name servers say, a day apart, that there is no such domain."""
    for number in range(times):
        answer = {domain: MxAnswer("nxdomain")}
        store.mx.learn(answer, NOW - 2 * DAY + number * CONFIRM, DnsSettings())


def lock_of(store: Store, address: str) -> Lock:
    state = store.addresses.get(address)
    assert state is not None
    assert state.lock is not None
    return state.lock


def locked(store: Store, now: int = NOW) -> list[str]:
    return addresses(store, "locked", now=now)


def test_addresses_not_mailed_for_three_months_are_reported(store: Store) -> None:
    mailed(store, {"old@a.de": 100, "older@a.de": 200, "new@a.de": 80})
    assert refuse(store, ListsSettings()) == RoundResult(0, 0)
    found = rows(store, "stale")
    assert [row.address for row in found] == ["older@a.de", "old@a.de"]
    assert found[0].since == (NOW // DAY - 200) * DAY
    assert locked(store) == []


def test_addresses_not_mailed_for_three_months_can_be_refused(store: Store) -> None:
    mailed(store, {"old@a.de": 100, "new@a.de": 80})
    assert refuse(store) == RoundResult(1, 0)
    lock = lock_of(store, "old@a.de")
    assert (lock.reason, lock.kind, lock.origin) == (Reason.STALE, Kind.SOFT, Origin.AUTOMATIC)
    (row,) = rows(store, "stale", RowFilters(reason=Reason.STALE))
    assert row.until == lock.until
    assert refuse(store) == RoundResult(0, 0)
    assert "leaves-list" in what_would_free(lock, NOW, POLICY._settings)


@pytest.mark.parametrize("verb", ["alive", "unlock"])
def test_a_stale_address_that_answers_or_is_freed_stays_free(store: Store, verb: str) -> None:
    mailed(store, {"old@a.de": 100})
    refuse(store)
    act = Act(("old@a.de",), NOW, "lock", by="root")
    store.act([replace(act, verb=verb)], POLICY.fold)
    assert locked(store) == []
    assert refuse(store) == RoundResult(0, 0)
    assert locked(store) == []
    later = NOW + 100 * DAY
    assert refuse(store, now=later) == RoundResult(1, 0)


def test_what_is_only_reported_again_is_freed(store: Store) -> None:
    mailed(store, {"old@a.de": 100})
    refuse(store)
    assert refuse(store, ListsSettings()) == RoundResult(0, 1)
    assert locked(store) == []
    assert addresses(store, "stale") == ["old@a.de"]
    assert refuse(store) == RoundResult(1, 0)


def test_a_longer_time_until_stale_frees_whom_it_no_longer_means(store: Store) -> None:
    mailed(store, {"old@a.de": 100, "older@a.de": 300})
    assert refuse(store) == RoundResult(2, 0)
    assert refuse(store, replace(REFUSE, stale_after=Duration(months=6))) == RoundResult(0, 1)
    assert locked(store) == ["older@a.de"]


@pytest.mark.parametrize("later", [NOW + DAY, NOW + 400 * DAY], ids=["released", "ended"])
def test_failures_before_the_lock_of_a_list_count_after_it(store: Store, later: int) -> None:
    record(store, [bounce("old@a.de", Reason.MAILBOX_FULL, number=n) for n in (0, 1)])
    mailed(store, {"old@a.de": 100})
    refuse(store)
    if later < NOW + 365 * DAY:
        refuse(store, ListsSettings())
    record(store, [bounce("old@a.de", Reason.MAILBOX_FULL, number=2, time=later)])
    assert lock_of(store, "old@a.de").reason is Reason.MAILBOX_FULL


def test_a_lock_of_a_list_that_ends_is_made_anew(store: Store) -> None:
    mailed(store, {"old@a.de": 100})
    refuse(store)
    later = NOW + 366 * DAY
    assert locked(store, later) == []
    assert refuse(store, now=later) == RoundResult(1, 0)
    assert locked(store, later) == ["old@a.de"]


def test_the_lock_of_a_bounce_or_an_operator_is_never_replaced_by_that_of_a_list(
    store: Store,
) -> None:
    mailed(store, {"hard@a.de": 100, "hand@a.de": 100})
    record(store, [bounce("hard@a.de")])
    store.act([Act(("hand@a.de",), NOW, "lock", by="root")], POLICY.fold)
    assert refuse(store) == RoundResult(0, 0)
    assert lock_of(store, "hard@a.de").reason is Reason.USER_UNKNOWN
    assert lock_of(store, "hand@a.de").reason is Reason.OPERATOR


def test_a_hard_bounce_replaces_the_lock_of_a_list_and_outlives_it(store: Store) -> None:
    mailed(store, {"old@a.de": 100})
    refuse(store)
    record(store, [bounce("old@a.de", time=NOW)])
    assert lock_of(store, "old@a.de").reason is Reason.USER_UNKNOWN
    assert refuse(store, ListsSettings()) == RoundResult(0, 0)
    assert locked(store) == ["old@a.de"]


def test_addresses_that_can_never_be_delivered_are_listed_apart_and_can_be_refused(
    store: Store, ledger: Ledger
) -> None:
    message = Sent(NOW - 90, b"12345678", "news@b.de", ("ann@a.de", "ann@localhost", "a b@a.de"))
    ledger.write([entry_of(message)])
    assert upkeep(store).walk(ledger, NOW, lambda: False) == 1
    assert addresses(store, "invalid") == ["a b@a.de", "ann@localhost"]
    assert refuse(store) == RoundResult(1, 0)
    assert lock_of(store, "ann@localhost").reason is Reason.INVALID
    store.act([Act(("ann@localhost",), NOW, "unlock", by="root")], POLICY.fold)
    assert refuse(store) == RoundResult(0, 0)


def test_addresses_of_a_dead_domain_are_predicted_and_can_be_refused(store: Store) -> None:
    mailed(store, {"ann@gone.de": 1, "bob@gone.de": 1, "ann@alive.de": 1, "ann@once.de": 1})
    record(store, [bounce("bob@gone.de", Reason.USER_UNKNOWN)])
    deny(store, "gone.de")
    deny(store, "once.de", times=1)
    (ann, once) = rows(store, "predicted")
    assert (ann.address, ann.reason) == ("ann@gone.de", Reason.HOST_UNKNOWN)
    assert once.address == "ann@once.de"
    assert refuse(store) == RoundResult(1, 0)
    assert lock_of(store, "ann@gone.de").reason is Reason.PREDICTED
    alive = {"gone.de": MxAnswer("ok")}
    store.mx.learn(alive, NOW, DnsSettings())
    assert refuse(store) == RoundResult(0, 1)
    assert locked(store) == ["bob@gone.de"]


def test_whom_another_group_has_locked_can_be_refused_for_all(store: Store) -> None:
    record(store, [bounce("ann@a.de", group="news")], BY_GROUP)
    assert refuse(store) == RoundResult(1, 0)
    assert lock_of(store, "ann@a.de").reason is Reason.PREDICTED
    assert refuse(store) == RoundResult(0, 0)
    assert refuse(store, ListsSettings()) == RoundResult(0, 1)
    assert addresses(store, "locked", RowFilters(group="news")) == ["ann@a.de"]


def test_the_ledger_is_walked_once(store: Store, ledger: Ledger) -> None:
    for number in range(1, 1200):
        sent = Sent(NOW - 5000 + number, number.to_bytes(8, "big"), "n@b.de", (f"u{number}@a.de",))
        ledger.write([entry_of(sent)])
    assert upkeep(store).walk(ledger, NOW, lambda: False) == 1199
    assert len(list(store.lastmailed.in_domain("a.de"))) == 1199
    assert upkeep(store).walk(ledger, NOW, lambda: False) == 0
    ledger.write([entry_of(Sent(NOW - 10, b"12345678", "n@b.de", ("new@a.de",)))])
    assert upkeep(store).walk(ledger, NOW, lambda: False) == 0, "too fresh: others may follow"
    assert upkeep(store).walk(ledger, NOW + 60, lambda: False) == 1


def test_what_was_mailed_too_long_ago_is_forgotten(store: Store) -> None:
    mailed(store, {"ancient@a.de": 900, "old@a.de": 100})
    assert upkeep(store, ListsSettings()).forget(NOW, lambda: False) == 1
    assert addresses(store, "stale") == ["old@a.de"]


@pytest.mark.parametrize("reason", ["stale", "invalid"])
def test_what_a_list_refuses_is_not_forgotten_and_stays_refused(store: Store, reason: str) -> None:
    faults = {"stale": "", "invalid": "two dots"}
    store.lastmailed.record({"old@a.de": NOW // DAY}, lambda _: faults[reason])
    settings = ListsSettings(**{reason: "refuse"})  # type: ignore[arg-type]
    for days in range(100, 2000, 100):
        now = NOW + days * DAY
        assert upkeep(store, settings).forget(now, lambda: False) == 0
        refuse(store, settings, now)
        assert lock_of(store, "old@a.de").in_force(now), f"after {days} days"


def test_a_stale_address_of_which_the_day_is_not_known_stays_refused(store: Store) -> None:
    mailed(store, {"old@a.de": 100})
    assert refuse(store) == RoundResult(1, 0)
    store.lastmailed.expire(NOW // DAY)
    assert refuse(store) == RoundResult(0, 0)
    assert lock_of(store, "old@a.de").in_force(NOW)


@pytest.mark.parametrize("after", [Duration(months=3), Duration(seconds=90 * DAY), Duration(1, 5)])
@pytest.mark.parametrize("now", [NOW, NOW + 40 * DAY, 1_803_859_199, 1_803_859_200])
def test_a_day_is_stale_when_its_end_lies_so_far_back(after: Duration, now: int) -> None:
    day = last_stale_day(now, after)
    assert after.after((day + 1) * DAY) <= now < after.after((day + 2) * DAY)


def test_a_list_says_who_has_locked(store: Store) -> None:
    mailed(store, {"old@a.de": 100})
    refuse(store)
    (act,) = store.lists.acts("old@a.de")
    assert (act.by, act.why) == (MAINTENANCE, "on the list stale")
