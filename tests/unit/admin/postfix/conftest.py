"""Folders with a configuration of Postfix, in which the command runs."""

from pathlib import Path

import pytest
from tests.unit.admin.postfix.place import Make, Place
from tests.unit.cli.conftest import Command, bouncegate, config

__all__ = ["bouncegate", "config"]


@pytest.fixture
def place(tmp_path: Path, bouncegate: Command) -> Make:
    """Makes a site's folders."""
    return lambda site: Place(tmp_path, site, bouncegate)
