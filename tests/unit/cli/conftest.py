"""Runs the command in this process, as a shell would see it."""

import logging
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.stores import open_store

from bouncegate.cli.main import main
from bouncegate.store.store import Store


class Done(NamedTuple):
    """What a call of the command left behind."""

    code: int
    out: str
    err: str


Command = Callable[..., Done]


@contextmanager
def log_given_back() -> Iterator[None]:
    """Let the log be what it was, whatever a daemon that ran in this process has set up.

    Its handler writes to a descriptor that ends with the test, and may be another file's by then.
    """
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config file with a store of its own."""
    (tmp_path / "store").mkdir()
    path = tmp_path / "bouncegate.toml"
    path.write_text(f'[store]\npath = "{tmp_path}/store"\nmap_size = "64 MiB"\n')
    return path


def store_of(config: Path) -> Store:
    """The store of that config file, which the caller closes."""
    return open_store(config.parent / "store")


@pytest.fixture
def bouncegate(
    config: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Command:
    """`bouncegate ARGUMENTS` under that config file."""

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["bouncegate", "--config", str(config), *arguments])
        capfd.readouterr()
        with log_given_back(), pytest.raises(SystemExit) as caught:
            main()
        sys.stdout.flush()
        out, err = capfd.readouterr()
        code = caught.value.code
        return Done(code if isinstance(code, int) else int(code is not None), out, err)

    return run


@pytest.fixture
def mailed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a sendmail(1) that delivers nothing puts its arguments and what it is given."""
    program, taken = tmp_path / "sendmail", tmp_path / "taken"
    program.write_text(f'#!/bin/sh\n{{ echo "$@"; cat; }} > {taken}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr("bouncegate.admin.mail.SENDMAIL", str(program))
    return taken
