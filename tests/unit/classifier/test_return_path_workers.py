"""The return path in several processes: they count as one, and none of them takes a DSN with it."""

import os
import select
import signal
import smtplib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bouncegate.classifier.returnpath.handler import MOST_CONNECTIONS
from bouncegate.daemon.scoreboard import Snapshot

from .test_return_path import SECONDS, Handler, dsn

TO = "bounces@example.org"
Session = smtplib.LMTP


class Workers(Handler):
    """A return path with two workers."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            folder,
            f'workers = 2\n[metrics]\ncounters = "{folder}/counters"\n'
            f'textfile = "{folder}/figures.prom"\n',
        )

    def pids(self) -> list[int]:
        pid = self.process.pid
        return [int(w) for w in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def session(self) -> Session:
        session = Session(str(self.socket), local_hostname="localhost", timeout=SECONDS)
        session.ehlo()  # says LHLO
        return session

    @contextmanager
    def only(self, pid: int) -> Iterator[None]:
        """Let no other worker do anything."""
        others = [other for other in self.pids() if other != pid]
        for other in others:
            os.kill(other, signal.SIGSTOP)
        try:
            yield
        finally:
            for other in others:
                os.kill(other, signal.SIGCONT)

    def session_with(self, pid: int) -> Session:
        """A session that this worker serves."""
        with self.only(pid):
            return self.session()

    def counted(self) -> int:
        """Messages that all workers together have counted as recorded."""
        tally = Snapshot.read(self.folder / "counters" / "return-path")
        assert tally is not None
        return tally.sums()["result", "recorded"]

    def reload(self) -> None:
        before = self.log().count("reload")
        self.process.send_signal(signal.SIGHUP)
        self.wait_for_log("reload", before + 1)


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    workers = Workers(tmp_path)
    yield workers
    if workers.process.poll() is None:
        workers.stop(signal.SIGKILL)


def test_copies_that_two_workers_take_at_the_same_moment_count_once(workers: Workers) -> None:
    """Postfix hands over copies of a DSN over several connections; one lock must not become two."""
    sessions = [workers.session_with(pid) for pid in workers.pids()]
    barrier = threading.Barrier(len(sessions))

    def deliver(session: Session) -> None:
        for number in range(20):
            barrier.wait(SECONDS)
            session.sendmail("", [TO], dsn(f"u{number}@example.com", str(number)))

    threads = [threading.Thread(target=deliver, args=(session,)) for session in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    for session in sessions:
        session.close()
    assert len(workers.events()) == 20
    assert workers.counted() == 40


def test_kill_9_of_one_worker_loses_nothing_and_the_other_goes_on(workers: Workers) -> None:
    acknowledged: list[str] = []
    done = threading.Event()

    def deliver(first: int) -> None:
        for number in range(first, first + 40):
            address = f"u{number}@example.com"
            while not done.is_set():
                try:  # again until acknowledged, as Postfix does
                    workers.deliver(dsn(address, str(number)))
                except (OSError, smtplib.SMTPException):
                    continue
                acknowledged.append(address)
                break

    threads = [threading.Thread(target=deliver, args=(n * 100,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for times in range(1, 4):
        time.sleep(0.1)
        os.kill(workers.pids()[0], signal.SIGKILL)
        workers.wait_for_log("ended (signal 9)", times)
    for thread in threads:
        thread.join(SECONDS)
    done.set()
    assert len(acknowledged) == 160
    assert sorted(event.address for event in workers.events()) == sorted(acknowledged)
    assert workers.counted() == 160


def test_connections_are_shared_out_among_the_workers(workers: Workers) -> None:
    """One worker with all of them would leave the other cores idle."""
    before = [_sockets(pid) for pid in workers.pids()]
    sessions = [workers.session() for _ in range(8)]
    after = [_sockets(pid) for pid in workers.pids()]
    assert [now - then for then, now in zip(before, after, strict=True)] == [4, 4]
    for session in sessions:
        session.close()


def test_a_worker_that_hangs_keeps_no_connection_waiting(workers: Workers) -> None:
    first, _ = workers.pids()
    with (
        workers.session_with(first),
        workers.session_with(first),
        workers.session_with(first) as third,
        workers.only(first),
    ):
        third.sendmail("", [TO], dsn())
        assert len(workers.events()) == 1


def test_new_settings_hold_for_new_sessions_and_the_old_ones_go_on(workers: Workers) -> None:
    old = workers.pids()
    with workers.session_with(old[0]) as held:
        text = workers.config.read_text()
        workers.config.write_text(text.replace('["unverified"]', '["signed"]'))
        workers.reload()
        assert "reloaded: 2 workers" in workers.log()
        workers.deliver(dsn("new@example.com", "1"))
        held.sendmail("", [TO], dsn("old@example.com", "2"))
        assert old[0] in workers.pids()
    workers.wait_for_log("of the old settings ended (exit code 0)", 2)
    assert set(old).isdisjoint(workers.pids())
    told = {
        line.partition(" to=<")[2].partition("@")[0]: line for line in workers.log().split("\n")
    }
    assert told["new"].endswith(": not counted: unverified")
    assert ": counted; locked until" in told["old"]
    assert len(workers.events()) == 2


@pytest.mark.parametrize(
    "bad",
    ["[return_path]\ncuont = []\n", '[rules]\nfolder = "{folder}/rules"\n'],
    ids=["config", "rules"],
)
def test_bad_settings_and_rules_are_told_and_the_old_ones_stay(workers: Workers, bad: str) -> None:
    rules = workers.folder / "rules"
    rules.mkdir()
    (rules / "own.toml").write_text("[[rule]]\nnonsense = 1\n")
    pids = workers.pids()
    good = workers.config.read_text()
    workers.config.write_text(
        bad.format(folder=workers.folder) + good.replace("[return_path]", "#")
        if bad.startswith("[return")
        else good + bad.format(folder=workers.folder)
    )
    workers.reload()
    workers.wait_for_log("reload: the old settings stay in force")
    assert workers.pids() == pids
    workers.deliver(dsn())
    assert len(workers.events()) == 1


def test_sigterm_answers_messages_in_progress(workers: Workers) -> None:
    """A DSN that is recorded but not acknowledged comes again, which is work for nothing.

    What comes when all before it are answered, and the worker ends, is deferred unrecorded.
    """
    answers: list[int] = []

    def deliver(session: Session) -> None:
        with suppress(smtplib.SMTPServerDisconnected):
            for number in range(1000):
                session.mail("")
                session.rcpt(TO)
                session.docmd("DATA")
                session.send(dsn(f"u{number}@example.com", str(number)) + b".\r\n")
                answers.append(session.getreply()[0])

    with workers.session() as session:
        thread = threading.Thread(target=deliver, args=(session,))
        thread.start()
        time.sleep(0.2)
        assert workers.stop() == 0
        thread.join(SECONDS)
    recorded = len(workers.events())
    assert recorded > 0
    assert answers == [250] * recorded + [451] * (len(answers) - recorded)


def _sockets(pid: int) -> int:
    return sum(link.readlink().name.startswith("socket:") for link in _descriptors(pid))


def _descriptors(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/fd").iterdir())


def test_idle_connections_shut_nobody_out(workers: Workers) -> None:
    """As many as there are places are taken by clients that say nothing: a DSN still gets in."""
    idle = [socket.socket(socket.AF_UNIX) for _ in range(MOST_CONNECTIONS + 1)]
    try:
        for client in idle:
            client.settimeout(SECONDS)
            client.connect(str(workers.socket))
            assert client.recv(100).startswith(b"220 ")
        for number in range(5):
            workers.deliver(dsn(f"u{number}@example.com", str(number)))
        assert len(workers.events()) == 5
        closed = [client for client in idle if select.select([client], [], [], 0)[0]]
        assert closed
        assert all(client.recv(100).startswith(b"421 4.3.2 ") for client in closed)
        assert len(closed) < len(idle) / 4
    finally:
        for client in idle:
            client.close()
