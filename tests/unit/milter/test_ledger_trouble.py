"""Whatever happens to the ledger, mail flows: what is lost is proof, and the log says so."""

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import lmdb
import pytest
from tests.unit.milter import small_disk
from tests.unit.milter.daemon import Daemon, Section
from tests.unit.milter.locks import put_locks
from tests.unit.milter.mta import Mta

from bouncegate.config.settings import LedgerSettings, StoreSettings
from bouncegate.store.errors import StoreMissing
from bouncegate.store.ledger import Ledger
from lab.waiting import PATIENCE, wait_for

SIGNED: Section = {"domain": "return.sender.test"}
NOT_KEPT_UP = "the ledger does not keep up, sends are not recorded"
SENDER = "news@sender.test"
# Fill the line between worker and ledger writer with few messages.
DOMAIN = ".".join((*(60 * letter for letter in "abc"), "test"))
READERS = [f"<reader{n}@{DOMAIN}>".encode() for n in range(25)]
# Far more than the line holds.
MANY = 5000
OUTBOUND = {
    "{auth_authen}": "newsletter",
    "{client_addr}": "192.0.2.1",
    "{mail_addr}": SENDER,
    "{rcpt_mailer}": "smtp",
}

_numbers = itertools.count()


@pytest.fixture
def mta(daemon: Daemon) -> Iterator[Mta]:
    """A connection to a daemon that signs and keeps a ledger."""
    put_locks(daemon.store, "gone@example.com")
    with ExitStack() as stack:
        yield stack.enter_context(connected(daemon))


@contextmanager
def connected(daemon: Daemon, **ledger: object) -> Iterator[Mta]:
    """Start the daemon and connect to it."""
    daemon.start(return_path=SIGNED, ledger=ledger)
    with Mta(daemon.socket) as mta:
        mta.connect(OUTBOUND)
        yield mta


def send(mta: Mta) -> str:
    """Send a message, which must pass and be signed, whatever else happens; its queue id."""
    queue_id = f"Q{next(_numbers)}"
    mta.mail(OUTBOUND, SENDER)
    assert {mta.rcpt(OUTBOUND, reader).verdict for reader in READERS} == {"c"}
    assert [change for change, _ in mta.changes({"i": queue_id})] == ["e"]
    return queue_id


def send_until(mta: Mta, daemon: Daemon, text: str) -> None:
    """Send messages until the log holds a text."""
    for _ in range(MANY):
        send(mta)
        if text in daemon.text():
            return
    raise AssertionError(daemon.text())


def wait_until_recorded(folder: Path, queue_id: str) -> None:
    """Wait until the ledger in a store's folder knows a message."""
    wait_for(queue_id, lambda: is_recorded(folder, queue_id))


def is_recorded(folder: Path, queue_id: str) -> bool:
    try:
        with closing(Ledger.open(StoreSettings(path=folder), LedgerSettings())) as ledger:
            return ledger.by_name([queue_id]) is not None
    except StoreMissing:
        return False


def ledger_writer_of(daemon: Daemon) -> int:
    """The youngest child, behind two workers."""
    return daemon.wait_for_workers(3)[-1]


def test_a_ledger_writer_that_stands_still_stops_nobody_and_is_told_of_once(
    daemon: Daemon, mta: Mta
) -> None:
    """A disk that stalls looks like this to everybody else."""
    ledger_writer = ledger_writer_of(daemon)
    os.kill(ledger_writer, signal.SIGSTOP)
    first = send(mta)
    send_until(mta, daemon, NOT_KEPT_UP)
    for _ in range(100):
        send(mta)
    assert daemon.text().count(NOT_KEPT_UP) == 1, "then at intervals, with a count"
    os.kill(ledger_writer, signal.SIGCONT)
    wait_until_recorded(daemon.store, first)
    wait_until_recorded(daemon.store, send(mta))


def test_a_ledger_writer_that_dies_is_replaced_while_mail_flows(daemon: Daemon, mta: Mta) -> None:
    ledger_writer = ledger_writer_of(daemon)
    send(mta)
    os.kill(ledger_writer, signal.SIGKILL)
    send_until(mta, daemon, f"ledger-writer {ledger_writer} ended (signal 9)")
    wait_until_recorded(daemon.store, send(mta))


def test_a_ledger_that_cannot_be_opened_is_said_and_mail_flows(daemon: Daemon) -> None:
    put_locks(daemon.store, "gone@example.com")
    (daemon.store / "ledger").write_text("This is no folder.")
    with connected(daemon) as mta:
        send_until(mta, daemon, NOT_KEPT_UP)
    assert f"{daemon.store / 'ledger'}: File exists" in daemon.text()


def test_a_map_that_is_full_is_said_and_mail_flows_until_there_is_room(daemon: Daemon) -> None:
    """Room is made in time; but a reader that hangs keeps all that was ever deleted."""
    put_locks(daemon.store, "gone@example.com")
    with connected(daemon, max_size="1 MiB") as mta:
        wait_until_recorded(daemon.store, send(mta))
        with hanging_reader(daemon.store / "ledger"):
            send_until(mta, daemon, "the map is full: raise max_size in [ledger]")
            send(mta)
        wait_until_recorded_again(daemon.store, mta)
    assert daemon.text().count("the map is full") == 1


def wait_until_recorded_again(folder: Path, mta: Mta) -> None:
    """Wait until a message that is sent from now on is recorded."""

    def recorded() -> bool:
        queue_id = send(mta)
        time.sleep(0.05)
        return is_recorded(folder, queue_id)

    wait_for("a record", recorded)


@contextmanager
def hanging_reader(folder: Path) -> Iterator[None]:
    """A read transaction that does not end."""
    with (
        closing(lmdb.open(str(folder), readonly=True, map_size=2**20, max_dbs=4)) as environment,
        environment.begin(),
    ):
        yield


@pytest.fixture
def may_mount(tmp_path: Path) -> None:
    """Whether this process may mount a disk that nobody else sees."""
    argv = [sys.executable, small_disk.__file__, str(tmp_path), "--help"]
    tried = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if "PermissionError" in tried.stderr:
        pytest.skip(f"a small disk cannot be mounted: {tried.stderr.splitlines()[-1]}")
    assert tried.returncode == 0, tried.stderr


def fill_the_disk(ballast: Path) -> None:
    with ballast.open("wb", 0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_a_disk_that_is_full_is_said_and_mail_flows_until_there_is_room(
    daemon: Daemon, may_mount: None
) -> None:
    put_locks(daemon.store, "gone@example.com")
    (daemon.store / "ledger").mkdir()
    daemon.program = [small_disk.__file__, str(daemon.store / "ledger")]
    with connected(daemon) as mta:
        # The store as the ledger writer sees it, with the small disk in it.
        store = Path(f"/proc/{ledger_writer_of(daemon)}/root") / daemon.store.relative_to("/")
        wait_until_recorded(store, send(mta))
        ballast = store / "ledger" / "ballast"
        fill_the_disk(ballast)
        send_until(mta, daemon, "the disk is full or failing")
        for _ in range(100):
            send(mta)
        assert daemon.text().count("the disk is full") == 1, "then at intervals, with a count"
        ballast.unlink()
        wait_until_recorded_again(store, mta)
