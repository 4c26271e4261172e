"""A lock table that comes late: found once it is there, and costing nothing until then."""

import time
import traceback
from pathlib import Path

import pytest
from tests.unit.milter.locks import put_locks

from bouncegate.config.settings import StoreSettings
from bouncegate.store import reopening
from bouncegate.store.environment import Environment
from bouncegate.store.errors import StoreMissing
from bouncegate.store.layout import layout_of
from bouncegate.store.reopening import INTERVAL, open_lock_table


def test_a_store_that_stays_away_fills_no_memory_with_where_it_was_missed(tmp_path: Path) -> None:
    """A busy milter asks a thousand times a second."""
    find = open_lock_table(StoreSettings(path=tmp_path)).find
    for _ in range(1000):
        with pytest.raises(StoreMissing):
            find(b"ann@example.org")
    with pytest.raises(StoreMissing) as caught:
        find(b"ann@example.org")
    assert len(traceback.extract_tb(caught.value.__traceback__)) < 10


def test_a_store_that_is_made_later_is_found(tmp_path: Path) -> None:
    find = open_lock_table(StoreSettings(path=tmp_path)).find
    with pytest.raises(StoreMissing):
        find(b"ann@example.org")
    put_locks(tmp_path, "ann@example.org")
    time.sleep(INTERVAL + 0.1)
    assert find(b"ann@example.org") is not None


def test_a_store_that_is_replaced_while_it_is_looked_at_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error would end the heartbeat of a milter's worker, and with it the worker."""
    store, spare = tmp_path / "store", tmp_path / "spare"
    put_locks(store, "ann@example.org")
    put_locks(spare, "bob@example.org")
    table = open_lock_table(StoreSettings(path=store))
    assert table.find(b"ann@example.org") is not None

    def replaced_first(environment: Environment) -> int | None:
        (spare / "data.mdb").rename(store / "data.mdb")
        monkeypatch.undo()
        return layout_of(environment)

    monkeypatch.setattr(reopening, "layout_of", replaced_first)
    time.sleep(INTERVAL + 0.1)
    table.check()
    assert table.find(b"bob@example.org") is not None
    assert table.find(b"ann@example.org") is None
