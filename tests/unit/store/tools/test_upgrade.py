"""A store of an earlier version is brought up to date: no lock and no bounce is lost on the way."""

import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from bouncegate.config.settings import PolicySettings, StoreSettings
from bouncegate.config.values import Size
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Act
from bouncegate.store.errors import StoreBusy, StoreDamaged, StoreFull, StoreLayout, StoreMissing
from bouncegate.store.layout import LAYOUT, open_any_layout, set_layout
from bouncegate.store.lockrecord import until_of
from bouncegate.store.reopening import ReopeningLockTable
from bouncegate.store.store import Store
from bouncegate.store.tools.restore import restore
from bouncegate.store.tools.upgrade import upgrade
from bouncegate.store.tools.verify.verification import verify

from .oldstores import FIRST, KINDS, LISTED, MANY, make, read
from .site import (
    NOW,
    POLICY,
    ROOT,
    SIGNED,
    another_process,
    bounce,
    fill,
    settings_of,
)

LAYOUT_OF_OLD = (1).to_bytes(4, "big")


@pytest.fixture(params=KINDS)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    make(request.param, tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def first(tmp_path: Path) -> Path:
    make(FIRST, tmp_path / "store")
    return tmp_path / "store"


def layout_of(folder: Path) -> bytes:
    return dict(read(folder, "meta"))[b"layout"]


def test_each_earlier_store_is_sound_after_it_and_has_the_same_locks_and_bounces(old: Path) -> None:
    locks, once, entries = (read(old, name) for name in ("locks", "once", "journal"))
    done = upgrade(settings_of(old), POLICY.fold, NOW)
    assert (done.before, done.other_policy) == (1, 0)
    assert list(verify(settings_of(old), POLICY.fold)) == []
    assert read(old, "locks") == locks
    assert read(old, "once") == once
    assert [key for key, _ in read(old, "journal")] == [key for key, _ in entries]
    assert layout_of(old) == LAYOUT.to_bytes(4, "big")


def test_a_store_of_layout_4_finds_addresses_by_domain_after_it(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    fill(folder)
    expected = read(folder, "by_domain")
    assert expected
    with closing(open_any_layout(settings_of(folder), readonly=False)) as environment:
        with environment.begin(write=True) as transaction:
            transaction.drop(environment.open_db(b"by_domain", txn=transaction))
        set_layout(environment, 4)
    assert upgrade(settings_of(folder), POLICY.fold, NOW).before == 4
    assert read(folder, "by_domain") == expected
    assert list(verify(settings_of(folder), POLICY.fold)) == []


def test_it_is_written_on_as_if_it_had_never_been_another(old: Path) -> None:
    upgrade(settings_of(old), POLICY.fold, NOW)
    with closing(Store.open(settings_of(old))) as store:
        assert [entry.verb for _, entry in store.journal.entries() if isinstance(entry, Act)][
            :2
        ] == [
            "lock",
            "lock",
        ]
        store.record([bounce(77)], POLICY)
        store.act([Act(("ann@hand.example",), NOW + 99, "unlock", by="root")], POLICY.fold)
        state = store.addresses.get("ann@hand.example")
        assert state is None or state.lock is None, "no lock stays behind in the counts"
    assert list(verify(settings_of(old), POLICY.fold)) == []


def test_acts_of_the_first_stores_say_whom_they_concern(first: Path) -> None:
    with pytest.raises(StoreLayout, match="`bouncegate store upgrade`"):
        Store.open(settings_of(first))
    upgrade(settings_of(first), POLICY.fold, NOW)
    with closing(Store.open(settings_of(first), readonly=True)) as store:
        ((number, act),) = store.journal.of_address("ann@hand.example")
        assert act == Act(("ann@hand.example",), NOW + 4, "lock", by="root", why="asked")
        assert number == 4


def test_what_earlier_versions_did_not_keep_is_told_from_the_journal(first: Path) -> None:
    """Without the moments of past failures the third one in a row would not lock."""
    upgrade(settings_of(first), POLICY.fold, NOW)
    with closing(Store.open(settings_of(first), readonly=True)) as store:
        state = store.addresses.get("full@shop.example")
        assert state is not None
        assert state.soft_run == (NOW + 2, NOW + 3)
    assert [key for key, _ in read(first, "shelves")] == [
        b"bbob@shop.example",
        b"bfull@shop.example",
        b"buser@shop.example",
        b"dbob@shop.example",
        b"dfull@shop.example",
    ]
    ends = {int.from_bytes(end, "big") for end, _ in read(first, "ends")}
    assert ends == {until_of(lock) for _, lock in read(first, "locks")} - {0xFFFF_FFFF}


def test_a_lock_that_the_policy_in_force_would_not_make_stays(first: Path) -> None:
    later = replace(PolicySettings().hard, failures=5)
    other = Policy(replace(PolicySettings(), hard=later), SIGNED)
    locks = read(first, "locks")
    done = upgrade(settings_of(first), other.fold, NOW)
    assert done.other_policy == 1
    assert read(first, "locks") == locks
    assert all(d.by_policy for d in verify(settings_of(first), other.fold))


def test_a_second_upgrade_changes_nothing(old: Path) -> None:
    upgrade(settings_of(old), POLICY.fold, NOW)
    before = (old / "data.mdb").read_bytes()
    names = sorted(path.name for path in old.iterdir())
    done = upgrade(settings_of(old), POLICY.fold, NOW + 5)
    assert done == (LAYOUT, None, 0)
    assert (old / "data.mdb").read_bytes() == before
    assert sorted(path.name for path in old.iterdir()) == names


def test_the_backup_is_the_old_store_and_can_be_brought_back(old: Path, tmp_path: Path) -> None:
    entries, secret = read(old, "journal"), old / "keys"
    secret.write_text("1 secret\n")
    done = upgrade(settings_of(old), POLICY.fold, NOW)
    assert done.backup is not None
    assert done.backup.parent == old
    assert (layout_of(done.backup), read(done.backup, "journal")) == (LAYOUT_OF_OLD, entries)
    assert (done.backup / "keys").read_text() == "1 secret\n"
    (tmp_path / "other").mkdir()
    restored = restore(done.backup, tmp_path / "other", NOW, lambda _: None, replace=False)
    assert restored.manifest.layout == 1
    upgrade(settings_of(tmp_path / "other"), POLICY.fold, NOW)
    assert list(verify(settings_of(tmp_path / "other"), POLICY.fold)) == []


def test_a_later_layout_is_refused_and_left_alone(tmp_path: Path) -> None:
    make(LISTED, tmp_path / "store", layout=LAYOUT + 1)
    before = (tmp_path / "store" / "data.mdb").read_bytes()
    with pytest.raises(StoreLayout, match="or a later one"):
        upgrade(settings_of(tmp_path / "store"), POLICY.fold, NOW)
    assert (tmp_path / "store" / "data.mdb").read_bytes() == before
    assert not list((tmp_path / "store").glob("before-upgrade-*"))


def test_where_there_is_no_store_there_is_nothing_to_upgrade(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing):
        upgrade(settings_of(tmp_path), POLICY.fold, NOW)


WRITER = """
from bouncegate.store.writerlock import WriterLock
with WriterLock.shared(folder):
    print("writing", flush=True)
    input()
"""


def test_nothing_is_upgraded_while_a_process_may_write(first: Path) -> None:
    with another_process(WRITER, first), pytest.raises(StoreBusy, match="bouncegate-return-path"):
        upgrade(settings_of(first), POLICY.fold, NOW)
    assert layout_of(first) == LAYOUT_OF_OLD


def test_the_send_path_knows_the_locks_before_an_upgrade_while_it_is_at_work_and_after_it(
    first: Path,
) -> None:
    table = ReopeningLockTable(settings_of(first))

    def require_locks() -> None:
        table.check()
        assert table.find(b"ann@hand.example") is not None
        assert table.find(b"x@dead.example") is not None
        assert table.find(b"bob@shop.example") is None

    try:
        require_locks()
        with another_process(UPGRADE, first) as process:
            while process.poll() is None:
                require_locks()
            assert process.wait() == 0
        require_locks()
    finally:
        table.close()


def test_the_send_path_reads_no_locks_of_a_later_layout(tmp_path: Path) -> None:
    make(LISTED, tmp_path / "store", layout=LAYOUT + 1)
    table = ReopeningLockTable(settings_of(tmp_path / "store"))
    with pytest.raises(StoreLayout, match="or a later one"):
        table.find(b"ann@hand.example")


UPGRADE = """
from bouncegate.store.tools.upgrade import upgrade
print("at work", flush=True)
upgrade(settings_of(folder), POLICY.fold, NOW)
"""

KILLED = """
import os, signal, sys
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.unit.store.tools.site import NOW, POLICY, settings_of
import bouncegate.store.tools.{module} as module
from bouncegate.store.tools.upgrade import upgrade
inner = module.{name}
def cut(*arguments, **named):
    {before}
    result = inner(*arguments, **named)
    os.kill(os.getpid(), signal.SIGKILL)
module.{name} = cut
upgrade(settings_of(Path({folder!r})), POLICY.fold, NOW)
"""
KILL = "os.kill(os.getpid(), signal.SIGKILL)"


@pytest.mark.parametrize(
    ("module", "name", "is_before", "layout"),
    [
        ("backup", "_copy_messages", True, 1),
        ("upgrade", "make_backup", False, 1),
        ("layouts", "set_layout", True, 1),
        ("layouts", "create_databases", False, 1),
        ("upgrade", "raise_layout", False, 1),
        ("upgrade", "require_entries", False, 1),
        ("datafile", "renumber", False, 1),
        ("upgrade", "put_in_place", True, 1),
        ("upgrade", "put_in_place", False, LAYOUT),
    ],
)
def test_killed_at_any_step_either_store_is_there_and_the_next_upgrade_goes_through(
    tmp_path: Path, module: str, name: str, *, is_before: bool, layout: int
) -> None:
    folder = tmp_path / "store"
    make(FIRST, folder)
    expected, data = read(folder, "locks"), (folder / "data.mdb").read_bytes()
    program = KILLED.format(
        root=str(ROOT),
        module=module,
        name=name,
        before=KILL if is_before else "pass",
        folder=str(folder),
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert layout_of(folder) == layout.to_bytes(4, "big")
    if layout == 1:
        assert (folder / "data.mdb").read_bytes() == data
    upgrade(settings_of(folder), POLICY.fold, NOW + 7)
    assert read(folder, "locks") == expected
    assert list(verify(settings_of(folder), POLICY.fold)) == []
    assert not list(folder.glob(".*")), "nothing of the first one is left"


def test_a_store_that_has_lost_an_entry_is_not_upgraded(first: Path) -> None:
    """Its backup may have it: an upgraded store could not tell any more."""
    import lmdb  # noqa: PLC0415

    with closing(lmdb.open(str(first), max_dbs=32)) as environment:
        journal = environment.open_db(b"journal", create=False)
        with environment.begin(write=True) as transaction:
            transaction.delete((1).to_bytes(8, "big"), db=journal)
    before = (first / "data.mdb").read_bytes()
    with pytest.raises(StoreDamaged, match="names entry 1, which"):
        upgrade(settings_of(first), POLICY.fold, NOW)
    assert (first / "data.mdb").read_bytes() == before


def test_a_disk_without_room_leaves_the_store_as_it_was(
    first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Faked: a disk of so few octets cannot be mounted by everybody who runs the tests.
    monkeypatch.setattr("bouncegate.store.tools.upgrade._COPIES", 2**40)
    with pytest.raises(StoreFull, match="are needed"):
        upgrade(settings_of(first), POLICY.fold, NOW)
    assert layout_of(first) == LAYOUT_OF_OLD
    assert not list(first.glob("before-upgrade-*"))


def test_a_map_that_is_too_small_for_what_is_added_does_not_stop_it(tmp_path: Path) -> None:
    make(KINDS[1], tmp_path / "store")
    small = StoreSettings(path=tmp_path / "store", map_size=Size(2**16))
    upgrade(small, POLICY.fold, NOW)
    with closing(Store.open(settings_of(tmp_path / "store"), readonly=True)) as store:
        assert {MANY[0], MANY[-1]} <= {address for address, _ in store.addresses.locks()}
