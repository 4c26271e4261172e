"""A map that is made larger while others have the store open."""

from contextlib import closing, suppress
from pathlib import Path

import pytest
from tests.unit.store.tools.site import LEDGER, NOW, POLICY, another_process, bounce, settings_of

from bouncegate.config.settings import LedgerSettings
from bouncegate.config.values import Size
from bouncegate.policy.records import Act
from bouncegate.store.entry import Sent, entry_of
from bouncegate.store.errors import StoreFull
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Store

SMALL, LARGE = 2**20, 2**24
AT_ONCE = 10
# A worker of the milter or the map, which looks once a second and is not reloaded.
READER = f"""
import sys
from bouncegate.store.reopening import ReopeningLockTable
table = ReopeningLockTable(settings_of(folder, {SMALL}))
print("open", flush=True)
for line in sys.stdin.buffer:
    table.check()
    print(table.find(line.strip()) is not None, flush=True)
"""
# A return path that is not reloaded.
WRITER = f"""
import sys
store = Store.open(settings_of(folder, {SMALL}))
print("open", flush=True)
for line in sys.stdin.buffer:
    try:
        store.record([bounce(9999)], POLICY)
        print("taken", flush=True)
    except Exception as error:
        print(type(error).__name__, error, flush=True)
"""


def filled(folder: Path, size: int, first: int) -> int:
    """Record until nothing fits, or four MiB are there; tells the next number."""
    with closing(Store.open(settings_of(folder, size))) as store, suppress(StoreFull):
        for number in range(first, first + 600, AT_ONCE):
            some = range(number, number + AT_ONCE)
            store.record([bounce(n, size=12_000) for n in some], POLICY)
            first = number + AT_ONCE
    return first


def ask(process: object, line: str) -> str:
    process.stdin.write(line.encode() + b"\n")  # type: ignore[attr-defined]
    process.stdin.flush()  # type: ignore[attr-defined]
    answer: bytes = process.stdout.readline()  # type: ignore[attr-defined]
    return answer.decode().strip()


def test_the_send_path_reads_on_when_the_store_outgrows_its_map(tmp_path: Path) -> None:
    """Without a word to it: or mail to locked addresses would pass until somebody notices."""
    number = filled(tmp_path, SMALL, 1)
    with another_process(READER, tmp_path) as reader:
        assert ask(reader, "user000001@shop1.example") == "True"
        assert filled(tmp_path, LARGE, number) > number + 100
        assert (tmp_path / "data.mdb").stat().st_size > 2 * SMALL
        with closing(Store.open(settings_of(tmp_path, LARGE))) as store:
            store.act([Act(("new@hand.example",), NOW, "lock", by="root")], POLICY.fold)
        assert ask(reader, "new@hand.example") == "True"
        assert ask(reader, "nobody@hand.example") == "False"


def test_a_command_reads_a_store_that_is_larger_than_its_config_says(tmp_path: Path) -> None:
    filled(tmp_path, LARGE, 1)
    with closing(Store.open(settings_of(tmp_path, SMALL), readonly=True)) as store:
        assert store.space().map_size == LARGE
        assert store.journal.last() > 100


def test_a_writer_that_was_not_reloaded_loses_nothing_and_says_what_to_do(tmp_path: Path) -> None:
    number = filled(tmp_path, SMALL, 1)
    with another_process(WRITER, tmp_path) as writer:
        filled(tmp_path, LARGE, number)
        assert "reload the daemons" in ask(writer, "now")
    with closing(Store.open(settings_of(tmp_path, LARGE))) as store:
        ((recorded,),) = store.record([bounce(9999)], POLICY)
        assert recorded.is_new, "what was not acknowledged was not counted"


def test_a_full_store_takes_up_work_when_its_map_is_larger(tmp_path: Path) -> None:
    number = filled(tmp_path, SMALL, 1)
    with (
        closing(Store.open(settings_of(tmp_path, SMALL))) as store,
        pytest.raises(StoreFull, match=r"raise map_size .* reload"),
    ):
        store.record([bounce(n, size=12_000) for n in range(number, number + 100)], POLICY)
    with closing(Store.open(settings_of(tmp_path, LARGE))) as store:
        ((recorded,),) = store.record([bounce(number, size=12_000)], POLICY)
        assert recorded.is_new


def test_the_ledger_is_read_by_whoever_has_a_smaller_map(tmp_path: Path) -> None:
    large = LedgerSettings(max_size=Size(2 * LEDGER.max_size.octets))
    place = settings_of(tmp_path)
    with closing(Ledger.open(place, large, readonly=False)) as ledger:
        ledger.write([entry_of(Sent(NOW, b"message1", "news@a.example", ("ann@b.example",)))])
    with closing(Ledger.open(place, LEDGER)) as ledger:
        assert ledger.space().map_size == large.max_size.octets
