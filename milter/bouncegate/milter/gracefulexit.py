"""The heartbeat of a worker, and its end after the last session.

While libmilter serves, the worker's main thread never comes back to Python, so a thread of its own
lets the heartbeat beat.

The same thread handles `DRAIN`. When libmilter stops, it returns and the process ends with open
sessions; Postfix keeps a connection for a whole SMTP session and
would lose its milter within it. So libmilter is not stopped: its listening socket is
replaced by one that nobody can connect to, the sessions go on, and the process ends with the last.
"""

import logging
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NoReturn

from bouncegate.config.text import counted
from bouncegate.daemon.child import DRAIN
from bouncegate.daemon.ratelimitedlog import RateLimitedLog
from bouncegate.daemon.scoreboard import INTERVAL, Row

_LOG: Final = logging.getLogger("bouncegate.milter")
_ERROR_LOG: Final = RateLimitedLog("as before", step="once a second")
_CHECK_SESSIONS_EVERY: Final = 0.25
# Interrupts accept(2), to which libmilter then returns; its handler does nothing.
_INTERRUPT: Final = signal.SIGUSR2


def keep(row: Row, drain_timeout: float, check: Callable[[], None]) -> None:
    """Start the thread; to be called in a worker's main thread, before libmilter serves.

    `check` is called at every beat. After DRAIN, sessions have `drain_timeout`
    seconds.
    """
    signal.signal(_INTERRUPT, lambda _number, _frame: None)
    # A pair has no name; one end never becomes readable as long as the other is open. It is made
    # now, since sessions may have taken all descriptors by then.
    placeholder = socket.socketpair()

    def beat() -> NoReturn:
        while signal.sigtimedwait({DRAIN}, INTERVAL) is None:
            _run_checks(check)
            row.beat()
        _drain(row, check, drain_timeout, placeholder)

    row.beat()
    threading.Thread(target=beat, name="heartbeat", daemon=True).start()


def _run_checks(check: Callable[[], None]) -> None:
    """Look, whatever comes of it: without a heartbeat the worker would be killed with its
    sessions.
    """
    try:
        check()
    except OSError as error:  # no descriptor is left for what it opens
        _ERROR_LOG.log("NOQUEUE", error, expected=True)


def _drain(
    row: Row,
    check: Callable[[], None],
    drain_timeout: float,
    pair: tuple[socket.socket, socket.socket],
) -> NoReturn:
    """Serve the sessions that are there, for a bounded time, and end the process."""
    listening = listening_descriptor()
    address = _address(listening)
    placeholder, other_end = pair
    os.dup2(placeholder.fileno(), listening)
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, _INTERRUPT)
    row.leave_socket()
    deadline = time.monotonic() + drain_timeout
    # The first wait is for a connection that was being accepted just now.
    time.sleep(_CHECK_SESSIONS_EVERY)
    while (sessions := _sessions(address)) and time.monotonic() < deadline:
        _run_checks(check)
        row.beat()
        time.sleep(_CHECK_SESSIONS_EVERY)
    if sessions:
        _LOG.warning(
            "%s still open %.0f s after the reload: closed",
            counted(sessions, "session"),
            drain_timeout,
        )
    other_end.close()
    os._exit(os.EX_OK)


def listening_descriptor(besides: int = -1) -> int:
    """The descriptor on which libmilter listens: the one listening socket of a milter process.

    But for one that it was given by another, which is named.
    """
    for descriptor in _descriptors():
        if descriptor == besides:
            continue
        sock = _socket(descriptor)
        if sock is None:
            continue
        try:
            if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                return descriptor
        finally:
            sock.detach()
    raise RuntimeError("libmilter listens on no socket")


def _sessions(address: object) -> int:
    """How many sockets were accepted at an address: there is one for each session."""
    return sum(_address(descriptor) == address for descriptor in _descriptors())


def _address(descriptor: int) -> object:
    """The path or the port of a socket's own end; None if it is no socket any more."""
    sock = _socket(descriptor)
    if sock is None:
        return None
    try:
        name: object = sock.getsockname()
    except OSError:
        return None
    finally:
        sock.detach()
    return name[1] if isinstance(name, tuple) else name


def _socket(descriptor: int) -> socket.socket | None:
    """A descriptor, which goes on belonging to libmilter, as a socket to be detached again."""
    try:
        return socket.socket(fileno=descriptor)
    except OSError:
        return None


def _descriptors() -> Iterable[int]:
    """The descriptors that are open; where none is left to read which, all that there can be."""
    try:
        return [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]
    except OSError:
        return range(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
