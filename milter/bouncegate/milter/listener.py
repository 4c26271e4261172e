"""The listening socket, opened once by the supervisor and shared by every worker it forks.

libmilter insists on opening the socket itself, and a worker of it that ends unlinks the path
it was opened under. A unix socket is therefore opened under a name of its own and then
renamed: it appears complete, with its mode set and already listening, and no worker's end
takes it away.

Where the program before has left its socket (`bouncegate.daemon.reexec`), libmilter opens one that
nobody knows, of the same family, which it looks at for each connection; it is then replaced by the
one that was left.
"""

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import milter

from bouncegate.config.endpoints import Endpoint, InetSocket, UnixSocket
from bouncegate.milter.gracefulexit import listening_descriptor

# As many as the kernel allows by default (net.core.somaxconn): every smtpd(8) connects once.
_BACKLOG: Final = 4096
# Postfix's user reaches the socket through its group.
_UMASK: Final = 0o117
_TIMEOUT: Final = 1.0


class MilterError(Exception):
    """The daemon cannot listen; the text says what to do."""

    def __init__(self, text: str, exit_code: int = os.EX_UNAVAILABLE) -> None:
        """`exit_code` is one of sysexits.h."""
        super().__init__(text)
        self.exit_code = exit_code


class Listener:
    """The socket at an endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    @contextmanager
    def opened(self, left: int | None = None) -> Iterator[None]:
        """Open the socket within libmilter, which is registered; take the file away at the end.

        `left` is the descriptor that the program before has left. Raises MilterError, and then
        leaves whatever is there alone.
        """
        if left is not None:
            self._take_over(left)
        else:
            self._open_new()
        try:
            yield
        finally:
            if isinstance(self._endpoint, UnixSocket):
                self._endpoint.path.unlink(missing_ok=True)

    def _take_over(self, left: int) -> None:
        if isinstance(self._endpoint, UnixSocket):
            path = self._endpoint.path.with_name(f".{os.getpid()}")
            try:
                self._open(f"unix:{path}")
            finally:
                path.unlink(missing_ok=True)
        else:
            self._open("inet6:0@::1" if ":" in self._endpoint.host else "inet:0@127.0.0.1")
        os.dup2(left, listening_descriptor(besides=left), inheritable=False)
        os.close(left)

    def _open_new(self) -> None:
        if answers(self._endpoint):
            raise MilterError(
                f"{self._endpoint}: somebody listens there already: stop it, or set another "
                "socket in [milter]"
            )
        if isinstance(self._endpoint, UnixSocket):
            self._open_unix(self._endpoint.path)
        else:
            self._open(_inet(self._endpoint))

    def _open_unix(self, path: Path) -> None:
        _refuse_to_replace(path)
        opened = path.with_name(f".{os.getpid()}")
        before = os.umask(_UMASK)
        try:
            self._open(f"unix:{opened}")
            opened.rename(path)
        except OSError as error:
            raise MilterError(f"{path}: {error.strerror}", os.EX_CANTCREAT) from error
        finally:
            os.umask(before)
            opened.unlink(missing_ok=True)

    def _open(self, name: str) -> None:
        try:
            milter.setconn(name)
            milter.setbacklog(_BACKLOG)
            milter.opensocket(True)
        except milter.error as error:
            raise MilterError(
                f"{self._endpoint}: cannot listen there ({error}): is the folder there and "
                "writable, the address this machine's, the port free?",
                os.EX_CANTCREAT,
            ) from error


def answers(endpoint: Endpoint) -> bool:
    """Whether somebody takes connections at an endpoint."""
    with socket.socket(_family(endpoint), socket.SOCK_STREAM) as probe:
        probe.settimeout(_TIMEOUT)
        try:
            if isinstance(endpoint, UnixSocket):
                probe.connect(str(endpoint.path))
            else:
                probe.connect((endpoint.host, endpoint.port))
        except OSError:
            return False
    return True


def _family(endpoint: Endpoint) -> int:
    if isinstance(endpoint, UnixSocket):
        return socket.AF_UNIX
    return socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET


def _refuse_to_replace(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise MilterError(f"{path}: {error.strerror}", os.EX_CANTCREAT) from error
    if not stat.S_ISSOCK(mode):
        raise MilterError(
            f"{path}: is there already and is no socket: remove it, or set another socket in "
            "[milter]",
            os.EX_CANTCREAT,
        )


def _inet(endpoint: InetSocket) -> str:
    scheme = "inet6" if ":" in endpoint.host else "inet"
    return f"{scheme}:{endpoint.port}@{endpoint.host}"
