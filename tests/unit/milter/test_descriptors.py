"""A worker without a free descriptor says so, keeps its heartbeat, and ends as it is told to."""

import errno
import logging
import os
import subprocess
import sys

import pytest

from bouncegate.milter.worker import Descriptors

# The sessions take every descriptor; then the worker is told to retire, with one session open.
_WORKER = """
import os, resource, signal, socket, sys, threading, time
from bouncegate.daemon.child import DRAIN
from bouncegate.daemon.scoreboard import INTERVAL, Scoreboard
from bouncegate.milter.gracefulexit import keep

signal.pthread_sigmask(signal.SIG_BLOCK, {DRAIN})
listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
session, _ = listener.accept()
resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))
(row,) = Scoreboard.in_memory(()).take(1)
keep(row, 60.0, lambda: os.close(os.open(os.devnull, os.O_RDONLY)))
taken = []
try:
    while True:
        taken.append(os.dup(0))
except OSError:
    print("exhausted", flush=True)
beats = row.beats
while row.beats < beats + 2:
    time.sleep(0.05)
print("beats", flush=True)
threading.Timer(2 * INTERVAL, session.close).start()
os.kill(os.getpid(), DRAIN)
while True:
    time.sleep(0.05)
"""


def test_a_worker_without_a_descriptor_keeps_its_heartbeat_and_retires_with_its_last_session() -> (
    None
):
    done = subprocess.run(
        [sys.executable, "-c", _WORKER],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stdout.split()) == (0, ["exhausted", "beats"]), done.stderr


def test_exhausted_descriptors_are_told_once_with_the_limit(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    descriptors = Descriptors()
    descriptors.check()
    assert caplog.records == []
    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
        patch.setattr(os, "open", fail)
        descriptors.check()
        descriptors.check()
    (line,) = caplog.messages
    assert "Too many open files" in line
    assert "raise LimitNOFILE" in line
