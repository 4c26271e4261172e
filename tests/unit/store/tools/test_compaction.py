"""Another file in the place of data.mdb: whoever reads goes on, and nothing written is lost.

LMDB finds the newer of the two meta pages by a number in lock.mdb, which readers of the old file
keep: each of these tests has such a reader, in a process of its own.
"""

import random
from contextlib import closing
from pathlib import Path

import pytest
from lmdb import verify

from bouncegate.policy.records import Act
from bouncegate.store.errors import StoreBusy, StoreDamaged
from bouncegate.store.ledger import Ledger
from bouncegate.store.metapages import renumber
from bouncegate.store.store import Store
from bouncegate.store.tools.compaction import compact
from bouncegate.store.tools.datafile import last_transaction, put_in_place
from bouncegate.store.writerlock import WriterLock

from .site import LEDGER, NOW, POLICY, another_process, bounce, fill, settings_of

READER = """
import sys, time
from bouncegate.store.reopening import ReopeningLockTable
table = ReopeningLockTable(settings_of(folder))
print("open", flush=True)
for line in sys.stdin.buffer:
    table.check()
    print(table.find(line.strip()) is not None, flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill(tmp_path / "store")
    return tmp_path / "store"


def emptied(folder: Path) -> None:
    """Let it have free pages: a thousand locks come and go."""
    names = tuple(f"u{n}@free.example" for n in range(1000))
    with closing(Store.open(settings_of(folder))) as store:
        store.record([bounce(n, size=8000) for n in range(500, 600)], POLICY)
        store.act([Act(names, NOW, "lock", by="root")], POLICY.fold)
        store.act([Act(names, NOW, "unlock", by="root")], POLICY.fold)
        store.messages.expire(NOW + 10**6)


def compacted(folder: Path) -> tuple[int, int]:
    with (
        WriterLock.exclusive(folder) as writer_lock,
        closing(Store.open(settings_of(folder), readonly=True)) as store,
    ):
        return compact(folder, writer_lock, store)


def is_locked(reader: object, address: str) -> bool:
    reader.stdin.write(address.encode() + b"\n")  # type: ignore[attr-defined]
    reader.stdin.flush()  # type: ignore[attr-defined]
    answer: bytes = reader.stdout.readline()  # type: ignore[attr-defined]
    return answer == b"True\n"


@pytest.mark.parametrize("transactions", [0, 1], ids=["even", "odd"])
def test_a_compacted_store_is_read_and_written_on_by_all(folder: Path, transactions: int) -> None:
    emptied(folder)
    with closing(Store.open(settings_of(folder))) as store:
        for _ in range(transactions):
            store.act([Act(("odd@hand.example",), NOW, "lock", by="root")], POLICY.fold)
    with another_process(READER, folder) as reader:
        assert is_locked(reader, "ann@hand.example")
        with closing(Store.open(settings_of(folder), readonly=True)) as store:
            expected = list(store.journal.entries()), list(store.addresses.locks())
        before, after = compacted(folder)
        assert after < before / 2
        assert (folder / "data.mdb").stat().st_size == after
        assert is_locked(reader, "ann@hand.example"), "it goes on in the old file"
        with closing(Store.open(settings_of(folder))) as store:
            assert (list(store.journal.entries()), list(store.addresses.locks())) == expected
            for number in range(3):
                address = f"new{number}@hand.example"
                store.act([Act((address,), NOW, "lock", by="root")], POLICY.fold)
                assert dict(store.addresses.locks())[address]
        assert is_locked(reader, "new2@hand.example"), "it has taken up the new file"
    assert verify.verify(str(folder / "data.mdb"), subdir=False) == []  # type: ignore[no-untyped-call]


def test_it_can_be_compacted_again_and_again_under_a_reader(folder: Path) -> None:
    with another_process(READER, folder) as reader:
        for number in range(6):
            with closing(Store.open(settings_of(folder))) as store:
                for turn in range(random.randrange(1, 4)):
                    name = f"u{number}-{turn}@hand.example"
                    store.act([Act((name,), NOW, "lock", by="root")], POLICY.fold)
                locks = list(store.addresses.locks())
            compacted(folder)
            with closing(Store.open(settings_of(folder), readonly=True)) as store:
                assert list(store.addresses.locks()) == locks
            assert is_locked(reader, f"u{number}-0@hand.example")


def test_a_store_of_a_single_change_is_compacted_under_a_reader(tmp_path: Path) -> None:
    folder = tmp_path / "young"
    folder.mkdir()
    with closing(Store.open(settings_of(folder))) as store:
        store.act([Act(("ann@hand.example",), NOW, "lock", by="root")], POLICY.fold)
    with another_process(READER, folder) as reader:
        compacted(folder)
        with closing(Store.open(settings_of(folder))) as store:
            store.act([Act(("eve@hand.example",), NOW, "lock", by="root")], POLICY.fold)
        assert is_locked(reader, "ann@hand.example")
        assert is_locked(reader, "eve@hand.example")
    assert verify.verify(str(folder / "data.mdb"), subdir=False) == []  # type: ignore[no-untyped-call]


def test_nothing_is_compacted_while_a_process_may_write(folder: Path) -> None:
    before = (folder / "data.mdb").stat().st_ino
    with closing(Store.open(settings_of(folder))), pytest.raises(StoreBusy):
        compacted(folder)
    assert (folder / "data.mdb").stat().st_ino == before


def test_the_ledger_is_compacted_as_well(folder: Path) -> None:
    with (
        WriterLock.exclusive(folder / "ledger") as writer_lock,
        closing(Ledger.open(settings_of(folder), LEDGER)) as ledger,
    ):
        compact(folder / "ledger", writer_lock, ledger)
    with closing(Ledger.open(settings_of(folder), LEDGER, readonly=False)) as ledger:
        assert ledger.by_name(["4aBc"]) is not None


def test_a_file_that_lost_entries_never_takes_the_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (folder / "data.mdb").read_bytes()
    space = Store.space

    def more(store: Store) -> object:
        found = space(store)
        return found._replace(entries={**found.entries, "locks": found.entries["locks"] + 1})

    monkeypatch.setattr(Store, "space", more)
    with pytest.raises(StoreDamaged, match="differs from the store"):
        compacted(folder)
    assert (folder / "data.mdb").read_bytes() == before
    assert not list(folder.glob(".*"))


def test_what_is_no_environment_has_no_number(tmp_path: Path) -> None:
    assert last_transaction(tmp_path / "none") is None
    (tmp_path / "data.mdb").write_bytes(b"x" * 9000)
    assert last_transaction(tmp_path / "data.mdb") is None
    with pytest.raises(ValueError, match="no environment"):
        renumber(tmp_path / "data.mdb", 7)


def test_a_damaged_file_that_is_still_open_is_not_replaced(folder: Path, tmp_path: Path) -> None:
    """Which of two meta pages its readers would take, nobody could tell."""
    draft = tmp_path / "draft"
    draft.touch()
    with closing(Store.open(settings_of(folder), readonly=True)) as store:
        store.copy(draft)
    with another_process(READER, folder) as reader:
        with (folder / "data.mdb").open("r+b") as file:
            file.write(b"\0" * 100)
        with WriterLock.exclusive(folder), pytest.raises(StoreBusy, match="bouncegate-milter"):
            put_in_place(draft, folder)
        reader.kill()
        reader.wait()
        with WriterLock.exclusive(folder):
            put_in_place(draft, folder)
    with closing(Store.open(settings_of(folder))) as store:
        assert store.addresses.get("ann@hand.example") is not None
