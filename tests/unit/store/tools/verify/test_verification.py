"""Verification: a sound store is called so, and each kind of damage is found, told and mended."""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import lmdb
import pytest
from lmdb import verify as pages
from msgspec.structs import replace
from tests.unit.store.tools.site import (
    LEDGER,
    NOW,
    POLICY,
    SIGNED,
    another_process,
    event,
    fill,
    settings_of,
)

from bouncegate.config.durations import Duration
from bouncegate.config.settings import DnsSettings, GuardSettings, PolicySettings, Threshold
from bouncegate.config.taxonomy import Category, Kind, Reason
from bouncegate.config.values import Terms
from bouncegate.policy.fold import Policy
from bouncegate.policy.guard import Guard
from bouncegate.policy.mx import MxAnswer, MxHost
from bouncegate.policy.records import Act, Audit, Entry, Lock, Origin, Ruling, Settled
from bouncegate.store import journal, lockrecord
from bouncegate.store.audit import new_key
from bouncegate.store.codec import decode_entry, decode_state, encode, octets_of
from bouncegate.store.deliverylog import Accepted, Batch, Deferral, Deferred, Delivery, Step
from bouncegate.store.layout import DATABASES, USED_BY_DAY, open_environment
from bouncegate.store.ledger import Ledger
from bouncegate.store.membership import Membership
from bouncegate.store.requests import UnlockRequest
from bouncegate.store.store import Bounce, Store
from bouncegate.store.tools.verify.difference import Difference
from bouncegate.store.tools.verify.verification import repair, verify, verify_ledger, verify_pages

DAY = 86_400
Damage = Callable[["lmdb.Transaction[bytes]", Callable[[str], "lmdb._Database"]], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill(tmp_path / "store")
    with closing(Store.open(settings_of(tmp_path / "store"))) as store:
        mailed = Delivery("ann@hand.example", NOW, b"message1")
        waiting = Delivery(event(12).address, NOW + 600, b"message2")
        steps: list[Step] = [
            Deferred(mailed, Deferral("4aBc", 1, NOW, NOW, "4.2.2", "full"), None),
            Accepted(waiting, NOW + 601, bytes(16)),
        ]
        store.deliverylog.record(Batch(b"", b"place", steps), POLICY)
        assert store.retention.expire_entries(NOW + 5, NOW + 600, POLICY.fold) == 3
        store.void([9], Ruling("void", (), NOW + 601), POLICY.fold)
        store.purge.carry_out({event(11).address}, Audit(new_key(NOW), NOW + 602, "purge", "root"))
        asked = UnlockRequest(event(5).address, NOW, NOW + 3600, "desk")
        store.requests.add([asked], Audit(new_key(NOW), NOW, "requests add", "desk"))
        store.mx.want(["wanted.example"], NOW)
        answer = MxAnswer("ok", (MxHost(1, "mx.shop.example"),), ttl=7200)
        store.mx.learn({"shop.example": answer}, NOW, DnsSettings())
    outage(tmp_path / "store")
    with closing(Store.open(settings_of(tmp_path / "store"))) as store:
        unread = replace(event(90), address="", time=NOW + 701, trust="unverified")
        store.record([Bounce((unread,), b"a fault of ours", is_set_aside=True)], POLICY)
        with store.environment.begin(write=True) as transaction:
            store.memberships.put(transaction, Membership("one"))
    with closing(Store.open(settings_of(tmp_path / "store"))) as store:
        store.record([Bounce([event(95)], b"")], POLICY)
        with store.environment.begin(write=True) as transaction:
            store.memberships.put(transaction, None)  # what comes from here on is recorded at once
    return tmp_path / "store"


def outage(folder: Path) -> None:
    """An incident that is open, with events held for it, and one that was confirmed."""
    guard = Guard(GuardSettings(addresses=5), lambda *_: None)
    policy = Policy(PolicySettings(), SIGNED, guard=guard)
    with closing(Store.open(settings_of(folder))) as store:
        for provider in ("broken.example", "mended.example"):
            for number in range(100, 112):
                one = replace(
                    event(number, Reason.MAILBOX_DISABLED),
                    provider=provider,
                    address=f"u{number}@{provider}",
                    identity=f"{provider[:6]}{number}".encode().ljust(16),
                )
                store.record([Bounce((one,), b"")], policy)
        last = store.incidents.all()[-1].number
        store.settle(Settled(last, NOW + 700, "confirmed", by="root"), policy.fold)


def changed(folder: Path, damage: Damage) -> None:
    with closing(open_environment(settings_of(folder), readonly=False)) as environment:
        opened = {n: environment.open_db(n, create=False, **f) for n, f in DATABASES.items()}
        with environment.begin(write=True) as transaction:
            damage(transaction, lambda name: opened[name.encode()])


def drop(table: str, key: bytes = b"", value: bytes = b"") -> Damage:
    """Delete a record; the first one unless a key is told."""

    def damage(transaction: lmdb.Transaction[bytes], db: Callable[[str], lmdb._Database]) -> None:
        with transaction.cursor(db(table)) as cursor:
            assert cursor.set_key(key) if key else cursor.first()
            assert cursor.delete()

    return damage


def write(table: str, key: bytes, value: bytes) -> Damage:
    def damage(transaction: lmdb.Transaction[bytes], db: Callable[[str], lmdb._Database]) -> None:
        transaction.put(key, value, db=db(table))

    return damage


def spoil(table: str) -> Damage:
    """Change the first record of a table into something that nobody can read."""

    def damage(transaction: lmdb.Transaction[bytes], db: Callable[[str], lmdb._Database]) -> None:
        with transaction.cursor(db(table)) as cursor:
            assert cursor.first()
            cursor.put(cursor.key(), b"\xc1spoilt")

    return damage


def lifted(transaction: lmdb.Transaction[bytes], db: Callable[[str], lmdb._Database]) -> None:
    """Let an address have counted a bounce less than came."""
    key = event(8).address.encode()
    octets = transaction.get(key, db=db("addresses"))
    assert octets is not None
    state = decode_state(octets)
    transaction.put(key, encode(replace(state, soft=state.soft + 1)), db=db("addresses"))


def found(folder: Path) -> list[Difference]:
    return list(verify(settings_of(folder), POLICY.fold))


def test_a_sound_store_is_sound(folder: Path) -> None:
    assert found(folder) == []
    assert list(verify_ledger(settings_of(folder), LEDGER)) == []


def test_bounces_that_wait_for_dns_are_sound(folder: Path) -> None:
    """They are held, but for no incident."""
    with closing(Store.open(settings_of(folder))) as store:
        store.record([Bounce([event(900_000, Reason.HOST_UNKNOWN)], b"")], POLICY)
        assert store.unconfirmed.pile(store.mx.of).events == 1
    assert found(folder) == []


def test_the_site_has_something_in_every_table(folder: Path) -> None:
    """Or its soundness would prove nothing."""
    with closing(Store.open(settings_of(folder), readonly=True)) as store:
        entries = store.space().entries
    assert [name for name, count in entries.items() if not count] == []


ONE = event(5).address.encode()
LOCK = lockrecord.pack(
    Lock(
        Kind.HARD, Category.ADDRESS, Reason.USER_UNKNOWN, Origin.AUTOMATIC, NOW, NOW + DAY, cause=1
    )
)

MENDED: dict[str, tuple[Damage, str]] = {
    "lock that vanished": (drop("locks", ONE), "addresses"),
    "lock of nobody": (write("locks", b"stranger@a.example", LOCK), "locks"),
    "lock of an unknown group": (write("locks", ONE, LOCK + bytes(8) + LOCK), "locks"),
    "lock that cannot be read": (write("locks", ONE, b"\xff" * 20), "locks, addresses"),
    "state that vanished": (drop("addresses", ONE), "addresses"),
    "state that counts wrong": (lifted, "addresses"),
    "state that cannot be read": (write("addresses", ONE, b"\xc1"), "locks, addresses"),
    "index without an entry": (drop("by_address", ONE), "by_address"),
    "index of a stranger": (write("by_address", b"x@y.example", octets_of(1)), "by_address"),
    "index of no entry": (write("by_address", ONE, octets_of(10**9)), "by_address"),
    "identity that would count again": (drop("once"), "once"),
    "identity of no event": (write("once", bytes(16), octets_of(10**9)), "once"),
    "shelf without an address": (drop("shelves", b"g" + b"eve@hand.example"), "shelves"),
    "bounced address that no list shows": (drop("shelves", b"b" + ONE), "shelves"),
    "shelf of one that never bounced": (write("shelves", b"bann@hand.example", b""), "shelves"),
    "domain that does not have its address": (
        drop("by_domain", b"hand.example\0eve@"),
        "by_domain",
    ),
    "domain that says too much of an address": (
        write("by_domain", b"hand.example\0ann@", b"\3"),
        "by_domain",
    ),
    "domain of a stranger": (write("by_domain", b"y.example\0x@", b"\1"), "by_domain"),
    "shelf of a stranger": (write("shelves", b"dx@y.example", b""), "shelves"),
    "end of no lock": (drop("ends"), "ends"),
    "day that vanished": (drop("used_by_day"), "used_by_day"),
    "day of nobody": (write("used_by_day", b"\1\1", b"d.example\0x"), "used_by_day"),
    "host that vanished": (drop("mx_hosts"), "mx_hosts"),
    "quota of no report": (write("unproven", octets_of(10**9), bytes(16)), "unproven"),
    "waiting bounce that would count again": (drop("outbox_once"), "outbox_once"),
    "waiting bounce of no change": (write("outbox_once", bytes(16), octets_of(9)), "outbox_once"),
    "waiting change that no address names": (drop("outbox_by_address"), "outbox_by_address"),
    "waiting change that is none": (
        write("outbox_by_address", b"x@y.example", octets_of(10**9)),
        "outbox_by_address",
    ),
    "settled lock that vanished": (drop("settled_locks"), "settled_locks"),
    "settled lock of nobody": (write("settled_locks", b"x@y.example", b""), "settled_locks"),
    "waiting lock that does not bind": (drop("locks", event(95).address.encode()), "locks"),
    "host of nobody": (write("mx_hosts", b"example.mx.\0none.example", b""), "mx_hosts"),
}


@pytest.mark.parametrize("name", MENDED)
def test_what_follows_from_the_rest_is_found_and_mended(folder: Path, name: str) -> None:
    damage, table = MENDED[name]
    changed(folder, damage)
    differences = found(folder)
    assert table in {difference.table for difference in differences}
    assert all(difference.repair is not None for difference in differences)
    mended = list(repair(settings_of(folder), POLICY.fold))
    assert table in {difference.table for difference in mended}
    assert found(folder) == []


LOST: dict[str, tuple[Damage, str]] = {
    "entry that cannot be read": (spoil("journal"), "journal"),
    "event that vanished": (drop("journal", octets_of(7)), "by_address"),
    "incident that vanished": (drop("incidents"), "incidents"),
    "mark of an incident that is not open": (write("held", octets_of(7), octets_of(10**9)), "held"),
    "ruling that is none": (write("voided", octets_of(7), octets_of(8)), "voided"),
    "bounce that is watched": (spoil("watched"), "watched"),
    "watched bounce that is none": (write("watched", bytes(20), bytes(13)), "watched"),
    "watched bounce of another series": (
        write("watched", bytes(8) + NOW.to_bytes(4, "big") + octets_of(7), bytes(13)),
        "watched",
    ),
    "series": (spoil("series"), "series"),
    "series of an open incident": (drop("series"), "incidents"),
    "message": (spoil("messages"), "messages"),
    "change that waits": (spoil("outbox"), "outbox"),
    "deferral": (spoil("deferred"), "deferred"),
    "acceptance": (spoil("accepted"), "accepted"),
    "wanted domain": (spoil("mx_wanted"), "mx_wanted"),
    "exchange": (spoil("mx"), "mx"),
    "fault of an address": (write("invalid", b"no separator", b"x"), "invalid"),
    "record of an act": (write("audit", bytes(12), b"\xc1"), "audit"),
    "tally": (write("tallies", bytes(4), b"\xc1"), "tallies"),
}


@pytest.mark.parametrize("name", LOST)
def test_what_nothing_else_tells_is_found(folder: Path, name: str) -> None:
    damage, table = LOST[name]
    changed(folder, damage)
    differences = [difference for difference in found(folder) if difference.table == table]
    assert differences
    assert all(difference.repair is None for difference in differences)


def test_a_large_message_that_was_damaged_is_found(folder: Path) -> None:
    path = next(folder.glob("messages/*/*.zst"))
    path.write_bytes(path.read_bytes()[:-40] + os.urandom(40))
    (difference,) = found(folder)
    assert difference.key == path.relative_to(folder).as_posix()


def test_a_damaged_page_is_found(folder: Path) -> None:
    """Pages are looked at first: what LMDB itself would trip over may never be reached."""
    with closing(open_environment(settings_of(folder), readonly=True)) as environment:
        assert list(verify_pages(folder / "data.mdb", environment)) == []
        with (folder / "data.mdb").open("r+b") as file:
            for page in range(2, file.seek(0, os.SEEK_END) // 4096):
                file.seek(page * 4096 + 16)
                file.write(b"\xff" * 64)
        assert list(verify_pages(folder / "data.mdb", environment))


def test_pages_that_lmdb_counts_wrongly_itself_are_no_damage(folder: Path) -> None:
    """LMDB keeps the pages of duplicates in its count when their key goes: no page is wrong."""
    with closing(open_environment(settings_of(folder), readonly=False)) as environment:
        used = environment.open_db(USED_BY_DAY, dupsort=True, create=False)
        with environment.begin(write=True) as transaction:
            for number in range(20_000):
                name = b"reader%06d@recipients.example" % number
                transaction.put(b"day%d" % (number % 4), name, db=used)
        with environment.begin(write=True) as transaction, transaction.cursor(used) as cursor:
            assert cursor.set_key(b"day0")
            cursor.delete(dupdata=True)
        said = [str(one) for one in pages.verify(str(folder / "data.mdb"), subdir=False)]  # type: ignore[no-untyped-call]
        assert any("record says" in one for one in said), "LMDB counts right: the filter can go"
        assert list(verify_pages(folder / "data.mdb", environment)) == []


def test_a_ledger_that_lost_a_name_is_found(folder: Path) -> None:
    with closing(Ledger.open(settings_of(folder), LEDGER, readonly=False)) as ledger:
        names = ledger.environment.open_db(b"names", create=False)
        with (
            ledger.environment.begin(write=True) as transaction,
            transaction.cursor(names) as cursor,
        ):
            assert cursor.first()
            cursor.delete()
    (difference,) = verify_ledger(settings_of(folder), LEDGER)
    assert "found by no name (queue id 4aBc)" in difference.problem


def test_a_policy_that_has_changed_is_told_apart_from_damage(folder: Path) -> None:
    settings = PolicySettings(hard=Threshold(1, Terms((Duration(seconds=DAY),))))
    differences = list(verify(settings_of(folder), Policy(settings, SIGNED).fold))
    assert differences
    assert all(difference.by_policy for difference in differences)
    changed(folder, drop("by_address", ONE))
    differences = list(verify(settings_of(folder), Policy(settings, SIGNED).fold))
    assert [d.table for d in differences if not d.by_policy] == [
        *("by_address", "by_domain", "shelves")
    ]


WRITER = """
store = Store.open(settings_of(folder))
for number in range(1000, 10**6):
    store.record([bounce(number, size=1000)], POLICY)
    store.act([Act((event(number).address,), NOW + number, "unlock", by="root")], POLICY.fold)
    if number == 1010:
        print("begun", flush=True)
"""


def test_nothing_is_found_amiss_while_bounces_come_in(folder: Path) -> None:
    with another_process(WRITER, folder):
        deadline = time.monotonic() + 1.5
        while time.monotonic() < deadline:
            assert found(folder) == []


def test_many_addresses_take_no_more_memory_than_few(folder: Path) -> None:
    """A portion is held at a time: 20,000 addresses, and never more than some hundred of them."""
    names = [f"u{number:05}@many.example" for number in range(20_000)]
    with closing(Store.open(settings_of(folder))) as store:
        for start in range(0, len(names), 500):
            some = tuple(names[start : start + 500])
            store.act([Act(some, NOW, "lock", by="root")], POLICY.fold)
    peaks = []
    for _ in range(2):
        tracemalloc.start()
        assert found(folder) == []
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 8 * 2**20, peaks


def test_an_act_on_many_addresses_is_read_once_for_all_of_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To read it for each of them took most of the time of a verification."""
    names = tuple(f"u{number:04}@many.example" for number in range(1000))
    with closing(Store.open(settings_of(folder))) as store:
        store.act([Act(names, NOW, "lock", by="root")], POLICY.fold)
    read: list[bytes] = []

    def counting(octets: bytes) -> Entry:
        read.append(octets)
        return decode_entry(octets)

    monkeypatch.setattr(journal, "decode_entry", counting)
    assert found(folder) == []
    assert len(read) < 500
