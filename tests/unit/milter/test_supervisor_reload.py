"""SIGHUP takes new settings without dropping a session, and keeps the old ones if they are bad."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from tests.unit.milter import impatient
from tests.unit.milter.daemon import Daemon
from tests.unit.milter.locks import put_locks
from tests.unit.milter.mta import Answer, Mta

GONE = b"<gone@example.com>"
OUTBOUND = {
    "{auth_authen}": "newsletter",
    "{client_addr}": "192.0.2.1",
    "{mail_addr}": "news@sender.test",
    "{rcpt_mailer}": "smtp",
}
PASSES = Answer("c")


def ask(mta: Mta) -> str:
    mta.connect(OUTBOUND)
    mta.mail(OUTBOUND, "news@sender.test")
    return mta.rcpt(OUTBOUND, GONE).verdict


def reload(daemon: Daemon, times: int = 1) -> None:
    """Reload the settings; the log then says so `times` times."""
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for_log("reloaded: ", times)


class Sessions:
    """The sessions of several clients that ask without a pause."""

    def __init__(self, daemon: Daemon) -> None:
        self.failures: list[Exception] = []
        self.passed = 0
        self.done = Event()
        self._daemon = daemon

    def ask(self) -> None:
        while not self.done.is_set() and not self.failures:
            try:
                with Mta(self._daemon.socket) as mta:
                    assert mta.probe() == mta.probe() == PASSES
                self.passed += 1
            except (OSError, AssertionError) as error:
                self.failures.append(error)


@contextmanager
def sessions(daemon: Daemon, clients: int = 4) -> Iterator[Sessions]:
    """Clients that ask until the block ends."""
    seen = Sessions(daemon)
    threads = [Thread(target=seen.ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        seen.done.set()
        for thread in threads:
            thread.join()


def test_new_settings_hold_for_new_sessions_and_the_old_end_undisturbed(daemon: Daemon) -> None:
    """Postfix keeps its connection for a whole SMTP session: one that broke would lose mail."""
    put_locks(daemon.store, "gone@example.com")
    daemon.start(milter={"mode": "enforce"})
    old = daemon.workers()
    with Mta(daemon.socket) as held:
        assert ask(held) == "y"
        daemon.write_config(milter={"mode": "observe", "workers": 3})
        reload(daemon)
        for _ in range(20):
            with Mta(daemon.socket) as fresh:
                assert ask(fresh) == "c"
        assert ask(held) == "y"
        # The one that holds the session stays; the other one has nothing to wait for.
        assert len(set(daemon.wait_for_workers(4)) & set(old)) == 1
        assert ask(held) == "y"
    daemon.wait_until_gone(old)
    assert len(daemon.wait_for_workers(3)) == 3
    assert "killed" not in daemon.text()


def test_no_connection_is_lost_while_one_reload_follows_the_other(daemon: Daemon) -> None:
    daemon.start()
    with sessions(daemon) as seen:
        for count in range(1, 5):
            reload(daemon, count)
    assert seen.failures == []
    assert seen.passed > 20


def test_bad_settings_are_told_one_by_one_and_the_old_ones_stay(daemon: Daemon) -> None:
    daemon.start()
    workers = daemon.workers()
    config = daemon.write_config(milter={"mode": "enfroce", "workers": 99})
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for_log("the old settings stay in force")
    lines = config.read_text().splitlines()
    for key in ("mode", "workers"):
        line = next(n for n, text in enumerate(lines, 1) if text.startswith(f"{key} = "))
        assert f"reload: {config}:{line}: milter.{key}: " in daemon.text()
    assert daemon.workers() == workers
    with Mta(daemon.socket) as mta:
        assert mta.probe() == PASSES


def test_settings_by_which_no_worker_can_start_leave_the_old_ones_in_force(daemon: Daemon) -> None:
    put_locks(daemon.store, "gone@example.com")
    daemon.start()
    workers = daemon.workers()
    keys = daemon.store / "keys"
    keys.write_text("1 2026-01-01 secret\n")
    keys.chmod(0o644)
    daemon.write_config(ledger={"enabled": True})
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for_log("not all workers can work by the new settings")
    assert daemon.workers() == workers
    with Mta(daemon.socket) as mta:
        assert mta.probe() == PASSES


def test_a_new_socket_needs_a_restart_and_the_old_one_is_kept(daemon: Daemon) -> None:
    daemon.start()
    other = daemon.folder / "other.sock"
    daemon.write_config(milter={"socket": f"unix:{other}"})
    reload(daemon)
    assert "that needs a restart" in daemon.text()
    assert not other.exists()
    with Mta(daemon.socket) as mta:
        assert mta.probe() == PASSES


def test_a_session_that_never_ends_is_closed_in_the_end(daemon: Daemon) -> None:
    daemon.program = [impatient.__file__, "30", "1"]
    daemon.start()
    old = daemon.workers()
    with suppress(ConnectionError), Mta(daemon.socket) as held:
        assert held.probe() == PASSES
        reload(daemon)
        daemon.wait_until_gone(old)
    daemon.wait_for_log("1 session still open 1 s after the reload: closed")


def test_the_ledger_goes_on_over_a_reload(daemon: Daemon) -> None:
    put_locks(daemon.store, "gone@example.com")
    daemon.start(ledger={"enabled": True})
    old = daemon.workers()
    assert len(old) == 3  # two workers and the ledger writer
    daemon.write_config(ledger={"enabled": True, "keep": "20 days"})
    reload(daemon)
    daemon.wait_for_log("ledger-writer")
    daemon.wait_until_gone(old)
    daemon.wait_for_workers(3)
    assert "warning" not in daemon.text()


def test_a_worker_that_stands_still_is_killed_and_replaced(daemon: Daemon) -> None:
    """It would go on taking connections and answer none: each would wait for minutes."""
    daemon.program = [impatient.__file__, "3", "300"]
    daemon.start()
    stuck, other = daemon.workers()
    os.kill(stuck, signal.SIGSTOP)
    daemon.wait_for_log(f"worker {stuck} has shown no sign of life for ")
    daemon.wait_for_log(f"worker {stuck} ended (signal 9)")
    workers = daemon.wait_for_workers(2)
    assert other in workers
    assert stuck not in workers
    assert not Path(f"/proc/{stuck}").exists()


def test_workers_that_have_nothing_to_do_show_signs_of_life(daemon: Daemon) -> None:
    daemon.program = [impatient.__file__, "3", "300"]
    daemon.start()
    workers = daemon.workers()
    time.sleep(5)
    assert daemon.workers() == workers


def test_keys_of_an_earlier_version_stop_no_milter_and_its_log_says_what_to_do(
    daemon: Daemon,
) -> None:
    daemon.start(local={"judge": True})
    assert "[local] judge is ignored: " in daemon.text()
    assert "bouncegate postfix enable --map" in daemon.text()
