"""A store replaced under threads that read in it: no look-up fails, nor reads a closed map."""

from pathlib import Path
from threading import Event, Thread

from tests.unit.milter.locks import put_locks

from bouncegate.config.settings import StoreSettings
from bouncegate.store.reopening import ReopeningLockTable
from lab.waiting import wait_for

READERS = 4
TIMES = 5


def test_a_store_that_is_replaced_again_and_again_is_read_by_all_threads(tmp_path: Path) -> None:
    """To close the map under a look-up would end the process, and with it the test.

    A look-up that fails lets a locked recipient pass, unless on_error says otherwise.
    """
    store = tmp_path / "store"
    put_locks(store, "ann@example.com", "0@example.com")
    table = ReopeningLockTable(StoreSettings(path=store))
    done, wrong = Event(), list[object]()

    def read() -> None:
        while not done.is_set():
            try:
                if table.find(b"ann@example.com") is None:
                    wrong.append("the lock that every store has was not found")
            except Exception as error:  # noqa: BLE001 - whatever a thread met is the result
                wrong.append(error)

    readers = [Thread(target=read) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    try:
        for number in range(1, TIMES + 1):
            spare = tmp_path / str(number)
            put_locks(spare, "ann@example.com", f"{number}@example.com")
            (spare / "data.mdb").rename(store / "data.mdb")
            _wait_for(table, f"{number}@example.com".encode())
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert wrong == []
    maps = Path("/proc/self/maps").read_text().splitlines()
    assert not [line for line in maps if str(store) in line and "(deleted)" in line]


def _wait_for(table: ReopeningLockTable, address: bytes) -> None:
    def is_found() -> bool:
        table.check()
        return table.find(address) is not None

    wait_for(address.decode(), is_found, log=lambda: str(table.reason))
