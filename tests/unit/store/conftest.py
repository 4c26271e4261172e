"""The settings of the store that the fixture `store` opens."""

from pathlib import Path

import pytest
from tests.stores import store_settings

from bouncegate.config.settings import StoreSettings


@pytest.fixture
def settings(tmp_path: Path) -> StoreSettings:
    return store_settings(tmp_path)
