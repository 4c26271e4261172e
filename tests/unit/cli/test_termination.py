"""SIGTERM ends each daemon, whatever state it is in, within what its unit allows."""

import fcntl
import os
import signal
import socket
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from .daemonprocess import (
    DAEMONS,
    children_of,
    configured,
    running,
    started,
    wait_until_blocked,
    write_lock_held,
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return configured(tmp_path)


def full_pipe(stack: ExitStack) -> int:
    """A pipe that takes no more octet, and that nobody reads."""
    reading, writing = os.pipe()
    stack.callback(os.close, reading)
    stack.callback(os.close, writing)
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"x" * 512)
    except BlockingIOError:
        os.set_blocking(writing, True)
    return writing


@pytest.mark.parametrize("name", DAEMONS)
def test_sigterm_ends_a_daemon_whose_log_nobody_reads(name: str, config: Path) -> None:
    with ExitStack() as stack:
        process = stack.enter_context(running(name, config, full_pipe(stack)))
        process.send_signal(signal.SIGTERM)
        assert process.wait(DAEMONS[name]) == 0


# Where the socket of syslog(3) is.
ELSEWHERE = """
import pathlib, sys
from bouncegate.cli import logs
logs._SYSLOG = pathlib.Path(sys.argv[2]).with_name("syslog")
from bouncegate.cli.main import main
main()
"""
WITH_SYSLOG = (sys.executable, "-c", ELSEWHERE)


@pytest.mark.parametrize("name", DAEMONS)
def test_sigterm_ends_a_daemon_whose_syslog_is_stopped(name: str, config: Path) -> None:
    config.write_text(f'{config.read_text()}[log]\nto = "syslog"\n')
    with ExitStack() as stack:
        syslog = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        syslog.bind(str(config.with_name("syslog")))
        client = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        client.connect(str(config.with_name("syslog")))
        client.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                client.send(b"x")
        process = stack.enter_context(running(name, config, command=WITH_SYSLOG))
        process.send_signal(signal.SIGTERM)
        assert process.wait(DAEMONS[name]) == 0


@pytest.mark.parametrize("name", DAEMONS)
def test_sigterm_ends_a_daemon_that_takes_new_settings(name: str, config: Path) -> None:
    """One that starts anew for them may not have its handler yet, and dies of the signal."""
    with ExitStack() as stack:
        log = stack.enter_context(config.with_name("log").open("wb"))
        process = stack.enter_context(running(name, config, log.fileno()))
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.wait(DAEMONS[name]) in (0, -signal.SIGTERM)


@pytest.mark.parametrize("name", ["return-path", "maintain"])
def test_sigterm_ends_a_daemon_that_waits_for_another_writer_to_start(
    name: str, config: Path
) -> None:
    with write_lock_held(config), started([name], config) as process:
        wait_until_blocked(lambda: [process.pid, *children_of(process.pid)])
        process.send_signal(signal.SIGTERM)
        assert process.wait(DAEMONS[name]) in (0, -signal.SIGTERM)
