"""What the milter counts for [metrics]: every recipient, whichever process of it answers."""

import os
import signal
import time
from pathlib import Path

from tests.unit.milter.daemon import Daemon
from tests.unit.milter.locks import put_locks
from tests.unit.milter.mta import Mta

from bouncegate.daemon.scoreboard import Name, Snapshot

OUTBOUND = {
    "{auth_authen}": "newsletter",
    "{client_addr}": "192.0.2.1",
    "{mail_addr}": "news@sender.test",
    "{rcpt_mailer}": "smtp",
    "i": "ABC",
}
LOCAL = {**OUTBOUND, "{rcpt_mailer}": "local"}


def asked_for(folder: Path) -> dict[str, object]:
    return {"textfile": f"{folder}/figures.prom", "counters": f"{folder}/counters"}


def sums(daemon: Daemon) -> dict[Name, int]:
    tally = Snapshot.read(daemon.folder / "counters" / "milter")
    assert tally is not None
    return tally.sums()


def answers(daemon: Daemon) -> int:
    return sum(n for name, n in sums(daemon).items() if name[:2] == ("recipient", "bits"))


def ask(daemon: Daemon, *recipients: bytes, macros: dict[str, str] = OUTBOUND) -> None:
    with Mta(daemon.socket) as mta:
        mta.connect(macros)
        mta.mail(macros, "news@sender.test")
        for recipient in recipients:
            mta.rcpt(macros, recipient)


def test_decisions_are_counted_by_outcome_and_reason_over_all_workers(daemon: Daemon) -> None:
    put_locks(daemon.store, "gone@example.com")
    daemon.start(metrics=asked_for(daemon.folder))
    for _ in range(12):  # more sessions than workers
        ask(daemon, b"<gone@example.com>", b"<here@example.com>")
    ask(daemon, b"<gone@example.com>", macros=LOCAL)
    found = sums(daemon)
    assert found["decision", "refused", "user-unknown"] == 12
    assert found["decision", "delivered-here", "user-unknown"] == 1
    assert answers(daemon) == 25
    assert found["recipient", "sum"] > 0


def test_counts_go_on_when_workers_die_and_when_settings_are_taken_anew(daemon: Daemon) -> None:
    """Prometheus takes a count that goes back for a restart, and shows a burst that never was."""
    daemon.start(metrics=asked_for(daemon.folder))
    for _ in range(6):
        ask(daemon, b"<a@example.com>", b"<b@example.com>")
    for pid in daemon.workers():
        os.kill(pid, signal.SIGKILL)
    daemon.wait_for_log("signal 9", 2)
    daemon.wait_for_workers(2)
    ask(daemon, b"<a@example.com>")
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for_log("reloaded: ")
    ask(daemon, b"<a@example.com>")
    assert answers(daemon) == 14


def test_counts_go_on_when_new_code_is_taken_and_old_sessions_end(daemon: Daemon) -> None:
    daemon.start(metrics=asked_for(daemon.folder))
    with Mta(daemon.socket) as held:
        held.connect(OUTBOUND)
        held.mail(OUTBOUND, "news@sender.test")
        held.rcpt(OUTBOUND, b"<a@example.com>")
        for times in (1, 2):
            daemon.process.send_signal(signal.SIGUSR2)
            daemon.wait_for_log("reloaded: ", times)
            ask(daemon, b"<b@example.com>")
        assert answers(daemon) == 3
        held.rcpt(OUTBOUND, b"<c@example.com>")
        assert answers(daemon) == 4
    daemon.wait_for_log("of the old settings ended", 4)
    assert answers(daemon) == 4


def test_counts_begin_when_a_reload_asks_for_them(daemon: Daemon) -> None:
    put_locks(daemon.store)
    daemon.start()
    ask(daemon, b"<a@example.com>")
    daemon.write_config(metrics=asked_for(daemon.folder))
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for_log("reloaded: ")
    ask(daemon, b"<a@example.com>")
    assert answers(daemon) == 1
    daemon.process.send_signal(signal.SIGUSR2)
    daemon.wait_for_log("reloaded: ", 2)
    assert answers(daemon) == 1


def test_who_comes_to_the_return_domain_is_counted_by_what_its_address_proves(
    daemon: Daemon,
) -> None:
    """Many that are forged are somebody who tries to lock an address; unknown keys a lost file."""
    put_locks(daemon.store)
    domain: dict[str, object] = {"domain": "return.sender.test"}
    daemon.start(metrics=asked_for(daemon.folder), return_path=domain)
    ask(daemon, b"<made-up@return.sender.test>", b"<a@example.com>")
    assert sums(daemon)["door", "no-token"] == 1
    assert sums(daemon)["door", "good"] == 0


def test_a_recipient_that_cannot_be_judged_is_counted(daemon: Daemon) -> None:
    daemon.start(metrics=asked_for(daemon.folder))  # there is no store
    ask(daemon, b"<a@example.com>")
    assert sums(daemon)["error",] == 1


def test_sends_that_the_ledger_was_told_of_are_counted(daemon: Daemon) -> None:
    put_locks(daemon.store)
    daemon.start(metrics=asked_for(daemon.folder), ledger={"enabled": True})
    with Mta(daemon.socket) as mta:
        mta.connect(OUTBOUND)
        mta.mail(OUTBOUND, "news@sender.test")
        mta.rcpt(OUTBOUND, b"<a@example.com>")
        mta.changes({"i": "ABC"})
    found = sums(daemon)
    assert found["send", "recorded"] == 1
    assert found["send", "lost"] == 0
    assert abs(found["last-send",] - time.time()) < 3600


def test_nothing_is_counted_where_nobody_asks(daemon: Daemon) -> None:
    put_locks(daemon.store)
    daemon.start(metrics={"counters": f"{daemon.folder}/counters"})
    ask(daemon, b"<a@example.com>")
    assert not (daemon.folder / "counters").exists()
