"""An empty store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bouncegate.config.settings import StoreSettings
from bouncegate.config.values import Size
from bouncegate.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(StoreSettings(path=tmp_path, map_size=Size(64 * 2**20)))
    yield store
    store.close()
