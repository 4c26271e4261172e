"""SIGHUP at the daemons without sessions of their own, and the map: new settings, or the old ones.

A daemon that a bad file ended would leave an administrator without protection for a typo.
"""

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.stores import store_settings
from tests.unit.milter.lookup.test_daemon import Connection

from bouncegate.config.settings import LedgerSettings
from bouncegate.milter.lookup.netstring import encode
from bouncegate.store.ledger import Ledger
from lab.bouncegate import COMMAND
from lab.folder import LabFolder, Process
from lab.notify import NotifySocket
from lab.waiting import wait_for

GOOD = '[log]\nlevel = "debug"\n[reply]\ntext = "no longer"\n[dns]\nenabled = false\n'
BAD = '[log]\nlevel = "loud"\n'


class Site:
    """One daemon with a config file that changes."""

    def __init__(self, folder: LabFolder) -> None:
        self.folder = folder
        self.map_socket = folder.path / "map.sock"
        self._config = folder.path / "bouncegate.toml"
        self._head = (
            f'[store]\npath = "{folder.path}/store"\nmap_size = "64 MiB"\n'
            f'[map]\nsocket = "unix:{self.map_socket}"\n'
        )
        (folder.path / "store").mkdir()
        self.configure("[dns]\nenabled = false\n")

    def configure(self, more: str) -> None:
        self._config.write_text(self._head + more)

    def start(self, daemon: str) -> Process:
        argv = [str(COMMAND), "--config", str(self._config), daemon]
        with NotifySocket(self.folder.path / "notify") as notify:
            process = self.folder.start(daemon, argv, NOTIFY_SOCKET=str(notify.path))
            process.wait_until("it is ready", notify.is_ready)
        return process

    def lock(self, address: str) -> None:
        argv = [str(COMMAND), "--config", str(self._config), "lock", address]
        subprocess.run(argv, check=True, capture_output=True, timeout=60)


@pytest.fixture
def site() -> Iterator[Site]:
    with LabFolder() as folder:
        yield Site(folder)


def said(process: Process, text: str) -> None:
    process.wait_until(f"it says {text!r}", lambda: text in process.log.read_text())


def test_maintain_begins_anew_as_the_same_process(site: Site) -> None:
    process = site.start("maintain")
    before = Path(f"/proc/{process.pid}/stat").read_text().split()[21]
    site.configure(BAD)
    process.send_signal(signal.SIGHUP)
    said(process, "reload: the old settings stay in force")
    assert "level" in process.log.read_text()
    site.configure(GOOD)
    with NotifySocket(site.folder.path / "notify") as notify:
        process.send_signal(signal.SIGHUP)
        process.wait_until("it is ready again", notify.is_ready)
    assert Path(f"/proc/{process.pid}/stat").read_text().split()[21] == before, "the same process"
    assert process.stop() == 0


def test_maintain_keeps_no_file_open_beyond_a_reload(site: Site) -> None:
    log = site.folder.path / "mail.log"
    log.touch()
    site.configure(
        f"[dns]\nenabled = false\n[ledger]\nenabled = true\n"
        f'[maillog]\nsource = "file"\nfile = "{log}"\n'
    )
    Ledger.open(
        store_settings(site.folder.path / "store"), LedgerSettings(), readonly=False
    ).close()
    process = site.start("maintain")
    files = Path(f"/proc/{process.pid}/fd")

    def ledger_files() -> int:
        found = (path.readlink() for path in files.iterdir() if path.is_symlink())
        return sum("ledger" in path.parts for path in found)

    def settled() -> int:
        wait_for("the ledger is open", lambda: ledger_files() > 0)
        time.sleep(1.5)  # until all tasks have begun
        return ledger_files()

    before = settled()
    for _ in range(3):
        with NotifySocket(site.folder.path / "notify") as notify:
            process.send_signal(signal.SIGHUP)
            process.wait_until("it is ready again", notify.is_ready)
    assert settled() == before
    assert process.stop() == 0


def test_the_map_answers_by_new_settings_on_connections_that_are_open(site: Site) -> None:
    site.lock("gone@example.org")
    process = site.start("map")
    client = Connection(site.map_socket)
    before = client.ask("gone@example.org")
    site.configure(BAD)
    process.send_signal(signal.SIGHUP)
    said(process, "reload: the old settings stay in force")
    assert client.ask("gone@example.org") == before
    site.configure(GOOD)
    process.send_signal(signal.SIGHUP)
    said(process, "reloaded")
    wait_for("the new text", lambda: b"no longer" in client.ask("gone@example.org"))
    client.send(encode(b"transport other@example.org"))
    assert client.read() == b"NOTFOUND "
    client.close()
    assert process.stop() == 0
