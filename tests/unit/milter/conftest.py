"""A milter daemon of its own for every test that wants one."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.milter.daemon import Daemon


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    """A milter that the test starts; it is gone after the test."""
    # The path of a unix socket has at most 107 octets, fewer than pytest's own folders take.
    with tempfile.TemporaryDirectory(prefix="bg") as folder:
        daemon = Daemon(Path(folder))
        yield daemon
        daemon.close()
