"""What Prometheus is told of the store: each alarm is seen there, and no scrape walks it."""

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs
from prometheus_client import CollectorRegistry, generate_latest
from tests.events import event_of

from bouncegate.config.durations import Duration
from bouncegate.config.settings import (
    AlarmSettings,
    LedgerSettings,
    MetricsSettings,
    PolicySettings,
    Settings,
    StoreSettings,
    Threshold,
)
from bouncegate.config.taxonomy import Category, Kind, Reason
from bouncegate.config.values import Terms
from bouncegate.daemon.metrics.bounces import BounceCounts
from bouncegate.daemon.metrics.collector import Figures, Maintained
from bouncegate.daemon.metrics.lockcount import LockCount
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Act
from bouncegate.store.errors import StoreError
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Bounce, Store

NOW = 1_800_000_000
STOP = threading.Event()
NO_LEDGER = LedgerSettings()
POLICY = Policy(Settings().policy, ("signed", "matched"))


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: float(NOW))


def figures(
    store: Store,
    folder: Path,
    *,
    ledger: LedgerSettings = NO_LEDGER,
    sender_domains: bool = True,
) -> tuple[CollectorRegistry, LockCount, BounceCounts]:
    settings = Settings(
        alarm=AlarmSettings(sender_blame=3),
        metrics=MetricsSettings(counters=folder / "counters", sender_domains=sender_domains),
        ledger=ledger,
    )
    lock_count, bounce_counts = LockCount(store, lambda: float(NOW)), BounceCounts(store)
    place = StoreSettings(path=folder)
    maintained = Maintained(lock_count, bounce_counts, Counter(nxdomain=2))
    source = Figures(settings, store, maintained, lambda: Ledger.open(place, ledger))
    return source.registry(), lock_count, bounce_counts


def bounce(number: int, reason: Reason, *, trust: str = "signed", time: int = NOW) -> Bounce:
    event = event_of(
        f"a{number}@example.com",
        time,
        reason,
        kind=Kind.HARD,
        category=Category.ADDRESS,
        trust=trust,
        identity=number.to_bytes(16, "big"),
        sender="news@sender.example",
    )
    return Bounce((event,), b"raw")


def test_an_alarm_about_a_sender_can_be_a_rule(store: Store, tmp_path: Path) -> None:
    """Item 7 of provenance: the tally that raises the alarm stands beside its threshold."""
    registry, _, _ = figures(store, tmp_path)
    store.record([bounce(n, Reason.CONTENT_BLOCKED) for n in range(4)], POLICY)
    sender = {"sender": "sender.example"}
    assert registry.get_sample_value("bouncegate_sender_blame_bounces", sender) == 4
    assert registry.get_sample_value("bouncegate_sender_blame_limit") == 3


def test_an_alarm_of_the_last_hour_is_still_seen(store: Store, tmp_path: Path) -> None:
    """Else the one that is raised in an hour's last minute would be over before it is scraped."""
    registry, _, _ = figures(store, tmp_path)
    store.record([bounce(n, Reason.CONTENT_BLOCKED, time=NOW - 3600) for n in range(4)], POLICY)
    store.record(
        [bounce(n, Reason.CONTENT_BLOCKED, time=NOW - 7200) for n in range(10, 20)], POLICY
    )
    sender = {"sender": "sender.example"}
    assert registry.get_sample_value("bouncegate_sender_blame_bounces", sender) == 4


def test_sender_domains_are_shown_to_nobody_by_default(store: Store, tmp_path: Path) -> None:
    assert not MetricsSettings().sender_domains
    registry, _, _ = figures(store, tmp_path, sender_domains=False)
    store.record([bounce(n, Reason.CONTENT_BLOCKED) for n in range(4)], POLICY)
    assert registry.get_sample_value("bouncegate_sender_blame_bounces", {"sender": ""}) == 4
    assert b"sender.example" not in generate_latest(registry)


def test_forged_bounces_are_seen(store: Store, tmp_path: Path) -> None:
    registry, _, bounce_counts = figures(store, tmp_path)
    store.record([bounce(n, Reason.USER_UNKNOWN, trust="unverified") for n in range(5)], POLICY)
    bounce_counts.follow(STOP)
    labels = {
        "kind": "hard", "category": "address", "reason": "user-unknown",
        "trust": "unverified", "held": "no",
    }  # fmt: skip
    assert registry.get_sample_value("bouncegate_unverified_bounces") == 5
    assert registry.get_sample_value("bouncegate_bounces_total", labels) == 5


def test_bounces_are_counted_from_the_start_on(store: Store, tmp_path: Path) -> None:
    """Counting a journal of years anew at each start would show it as one burst."""
    store.record([bounce(1, Reason.USER_UNKNOWN)], POLICY)
    _, _, bounce_counts = figures(store, tmp_path)
    store.record([bounce(n, Reason.USER_UNKNOWN) for n in range(2, 4)], POLICY)
    bounce_counts.follow(STOP)
    bounce_counts.follow(STOP)
    assert bounce_counts.bounces.total() == 2


def test_locks_in_force_are_counted_by_sort(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bouncegate.daemon.metrics.lockcount._SLICE", 3)
    registry, lock_count, _ = figures(store, tmp_path)
    store.record([bounce(n, Reason.USER_UNKNOWN) for n in range(7)], POLICY)
    ended = Act(("x@example.com",), NOW - 10, "lock", "op", until=NOW - 5)
    domain = Act(("@example.net",), NOW - 10, "lock", "op")
    store.act([ended, domain], POLICY.fold)
    assert registry.get_sample_value("bouncegate_locks_counted_timestamp_seconds") == 0
    lock_count.take(STOP)
    automatic = {
        "kind": "hard", "category": "address", "reason": "user-unknown",
        "origin": "automatic", "scope": "address",
    }  # fmt: skip
    assert registry.get_sample_value("bouncegate_locks", automatic) == 7
    assert lock_count.locks.total() == 8, "an ended lock is none"
    assert [sort.scope for sort in lock_count.locks].count("domain") == 1
    assert registry.get_sample_value("bouncegate_locks_counted_timestamp_seconds") == NOW


def test_a_lock_for_one_group_s_mail_is_counted_beside_those_for_all(
    store: Store, tmp_path: Path
) -> None:
    _, lock_count, _ = figures(store, tmp_path)
    hard = Threshold(1, Terms((Duration(months=12),)), scope="group")
    policy = Policy(PolicySettings(hard=hard), ("signed", "matched"))
    one = bounce(1, Reason.USER_UNKNOWN)
    event = structs.replace(one.events[0], group="sender.example")
    store.record([Bounce((event,), one.raw)], policy)
    lock_count.take(STOP)
    assert {sort.scope: n for sort, n in lock_count.locks.items()} == {"group": 1}


def test_what_dns_told_is_counted(store: Store, tmp_path: Path) -> None:
    registry, _, _ = figures(store, tmp_path)
    assert registry.get_sample_value("bouncegate_dns_answers_total", {"status": "nxdomain"}) == 2


def test_a_scrape_never_walks_the_locks(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, _, _ = figures(store, tmp_path)

    def forbidden(*_: object) -> Iterator[object]:
        raise AssertionError("the locks were walked")

    monkeypatch.setattr(store.addresses, "lock_records", forbidden)
    monkeypatch.setattr(store.journal, "entries", forbidden)
    assert registry.get_sample_value("bouncegate_store_map_bytes") == 64 * 2**20


def test_the_room_that_is_left_is_told(store: Store, tmp_path: Path) -> None:
    registry, _, _ = figures(store, tmp_path)
    value = registry.get_sample_value
    used, file = value("bouncegate_store_used_bytes"), value("bouncegate_store_file_bytes")
    assert used is not None
    assert file is not None
    store.record([bounce(n, Reason.USER_UNKNOWN) for n in range(500)], POLICY)
    grown = value("bouncegate_store_used_bytes")
    assert grown is not None
    assert used < grown <= 64 * 2**20
    assert value("bouncegate_store_readers_most") == 1024


def test_a_store_that_cannot_be_read_is_said_and_the_rest_is_told(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, _, _ = figures(store, tmp_path)

    def broken() -> object:
        raise StoreError("the disk is gone")

    monkeypatch.setattr(store, "space", broken)
    value = registry.get_sample_value
    assert value("bouncegate_source_failed", {"source": "store"}) == 1
    assert value("bouncegate_source_failed", {"source": "counters"}) == 0
    assert value("bouncegate_daemon_up", {"daemon": "milter"}) == 0


def test_a_ledger_that_is_not_there_yet_is_no_failure(store: Store, tmp_path: Path) -> None:
    maintained = LedgerSettings(enabled=True, keep=Duration(seconds=86_400))
    registry, _, _ = figures(store, tmp_path, ledger=maintained)
    value = registry.get_sample_value
    assert value("bouncegate_source_failed", {"source": "ledger"}) == 0
    assert value("bouncegate_ledger_lag_seconds") is None
