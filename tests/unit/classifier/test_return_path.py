"""The return path from its socket to the store: nothing lost, nothing counted twice."""

import os
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bouncegate.config.settings import StoreSettings
from bouncegate.policy.records import Event
from bouncegate.store.store import Store
from lab.waiting import wait_for

COMMAND = [sys.executable, "-m", "bouncegate.cli"]
SECONDS = 20.0


def dsn(address: str = "ann@example.com", message: str = "1", status: str = "5.1.1") -> bytes:
    """A DSN as RFC 3464 has it."""
    return f"""From: MAILER-DAEMON@mx.example.net\r
To: bounces@example.org\r
Subject: Undelivered Mail\r
Message-ID: <dsn-{message}@mx.example.net>\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r
\r
--b\r
Content-Type: text/plain\r
\r
Your message could not be delivered.\r
--b\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; mx.example.net\r
\r
Final-Recipient: rfc822; {address}\r
Action: failed\r
Status: {status}\r
Diagnostic-Code: smtp; 550 {status} no such user here\r
\r
--b\r
Content-Type: text/rfc822-headers\r
\r
Message-ID: <{message}@example.org>\r
From: news@example.org\r
To: {address}\r
\r
--b--\r
""".encode()


class Handler:
    """A return-path daemon of its own."""

    command = COMMAND

    def __init__(self, folder: Path, *extra: str) -> None:
        self.folder = folder
        self.socket = folder / "r.sock"
        self.config = folder / "bouncegate.toml"
        store = folder / "store"
        store.mkdir(exist_ok=True)
        self.config.write_text(
            f'[store]\npath = "{store}"\nmap_size = "64 MiB"\n'
            f'[return_path]\nsocket = "unix:{self.socket}"\ncount = ["unverified"]\n'
            + "\n".join(extra)
        )
        self.start()

    def start(self) -> None:
        """Start it; on return all workers take DSNs, and those of one that was killed are gone."""
        before = self.log().count("started: ")
        self.launch()
        self.wait_for_log("started: ", before + 1)

    def launch(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command, "--config", str(self.config), "return-path"], stderr=log
            )

    def wait_for_log(self, text: str, times: int = 1) -> None:
        def is_written() -> bool:
            written = self.log().count(text) >= times
            assert written or self.process.poll() is None, self.log()
            return written

        wait_for(f"{text!r} in the log", is_written, log=self.log)

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(SECONDS)

    def deliver(self, raw: bytes, *recipients: str) -> None:
        with smtplib.LMTP(str(self.socket), local_hostname="localhost", timeout=SECONDS) as client:
            client.sendmail("", recipients or ["bounces@example.org"], raw)

    def events(self) -> list[Event]:
        settings = StoreSettings(path=self.folder / "store")
        with closing(Store.open(settings, readonly=True)) as store:
            return [entry for _, entry in store.journal.entries() if isinstance(entry, Event)]


@pytest.fixture
def handler(tmp_path: Path) -> Iterator[Handler]:
    handler = Handler(tmp_path)
    yield handler
    if handler.process.poll() is None:
        handler.stop(signal.SIGKILL)


def test_a_dsn_is_in_the_store_when_it_is_acknowledged(handler: Handler) -> None:
    handler.deliver(dsn())
    handler.stop(signal.SIGKILL)
    (event,) = handler.events()
    assert (event.address, event.reason, event.status) == (
        "ann@example.com",
        "user-unknown",
        "5.1.1",
    )
    assert event.message_id == "<1@example.org>"


def test_one_message_bounces_once_however_often_its_dsn_is_delivered(handler: Handler) -> None:
    for _ in range(3):
        handler.deliver(dsn())
    handler.deliver(dsn(message="2"))
    assert len(handler.events()) == 2
    assert "already counted" in handler.log()


def test_kill_9_at_any_moment_loses_nothing_and_counts_nothing_twice(handler: Handler) -> None:
    acknowledged: set[str] = set()
    stop = threading.Event()

    def deliver(first: int) -> None:
        for number in range(first, first + 40):
            while not stop.is_set():
                try:  # again until acknowledged, as Postfix does
                    handler.deliver(dsn(f"u{number}@example.com", str(number)))
                except (OSError, smtplib.SMTPException):
                    time.sleep(0.02)
                    continue
                acknowledged.add(f"u{number}@example.com")
                break

    threads = [threading.Thread(target=deliver, args=(n * 100,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        time.sleep(0.15)
        handler.stop(signal.SIGKILL)
        handler.start()
    deadline = time.monotonic() + SECONDS
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0))
    stop.set()
    assert not any(thread.is_alive() for thread in threads)
    counted = [event.address for event in handler.events()]
    assert len(acknowledged) == 160
    assert sorted(counted) == sorted(acknowledged)


def _deleted(store: Path) -> None:
    (store / "data.mdb").unlink()


def _replaced(store: Path) -> None:
    shutil.copy(store / "data.mdb", store / "other.mdb")
    (store / "other.mdb").rename(store / "data.mdb")


def _lock_file_removed(store: Path) -> None:
    (store / "lock.mdb").unlink()


@pytest.mark.parametrize("deed", [_deleted, _replaced, _lock_file_removed])
def test_store_files_taken_away_cost_no_acknowledged_dsn_and_are_opened_again(
    handler: Handler, deed: Callable[[Path], None]
) -> None:
    handler.deliver(dsn())
    deed(handler.folder / "store")
    acknowledged = set()
    for number in range(2, 200):
        try:
            handler.deliver(dsn(f"u{number}@example.com", str(number)))
            acknowledged.add(f"u{number}@example.com")
        except (OSError, smtplib.SMTPException):
            time.sleep(0.02)
        if len(acknowledged) >= 20:
            break
    handler.wait_for_log("while it was open: bounces are deferred")
    assert len(acknowledged) == 20
    assert acknowledged <= {event.address for event in handler.events()}


def test_each_recipient_of_a_message_gets_an_answer_of_its_own(handler: Handler) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as client:
        client.settimeout(SECONDS)
        client.connect(str(handler.socket))
        stream = client.makefile("rwb")
        stream.readline()
        stream.write(b"LHLO x\r\n")
        stream.flush()
        while stream.readline()[3:4] == b"-":
            pass
        for line in (
            b"MAIL FROM:<>",
            b"RCPT TO:<a@example.org>",
            b"RCPT TO:<b@example.org>",
            b"DATA",
        ):
            stream.write(line + b"\r\n")
            stream.flush()
            assert stream.readline()[:1] in b"23"
        stream.write(dsn() + b".\r\n")
        stream.flush()
        assert [stream.readline()[:3], stream.readline()[:3]] == [b"250", b"250"]
    assert len(handler.events()) == 1


def test_a_store_that_cannot_take_it_is_a_4xx_and_nothing_is_lost(tmp_path: Path) -> None:
    handler = Handler(tmp_path)
    handler.stop()
    handler.config.write_text(handler.config.read_text().replace("64 MiB", "192 KiB"))
    handler.start()
    refused: list[int] = []
    number, raw = 0, b""
    while not refused and number < 200:
        number += 1
        raw = dsn(f"u{number}@example.com", str(number)) + os.urandom(2000).hex().encode() + b"\r\n"
        try:
            handler.deliver(raw)
        except smtplib.SMTPDataError as error:
            refused.append(error.smtp_code)
    assert refused == [451]
    assert "raise map_size" in handler.log()
    before = len(handler.events())
    handler.stop()
    handler.config.write_text(handler.config.read_text().replace("192 KiB", "64 MiB"))
    handler.start()
    handler.deliver(raw)
    assert len(handler.events()) == before + 1
    handler.stop(signal.SIGKILL)


def test_ordinary_mail_is_taken_and_locks_nobody(handler: Handler) -> None:
    handler.deliver(b"From: ann@example.com\r\nSubject: hello\r\n\r\n550 5.1.1 user unknown\r\n")
    assert handler.events() == []
    assert "no bounce" in handler.log()


def test_a_message_beyond_the_bound_is_refused_and_the_handler_goes_on(tmp_path: Path) -> None:
    handler = Handler(tmp_path, 'max_size = "64 KiB"')
    with pytest.raises(smtplib.SMTPException) as caught:
        handler.deliver(dsn() + b"x" * 70_000 + b"\r\n")
    assert "552" in str(caught.value)
    handler.deliver(dsn())
    assert len(handler.events()) == 1
    handler.stop(signal.SIGKILL)


def test_sigterm_ends_it_cleanly_and_takes_its_socket_away(handler: Handler) -> None:
    handler.deliver(dsn())
    assert handler.stop() == 0
    assert not handler.socket.exists()


def test_a_socket_that_a_killed_handler_left_is_replaced_and_a_live_one_is_not(
    handler: Handler,
) -> None:
    handler.stop(signal.SIGKILL)
    assert handler.socket.exists()
    handler.start()
    second = subprocess.run(
        [*COMMAND, "--config", str(handler.config), "return-path"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert second.returncode == os.EX_UNAVAILABLE
    assert "another process serves it" in second.stderr
    handler.deliver(dsn())


def receive(config: Path, raw: bytes, *to: str) -> subprocess.CompletedProcess[bytes]:
    command = [*COMMAND, "--config", str(config), "receive", *to]
    return subprocess.run(command, input=raw, capture_output=True, timeout=SECONDS, check=False)


def test_receive_exits_0_only_when_the_dsn_is_durable(handler: Handler) -> None:
    assert receive(handler.config, dsn()).returncode == 0
    assert len(handler.events()) == 1
    assert receive(handler.config, b"Subject: hello\n\nhello\n").returncode == 0
    assert len(handler.events()) == 1


def test_two_handlers_that_take_copies_at_the_same_moment_count_one(handler: Handler) -> None:
    command = [*COMMAND, "--config", str(handler.config), "receive"]
    copies = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for _ in range(3)
    ]
    for copy in copies:
        assert copy.stdin is not None
        copy.stdin.write(dsn())
    for copy in copies:
        assert copy.stdin is not None
        copy.stdin.close()
    handler.deliver(dsn())
    assert [copy.wait(SECONDS) for copy in copies] == [0, 0, 0]
    assert len(handler.events()) == 1


def test_receive_exits_75_for_whatever_stands_in_the_way(handler: Handler) -> None:
    # pipe(8) drops the DSN of a command that fails in any other way.
    good = handler.config.read_text()
    for bad in (good.replace("path =", "psth ="), good.replace("/store", "/nowhere")):
        handler.config.write_text(bad)
        assert receive(handler.config, dsn()).returncode == os.EX_TEMPFAIL
    handler.config.write_text(good + 'max_size = "100 B"\n')
    assert receive(handler.config, dsn()).returncode == os.EX_TEMPFAIL


def test_receive_defers_mail_for_a_person_of_the_return_domain(handler: Handler) -> None:
    """What it does not record it throws away; Postfix must know another way for this."""
    handler.config.write_text(handler.config.read_text() + 'domain = "return.example.org"\n')
    mail = b"Subject: hello\n\nhello\n"
    deferred = receive(handler.config, mail, '"Postmaster"@return.example.org.')
    assert deferred.returncode == os.EX_TEMPFAIL
    assert b"is a person" in deferred.stderr
    assert receive(handler.config, mail, "bounces@return.example.org").returncode == 0
