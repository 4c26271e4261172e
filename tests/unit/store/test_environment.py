"""Files that are open and not the store's any more: nothing is said to be written then."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import lmdb
import pytest

from bouncegate.config.settings import LedgerSettings, StoreSettings
from bouncegate.config.values import Size
from bouncegate.store import environment as opening
from bouncegate.store.entry import Sent, entry_of
from bouncegate.store.environment import Environment, open_files
from bouncegate.store.errors import StoreBusy, StoreReplaced
from bouncegate.store.ledger import Ledger
from bouncegate.store.locktable import LockTable
from bouncegate.store.store import Store
from bouncegate.store.writerlock import WriterLock

from .bounces import NOW, bounce_of, policy, record

ROOT: Final = Path(__file__).resolve().parents[3]
MAP: Final = 2**26
POLICY: Final = policy()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "store").mkdir()
    return tmp_path / "store"


def settings_of(folder: Path) -> StoreSettings:
    return StoreSettings(path=folder, map_size=Size(MAP))


def deleted(folder: Path) -> None:
    (folder / "data.mdb").unlink()


def replaced_by_rename(folder: Path) -> None:
    shutil.copy(folder / "data.mdb", folder / "other.mdb")
    (folder / "other.mdb").rename(folder / "data.mdb")


def folder_swapped(folder: Path) -> None:
    folder.rename(folder.with_name("aside"))
    shutil.copytree(folder.with_name("aside"), folder)


def folder_moved(folder: Path) -> None:
    folder.rename(folder.with_name("aside"))


def lock_removed(folder: Path) -> None:
    (folder / "lock.mdb").unlink()


DEEDS: Final = (deleted, replaced_by_rename, folder_swapped, folder_moved, lock_removed)
each_deed = pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.__name__)


@each_deed
def test_files_replaced_before_a_bounce_refuse_it(
    folder: Path, deed: Callable[[Path], None]
) -> None:
    with closing(Store.open(settings_of(folder))) as store:
        record(store, [bounce_of("one@a.example", 1)], POLICY)
        assert store.replaced() == ""
        deed(folder)
        for _ in range(2):
            with pytest.raises(StoreReplaced):
                record(store, [bounce_of("two@a.example", 1)], POLICY)
        assert str(folder) in store.replaced()


@each_deed
def test_files_replaced_during_a_commit_refuse_the_bounce(
    folder: Path, deed: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Store.open(settings_of(folder))) as store:
        took = store.changes.record

        def take(*given: object) -> object:
            deed(folder)
            return took(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(store.changes, "record", take)
        with pytest.raises(StoreReplaced):
            record(store, [bounce_of("one@a.example", 1)], POLICY)


@each_deed
def test_files_replaced_refuse_every_reader_and_the_next_opening_heals(
    folder: Path, deed: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_FILES_EVERY", 0.0)
    with closing(Store.open(settings_of(folder))) as store:
        deed(folder)
        with pytest.raises(StoreReplaced):
            store.addresses.get("one@a.example")
    folder.mkdir(exist_ok=True)
    with closing(Store.open(settings_of(folder))) as store:
        record(store, [bounce_of("two@a.example", 1)], POLICY)
        assert store.addresses.get("two@a.example") is not None


@each_deed
def test_ledger_files_replaced_refuse_the_send(
    tmp_path: Path, folder: Path, deed: Callable[[Path], None]
) -> None:
    ledgers = LedgerSettings(max_size=Size(MAP))
    sent = entry_of(Sent(NOW, b"message1", "news@a.example", ("one@a.example",)))
    with closing(Ledger.open(settings_of(folder), ledgers, readonly=False)) as ledger:
        ledger.write([sent])
        deed(folder / "ledger")
        with pytest.raises(StoreReplaced):
            ledger.write([sent])


HOLDS: Final = """
import sys
from pathlib import Path
from bouncegate.store.environment import open_files
environment = open_files(Path(sys.argv[1]), 2**26, 4, readonly=False)
table = environment.open_db(b"table")
with environment.begin(write=True, db=table) as transaction:
    transaction.put(b"first", b"1")
    print("holds", flush=True)
    sys.stdin.readline()
    {removal}
"""


@contextmanager
def holder(folder: Path, removal: str = "pass") -> Iterator[subprocess.Popen[bytes]]:
    """A process within a write transaction, which it ends when it is told to."""
    argv = [sys.executable, "-c", HOLDS.format(removal=removal), str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"holds\n"
            yield process
        finally:
            process.kill()


def test_two_writers_never_meet_though_the_lock_file_was_removed(folder: Path) -> None:
    open_files(folder, MAP, 4, readonly=False).close()
    with holder(folder) as first:
        lock_removed(folder)
        second = open_files(folder, MAP, 4, readonly=False)
        entered = threading.Event()

        def write() -> None:
            with second.begin(write=True) as transaction:
                entered.set()
                table = second.open_db(b"table", txn=transaction)
                transaction.put(b"second", b"2", db=table)

        writer = threading.Thread(target=write)
        writer.start()
        assert not entered.wait(0.3), "it waits for the first, whose lock file is another"
        _, errors = first.communicate(b"\n")
        writer.join()
    assert b"StoreReplaced" in errors, "the first must not say that its write holds"
    with second.begin(db=second.open_db(b"table")) as transaction:
        assert dict(transaction.cursor()) == {b"second": b"2"}
    second.close()


def test_writer_that_is_killed_lets_the_next_one_in(folder: Path) -> None:
    open_files(folder, MAP, 4, readonly=False).close()
    with holder(folder) as first:
        first.kill()
        first.wait()
    with (
        closing(open_files(folder, MAP, 4, readonly=False)) as environment,
        environment.begin(write=True) as transaction,
    ):
        environment.open_db(b"table", txn=transaction)


def test_nobody_is_alone_beside_a_transaction_though_the_file_of_writers_was_removed(
    folder: Path,
) -> None:
    with closing(Store.open(settings_of(folder))):
        pass
    with holder(folder):
        (folder / "writers").unlink(missing_ok=True)
        with pytest.raises(StoreBusy):
            WriterLock.exclusive(folder)
    with WriterLock.exclusive(folder):
        pass


READS: Final = """
import sys, lmdb
environment = lmdb.open(sys.argv[1], readonly=True, max_dbs=4, max_readers=8)
kept = [lmdb.Transaction(environment) for _ in range(int(sys.argv[2]))]
print("reads", flush=True)
sys.stdin.readline()
"""


def killed_reader(folder: Path, slots: int) -> None:
    argv = [sys.executable, "-c", READS, str(folder), str(slots)]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"reads\n"
        process.kill()


@pytest.fixture
def few_slots(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    monkeypatch.setattr(opening, "_MAX_READERS", 3)
    with closing(open_files(folder, MAP, 64, readonly=False)) as environment:
        yield environment


def test_slots_that_killed_readers_hold_are_freed_when_none_is_left(
    folder: Path, few_slots: Environment
) -> None:
    killed_reader(folder, 3)
    with pytest.raises(lmdb.ReadersFullError):
        few_slots.raw.begin()
    with few_slots.begin():
        pass


def test_look_up_frees_slots_of_killed_readers_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_MAX_READERS", 3)
    Store.open(settings_of(folder)).close()
    with closing(LockTable.open(settings_of(folder))) as table:
        held = [lmdb.Transaction(table._environment.raw) for _ in range(1)]  # type: ignore[union-attr]
        killed_reader(folder, 2)
        assert table.find(b"one@a.example") is None
        del held


def test_killed_readers_are_looked_for_once_a_minute(
    folder: Path, few_slots: Environment, caplog: pytest.LogCaptureFixture
) -> None:
    killed_reader(folder, 1)
    with few_slots.begin():
        assert "killed" not in caplog.text
    few_slots._next_readers -= opening.READERS_EVERY
    with few_slots.begin():
        assert "freed 1 reader slot of dead processes" in caplog.text


def test_file_stops_growing_soon_after_a_reader_was_killed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_GROWN", 64)
    with closing(open_files(folder, MAP, 4, readonly=False)) as environment:
        with environment.begin(write=True) as transaction:
            table = environment.open_db(b"table", txn=transaction)
        killed_reader(folder, 1)

        def write(times: int) -> int:
            for number in range(times):
                with environment.begin(write=True, db=table) as transaction:
                    transaction.put(b"key", bytes([number % 256]) * 20_000)
            return int(environment.info()["last_pgno"])

        grown = write(200)
        assert grown < 200, "a reader would have kept five pages of each transaction"
        assert write(400) == grown


def test_closing_gives_the_descriptor_back(folder: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    open_files(folder, MAP, 4, readonly=False).close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
