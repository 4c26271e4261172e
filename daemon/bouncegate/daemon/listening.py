"""A listening socket for a daemon of one process; a stale socket file is replaced.

The milter does not use it: libmilter insists on opening its socket itself.
"""

import errno
import os
import socket
import stat
from pathlib import Path
from typing import Final

from bouncegate.config.values import Endpoint, InetSocket

_BACKLOG: Final = 128
# Owner and group: Postfix reaches the socket through the group of its folder.
_SOCKET_UMASK: Final = 0o117


class ListenError(Exception):
    """The daemon cannot listen where it is told to; the text says why."""


def listen(endpoint: Endpoint) -> socket.socket:
    """A listening socket; a socket file that nobody serves any more is replaced.

    Raises ListenError.
    """
    try:
        if isinstance(endpoint, InetSocket):
            return socket.create_server((endpoint.host, endpoint.port), backlog=_BACKLOG)
        _remove_stale(endpoint.path)
        return _bind(endpoint.path)
    except OSError as error:
        raise ListenError(f"cannot listen on {endpoint}: {error.strerror or error}") from error


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
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise OSError(error.errno, f"{path} cannot be probed: {error.strerror}") from None
    raise OSError(errno.EADDRINUSE, "another process serves it")
