"""SIGTERM ends each daemon in the midst of its work, and what it has in hand is not lost."""

import os
import signal
import smtplib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from lab.waiting import wait_for

from .conftest import store_of
from .daemonprocess import (
    DAEMONS,
    SECONDS,
    children_of,
    configured,
    running,
    started,
    wait_until_blocked,
    waits_for_writers,
    write_lock_held,
)

DSN = b"""From: MAILER-DAEMON@mx.example.net
Message-ID: <1@mx.example.net>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; x@y.example
Action: failed
Status: 5.1.1

--b--
"""
# The return path whose thing of this name takes as long as the message lasts.
SLOW = """
import pathlib, sys, time
from bouncegate.classifier import classified
from bouncegate.store.recording import Recording

classify, record = classified.classify_or_raise, Recording.record

def wait():
    pathlib.Path(sys.argv[2]).with_name("begun").touch()
    time.sleep(3600)

def slow_classify(raw, classifier):
    if b"X-Slow: read" in raw:
        wait()
    return classify(raw, classifier)

def slow_record(self, transaction, bounce, policy):
    if b"X-Slow: record" in bounce.raw:
        wait()
    return record(self, transaction, bounce, policy)

classified.classify_or_raise, Recording.record = slow_classify, slow_record
from bouncegate.cli.main import main
main()
"""
SLOW_COMMAND = (sys.executable, "-c", SLOW)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return configured(tmp_path)


class Delivery:
    """A DSN on its way to the return path, and its reply."""

    def __init__(self, config: Path, field: bytes = b"", more: bytes = b"") -> None:
        self._socket = str(config.with_name("return_path.sock"))
        self._message = field + DSN + more
        self.reply = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with smtplib.LMTP(self._socket, timeout=SECONDS) as client:
            try:
                client.sendmail("<>", ["b@x.example"], self._message)
                self.reply = 250
            except smtplib.SMTPDataError as error:
                self.reply = error.smtp_code
            except smtplib.SMTPRecipientsRefused as error:
                self.reply = next(code for code, _ in error.recipients.values())

    def answered(self) -> int:
        self._thread.join(SECONDS)
        return self.reply


def ended(process: subprocess.Popen[bytes], name: str) -> int:
    """The exit code of a daemon after SIGTERM."""
    process.send_signal(signal.SIGTERM)
    return process.wait(DAEMONS[name])


# -- the return path -----------------------------------------------------------------------------


def test_sigterm_defers_what_the_return_path_has_in_hand_while_another_writes(
    config: Path,
) -> None:
    with running("return-path", config) as process, write_lock_held(config):
        delivery = Delivery(config)
        wait_until_blocked(lambda: children_of(process.pid))
        assert ended(process, "return-path") == 0
        assert delivery.answered() == 451


@pytest.mark.parametrize("what", [b"record", b"read"])
def test_sigterm_defers_what_takes_the_return_path_too_long(config: Path, what: bytes) -> None:
    """And leaves no process behind: each of them has the pipe to which it writes its log."""
    reader, writer = os.pipe()
    more = b"x" * 100_000 if what == b"read" else b""
    with running("return-path", config, writer, SLOW_COMMAND) as process:
        os.close(writer)
        delivery = Delivery(config, b"X-Slow: " + what + b"\n", more)
        wait_for("the begin", config.with_name("begun").exists, SECONDS)
        assert ended(process, "return-path") == 0
        assert delivery.answered() == 451
    with os.fdopen(reader, "rb") as log:
        left = threading.Timer(SECONDS, os.abort)
        left.start()
        assert b"stopping" in log.read()
        left.cancel()


@pytest.mark.parametrize("of", ["store", "ledger"])
def test_sigterm_ends_a_return_path_that_reloads_while_another_writes(
    config: Path, of: str
) -> None:
    with running("return-path", config) as process, write_lock_held(config, of):
        before = children_of(process.pid)
        process.send_signal(signal.SIGHUP)
        if of == "ledger":  # it is opened to write
            wait_until_blocked(lambda: [process.pid, *children_of(process.pid)])
        assert before
        assert ended(process, "return-path") == 0


def test_sigterm_ends_a_return_path_of_which_a_worker_is_stopped(config: Path) -> None:
    with running("return-path", config) as process:
        for child in children_of(process.pid):
            os.kill(child, signal.SIGSTOP)
        assert ended(process, "return-path") == 0


# -- the milter ----------------------------------------------------------------------------------


def ledger_writer_of(milter: int) -> int:
    def found() -> list[int]:
        return [
            child
            for child in children_of(milter)
            if "/ledger/data.mdb" in Path(f"/proc/{child}/maps").read_text()
        ]

    return wait_for("the ledger writer", found, SECONDS)[0]


def test_sigterm_ends_a_milter_whose_ledger_writer_is_stopped(config: Path) -> None:
    with running("milter", config) as process:
        os.kill(ledger_writer_of(process.pid), signal.SIGSTOP)
        assert ended(process, "milter") == 0


def test_sigterm_ends_a_milter_whose_ledger_writer_waits_for_another_writer(config: Path) -> None:
    with write_lock_held(config, "ledger"), running("milter", config) as process:
        wait_until_blocked(lambda: [ledger_writer_of(process.pid)])
        assert ended(process, "milter") == 0


def test_sigterm_ends_a_milter_with_open_sessions(config: Path) -> None:
    with ExitStack() as stack:
        process = stack.enter_context(running("milter", config))
        for _ in range(4):
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.settimeout(SECONDS)
            client.connect(str(config.with_name("milter.sock")))
            # SMFIC_OPTNEG: version 6, all actions, all steps.
            client.sendall(b"\0\0\0\rO\0\0\0\x06\0\0\1\xff\0\x1f\xff\xff")
            assert client.recv(4096)
        assert ended(process, "milter") == 0


# -- maintain ------------------------------------------------------------------------------------


@contextmanager
def silent_name_server(folder: Path) -> Iterator[tuple[Path, socket.socket]]:
    """A config with a name server that never answers, and one domain to ask for."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(SECONDS)
        port = server.getsockname()[1]
        config = configured(
            folder, f'[dns]\nresolvers = ["127.0.0.1:{port}"]\ntimeout = "10 minutes"\n'
        )
        with closing(store_of(config)) as store:
            store.mx.want(["slow.example"], int(time.time()) - 10)
        yield config, server


# A single round that was cut off is to be told from one that was done.
ROUNDS = {(): os.EX_OK, ("--once",): os.EX_TEMPFAIL}


@pytest.mark.parametrize("options", ROUNDS)
def test_sigterm_ends_a_maintain_that_no_name_server_answers(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    with (
        silent_name_server(tmp_path) as (config, server),
        started(["maintain", *options], config) as process,
    ):
        assert server.recv(4096)
        assert ended(process, "maintain") == ROUNDS[options]


@pytest.mark.parametrize("options", ROUNDS)
def test_sigterm_ends_a_maintain_that_waits_for_another_writer(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    """It waits for a name server until the write lock is taken, then for that."""
    with (
        silent_name_server(tmp_path) as (config, server),
        started(["maintain", *options], config) as process,
    ):
        query, client = server.recvfrom(4096)
        with write_lock_held(config):
            while not waits_for_writers(process.pid):
                # Refused (RFC 1035, 4.1.1): that is an answer, and what is learned is written.
                server.sendto(query[:2] + b"\x81\x85" + query[4:], client)
                server.settimeout(0.1)
                with suppress(TimeoutError):
                    query, client = server.recvfrom(4096)
            assert ended(process, "maintain") == ROUNDS[options]


# -- the map -------------------------------------------------------------------------------------


def test_sigterm_ends_a_map_with_a_client_that_reads_no_answer(config: Path) -> None:
    with running("map", config) as process, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(config.with_name("map.sock")))
        client.setblocking(False)
        question = b"transport a@x.example"
        with suppress(BlockingIOError):
            while True:
                client.send(b"%d:%s," % (len(question), question))
        assert ended(process, "map") == 0
