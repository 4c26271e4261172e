"""A listening socket for a daemon; a stale socket file is replaced.

The milter does not use it: libmilter insists on opening its socket itself.
"""

import errno
import logging
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bouncegate.config.endpoints import Endpoint, InetSocket

_LOG: Final = logging.getLogger("bouncegate.daemon")
_BACKLOG: Final = 128
# Owner and group: Postfix reaches the socket through the group of its folder.
_SOCKET_UMASK: Final = 0o117

# The workers of a daemon that was killed end a moment after it, and hold its socket until then.
_TIMEOUT: Final = 1.0
_PAUSE: Final = 0.05


class ListenError(Exception):
    """The daemon cannot listen on its socket; the text says why."""


def listen(endpoint: Endpoint) -> socket.socket:
    """A listening socket; a stale socket file is replaced.

    Raises ListenError.
    """
    try:
        if isinstance(endpoint, InetSocket):
            return socket.create_server((endpoint.host, endpoint.port), backlog=_BACKLOG)
        _remove_stale(endpoint.path)
        return _bind(endpoint.path)
    except OSError as error:
        raise ListenError(f"cannot listen on {endpoint}: {error.strerror or error}") from error


@contextmanager
def listening(endpoint: Endpoint, left: int | None) -> Iterator[socket.socket]:
    """A listening socket, whose file goes at the end; raises ListenError.

    `left` is the descriptor of one that the program before has left (`reexec`), and goes on.
    """
    with listen(endpoint) if left is None else socket.socket(fileno=left) as listener:
        try:
            yield listener
        finally:
            if not isinstance(endpoint, InetSocket):
                endpoint.path.unlink(missing_ok=True)


def kept(section: str, new: Endpoint, old: Endpoint | None) -> Endpoint:
    """Where a daemon listens after a reload: it goes on where it did, and the log says so.

    `old` is None at the start.
    """
    if old is None or new == old:
        return new
    _LOG.warning(
        "reload: [%s] socket is now %s: that needs a restart, until then %s is kept",
        section,
        new,
        old,
    )
    return old


def _bind(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    umask = os.umask(_SOCKET_UMASK)
    try:
        listener.bind(str(path))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(umask)
    return listener


def _remove_stale(path: Path) -> None:
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise FileExistsError(errno.EEXIST, "there is a file of that name that is no socket")
    except FileNotFoundError:
        return
    deadline = time.monotonic() + _TIMEOUT
    while _is_served(path):
        if time.monotonic() > deadline:
            raise OSError(errno.EADDRINUSE, "another process serves it")
        time.sleep(_PAUSE)
    path.unlink(missing_ok=True)


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return False
        except OSError as error:
            raise OSError(error.errno, f"{path} cannot be probed: {error.strerror}") from None
    return True
