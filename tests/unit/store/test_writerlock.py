"""Who may write: nobody writes into a file that another one has replaced."""

import os
import signal
from contextlib import closing
from pathlib import Path

import pytest
from tests.unit.store.tools.site import LEDGER, another_process, settings_of

from bouncegate.store.errors import StoreBusy, StoreMissing
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Store
from bouncegate.store.writerlock import WriterLock

HOLDER = """
store = Store.open(settings_of(folder))
print("open", flush=True)
import sys; sys.stdin.read()
"""


def test_the_file_is_nobodys_to_replace_while_another_process_may_write(tmp_path: Path) -> None:
    with another_process(HOLDER, tmp_path) as holder:
        with pytest.raises(StoreBusy, match="stop bouncegate-return-path"):
            WriterLock.exclusive(tmp_path)
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        WriterLock.exclusive(tmp_path).release()


def test_nobody_opens_it_to_write_while_it_is_replaced_and_all_may_read(tmp_path: Path) -> None:
    Store.open(settings_of(tmp_path)).close()
    Ledger.open(settings_of(tmp_path), LEDGER, readonly=False).close()
    locks = [WriterLock.exclusive(tmp_path), WriterLock.exclusive(tmp_path / "ledger")]
    with pytest.raises(StoreBusy, match="try again"):
        Store.open(settings_of(tmp_path))
    with pytest.raises(StoreBusy, match="try again"):
        Ledger.open(settings_of(tmp_path), LEDGER, readonly=False)
    with closing(Store.open(settings_of(tmp_path), readonly=True)) as store:
        assert list(store.addresses.locks()) == []
    for writer_lock in locks:
        writer_lock.release()
    Store.open(settings_of(tmp_path)).close()


def test_writers_do_not_keep_out_one_another(tmp_path: Path) -> None:
    with another_process(HOLDER, tmp_path), closing(Store.open(settings_of(tmp_path))) as store:
        assert list(store.addresses.locks()) == []


def test_where_there_is_no_folder_that_is_what_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing, match="no such folder"):
        Store.open(settings_of(tmp_path / "none"))
