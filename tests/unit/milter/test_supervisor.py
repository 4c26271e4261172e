"""The daemon as a process: workers are replaced, SIGTERM ends it, nothing is left behind."""

import os
import signal
import socket
import stat
from pathlib import Path

import pytest
from tests.unit.milter.daemon import Daemon
from tests.unit.milter.locks import put_locks
from tests.unit.milter.mta import ANY_WITHOUT_REPLY, NO_DATA, Answer, Mta

from bouncegate.config.settings import StoreSettings
from bouncegate.store.layout import META, open_environment
from lab.processes import is_running
from lab.waiting import PATIENCE, wait_for

PASSES = Answer("c")


def ended(pid: int) -> bool:
    """Whether a process is gone within a reasonable time."""
    return wait_for(f"the end of {pid}", lambda: not is_running(pid))


def test_as_many_workers_run_as_the_setting_says(daemon: Daemon) -> None:
    daemon.start(milter={"workers": 3})
    assert len(daemon.workers()) == 3


def test_a_worker_that_is_killed_is_replaced_and_the_others_go_on(daemon: Daemon) -> None:
    put_locks(daemon.store, "gone@example.com")
    daemon.start()
    first, second = daemon.workers()
    os.kill(first, signal.SIGKILL)
    daemon.wait_for_log(f"worker {first} ended (signal 9)")
    workers = daemon.wait_for_workers(2)
    assert second in workers
    assert first not in workers
    with Mta(daemon.socket) as mta:
        assert mta.probe() == PASSES


def test_a_worker_that_ends_by_sigterm_takes_the_socket_from_nobody(daemon: Daemon) -> None:
    """libmilter unlinks the path of its socket when a process that used it ends."""
    daemon.start()
    first, _ = daemon.workers()
    os.kill(first, signal.SIGTERM)
    daemon.wait_for_log(f"worker {first} ended (")
    daemon.wait_for_workers(2)
    with Mta(daemon.socket) as mta:
        assert mta.probe() == PASSES


def test_a_crash_loop_backs_off_and_says_so(daemon: Daemon) -> None:
    daemon.start(milter={"workers": 1})
    for _ in range(2):
        (worker,) = daemon.wait_for_workers(1)
        os.kill(worker, signal.SIGKILL)
        daemon.wait_for_log(f"worker {worker} ended (signal 9)")
    assert "the next one starts now" in daemon.text()
    assert "the next one starts in 1 s" in daemon.text()
    daemon.wait_for_workers(1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything_within_six_seconds(
    daemon: Daemon, number: signal.Signals
) -> None:
    daemon.start()
    workers = daemon.workers()
    with Mta(daemon.socket) as session:
        assert session.probe() == PASSES
        daemon.process.send_signal(number)
        assert daemon.process.wait(6.0) == 0
        with pytest.raises(ConnectionError):
            session.probe()
    assert all(ended(worker) for worker in workers)
    assert not daemon.socket.exists()
    assert list(daemon.folder.glob(".*")) == []


def test_a_worker_that_hangs_does_not_keep_the_daemon_from_ending(daemon: Daemon) -> None:
    daemon.start()
    worker, _ = daemon.workers()
    os.kill(worker, signal.SIGSTOP)
    daemon.process.terminate()
    assert daemon.process.wait(6.0) == 0
    assert ended(worker)


def test_workers_do_not_outlive_a_supervisor_that_was_killed(daemon: Daemon) -> None:
    """They would go on answering by a configuration that nobody can change any more."""
    daemon.start()
    workers = daemon.workers()
    daemon.process.kill()
    daemon.process.wait(PATIENCE)
    assert all(ended(worker) for worker in workers)


def test_the_socket_a_dead_daemon_left_behind_is_replaced(daemon: Daemon) -> None:
    daemon.start()
    daemon.process.kill()
    daemon.process.wait(PATIENCE)
    assert daemon.socket.exists()
    daemon.log.unlink()
    daemon.start()
    with Mta(daemon.socket) as mta:
        assert mta.probe() == PASSES


def test_only_the_owner_and_the_group_reach_the_socket(daemon: Daemon) -> None:
    daemon.start()
    assert stat.S_IMODE(daemon.socket.stat().st_mode) == 0o660


def test_a_second_daemon_on_the_same_socket_ends_with_an_error_and_harms_nobody(
    daemon: Daemon,
) -> None:
    daemon.start()
    second = Daemon(daemon.folder)
    second.launch()
    assert second.process.wait(PATIENCE) == os.EX_UNAVAILABLE
    assert "somebody listens there already" in second.text()
    assert "Traceback" not in second.text()
    with Mta(daemon.socket) as mta:
        assert mta.probe() == PASSES


def test_a_file_in_the_place_of_the_socket_is_not_removed(daemon: Daemon) -> None:
    daemon.socket.write_text("precious")
    daemon.launch()
    assert daemon.process.wait(PATIENCE) == os.EX_CANTCREAT
    assert "is no socket" in daemon.text()
    assert daemon.socket.read_text() == "precious"


def test_a_missing_folder_of_the_socket_is_told(daemon: Daemon) -> None:
    daemon.launch(milter={"socket": f"unix:{daemon.folder}/missing/milter.sock"})
    assert daemon.process.wait(PATIENCE) == os.EX_CANTCREAT
    assert "missing/milter.sock" in daemon.text()
    assert "Traceback" not in daemon.text()


def test_a_store_of_another_layout_ends_the_start_with_an_error(daemon: Daemon) -> None:
    put_locks(daemon.store, "gone@example.com")
    environment = open_environment(StoreSettings(path=daemon.store), readonly=False)
    with environment.begin(write=True, db=environment.open_db(META)) as transaction:
        transaction.put(b"layout", (99).to_bytes(4, "big"))
    environment.close()
    daemon.launch()
    assert daemon.process.wait(PATIENCE) == os.EX_CONFIG
    assert "layout 99" in daemon.text()
    assert "Traceback" not in daemon.text()
    assert not daemon.socket.exists()


def test_over_tcp_every_step_is_answered_and_so_is_data(daemon: Daemon) -> None:
    """Where Postfix writes twice without an answer, each message waits for 40 ms."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    daemon.start(milter={"socket": f"inet:127.0.0.1:{port}", "workers": 1})
    for _ in ("before its macros were seen to arrive", "afterwards"):
        with Mta(port) as mta:
            assert not mta.steps & (ANY_WITHOUT_REPLY | NO_DATA)
            mta.connect({})
            mta.mail({}, "news@sender.test")
            assert mta.rcpt({"{client_addr}": "192.0.2.1"}, b"<a@x.test>") == PASSES


def test_systemd_learns_when_the_daemon_is_ready(daemon: Daemon) -> None:
    """Type=notify: a start job that ends too early lets Postfix meet a closed socket."""
    path = daemon.folder / "notify.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(path))
        notify.settimeout(PATIENCE)
        daemon.environment["NOTIFY_SOCKET"] = str(path)
        daemon.launch()
        assert b"READY=1" in notify.recv(1024)
        with Mta(daemon.socket) as mta:
            assert mta.probe() == PASSES


def test_the_parent_never_carries_an_lmdb_environment_into_its_workers(daemon: Daemon) -> None:
    """LMDB forbids it: locks and reader slots would be torn between the processes."""
    put_locks(daemon.store, "gone@example.com")
    daemon.start()
    assert "data.mdb" not in Path(f"/proc/{daemon.process.pid}/maps").read_text()
    for worker in daemon.workers():
        assert "data.mdb" in Path(f"/proc/{worker}/maps").read_text()
