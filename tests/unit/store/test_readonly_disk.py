"""Locks are read from a disk that has become read-only: the milter goes on refusing."""

import errno
import os
from contextlib import closing
from pathlib import Path

import pytest

from bouncegate.config.settings import StoreSettings
from bouncegate.store.locktable import LockTable
from bouncegate.store.store import Store


def test_a_reader_of_a_store_writes_nothing_not_even_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = StoreSettings(path=tmp_path)
    with closing(Store.open(settings)):
        pass

    def chown(path: Path, *_owner: int) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", chown)
    LockTable.open(settings).close()
