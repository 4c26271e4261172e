"""Stores as the tests open them: with a map that is small, and large enough."""

from pathlib import Path

from bouncegate.config.settings import StoreSettings
from bouncegate.config.values import Size
from bouncegate.store.store import Store


def store_settings(folder: Path, size: int = 64 * 2**20) -> StoreSettings:
    return StoreSettings(path=folder, map_size=Size(size))


def open_store(folder: Path, size: int = 64 * 2**20) -> Store:
    """A store to write in, which the caller closes."""
    return Store.open(store_settings(folder, size))
