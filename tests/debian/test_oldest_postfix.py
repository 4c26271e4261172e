"""The oldest Postfix that we say we work with, by the lines that `enable --print` has for it."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from lab.waiting import wait_for

from .cell import Cell
from .suite import Suite
from .test_package import mailed

# Debian 11.
SUITE = Suite("bullseye")
VERSION = "3.5."
COMMAND = Path(sys.executable).with_name("bouncegate")
GONE = "gone@recipients.test"
# An address that is no loopback: for other hosts.
ADDRESS = "192.0.2.1"


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    if not os.environ.get("BOUNCEGATE_SUITE") and not os.environ.get("BOUNCEGATE_DEB"):
        pytest.skip("it needs a root of its own; ./run deb --test makes it")
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        pytest.skip("a clean root needs root and debootstrap; ./run deb --test has both")
    with tempfile.TemporaryDirectory(prefix="bouncegate-oldest-") as name:
        root = Path(name) / "root"
        SUITE.make_root(root, ("postfix",))
        yield root


def test_oldest_postfix_is_attached_by_printed_lines_and_refuses(
    root: Path, tmp_path: Path
) -> None:
    config = tmp_path / "bouncegate.toml"
    config.write_text(
        f'[store]\npath = "{tmp_path}/store"\nmap_size = "64 MiB"\n[dns]\nenabled = false\n'
        f'[milter]\nmode = "enforce"\nsocket = "inet:{ADDRESS}:8892"\n'
        f'[return_path]\ndomain = "return.sender.test"\nsocket = "inet:{ADDRESS}:8893"\n'
    )
    (tmp_path / "store").mkdir()
    with Cell(root) as cell, ExitStack() as stack:
        assert cell.run("postconf", "-h", "mail_version").stdout.startswith(VERSION)
        cell.beside("ip", "address", "add", f"{ADDRESS}/32", "dev", "lo")
        cell.shell(
            "postconf -e 'relayhost = [127.0.0.1]:2525' inet_protocols=ipv4 "
            "myhostname=mail.sender.test maillog_file=/var/log/mail.log; "
            "postfix start"
        )
        remote = str(Path(__file__).with_name("remote.py"))
        # A store that begins while a milter runs is opened within a second: the send may be sooner.
        cell.beside(*bouncegate(config, "lock", "else@recipients.test"))
        for argv in (
            (sys.executable, remote, "2525"),
            *(bouncegate(config, name) for name in ("milter", "return-path")),
        ):
            process = stack.enter_context(cell.start_beside(*argv))
            stack.callback(process.terminate)
        for name in ("milter", "return-path"):
            cell_has(cell, config, name)
        lines = cell.beside(*bouncegate(config, "postfix", "enable", "--print")).stdout
        cell.shell(lines)
        cell.shell(lines)
        attached(cell, config)


def bouncegate(config: Path, *words: str) -> list[str]:
    return [str(COMMAND), "--config", str(config), *words]


def cell_has(cell: Cell, config: Path, name: str) -> None:
    """Wait until a daemon answers there."""

    def answers() -> bool:
        try:
            cell.beside(*bouncegate(config, "doctor", "--daemon", name))
        except AssertionError:
            return False
        return True

    wait_for(f"{name} answers", answers, 60)


def attached(cell: Cell, config: Path) -> None:
    """A bounce comes back, and the next send is refused."""
    assert mailed(cell, GONE) == "250"

    def is_locked() -> bool:
        return '"locked":true' in cell.beside(*bouncegate(config, "show", "--json", GONE)).stdout

    wait_for("the bounce locks", is_locked, 60, log=(cell.root / "var/log/mail.log").read_text)
    refusal = mailed(cell, GONE)
    assert refusal.startswith("550 5.1.1 "), refusal
