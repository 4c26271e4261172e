"""The sockets of the page: each says whether what comes in by it names its user.

They are opened here, passed by systemd (sd_listen_fds(3)), or left by the program that ran in this
process before a reload. Trust belongs to the socket and never to an address: whoever shares a
network with the proxy could forge that.
"""

import os
import pwd
import socket
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bouncegate.config.endpoints import Endpoint, InetSocket, UnixSocket
from bouncegate.config.websettings import ListenSettings
from bouncegate.daemon.listening import ListenError, listen

_FIRST_PASSED: Final = 3  # SD_LISTEN_FDS_START
_LEFT: Final = "BOUNCEGATE_WEB_SOCKETS"
_CREDENTIALS: Final = struct.Struct("3i")  # struct ucred, unix(7)


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end of a unix socket, as the kernel knows it."""

    pid: int
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket and whom it trusts."""

    socket: socket.socket
    endpoint: Endpoint
    settings: ListenSettings
    peers: frozenset[int] | None
    """The users that may connect; None: everybody who can."""
    passed: bool = False
    """Whether systemd opened it, and keeps it when we end."""

    @property
    def trusts_names(self) -> bool:
        """Whether the proxy in front says who asks."""
        return self.settings.trust == "proxy" and isinstance(self.endpoint, UnixSocket)

    @property
    def is_behind_proxy(self) -> bool:
        """Whether only the proxy can connect, and so says where requests come from."""
        return self.trusts_names or self.peers is not None

    def admits(self, peer: Peer | None) -> bool:
        """Whether a process may connect."""
        return self.peers is None or (peer is not None and peer.uid in self.peers)


def open_listeners(configured: Sequence[ListenSettings]) -> list[Listener]:
    """A listener for each configured socket and each that systemd passed; raises ListenError.

    One that systemd passed and no `[[web.listen]]` names is served, and trusts nobody.
    """
    had = {str(endpoint): (sock, passed) for sock, endpoint, passed in _inherited(os.environ)}
    listeners = []
    for settings in configured:
        sock, passed = had.pop(str(settings.socket), (None, False))
        sock = sock or listen(settings.socket)
        listeners.append(
            Listener(sock, settings.socket, settings, uids_of(settings.peer_users), passed)
        )
    for sock, passed in had.values():
        endpoint = endpoint_of(sock)
        if passed:
            listeners.append(
                Listener(sock, endpoint, ListenSettings(socket=endpoint), None, passed)
            )
        else:
            _end(sock, endpoint)
    return listeners


def close_listeners(listeners: Sequence[Listener]) -> None:
    """Close all, and remove the files of those that we made."""
    for listener in listeners:
        if listener.passed:
            listener.socket.close()
        else:
            _end(listener.socket, listener.endpoint)


def leave(listeners: Sequence[Listener]) -> None:
    """Let the next program of this process take them (`_inherited`)."""
    for listener in listeners:
        listener.socket.set_inheritable(True)
    words = (
        f"{listener.socket.fileno()}:{'passed' if listener.passed else 'own'}"
        for listener in listeners
    )
    os.environ[_LEFT] = " ".join((str(os.getpid()), *words))


def peer_of(sock: socket.socket) -> Peer | None:
    """Who is at the other end; None for TCP."""
    if sock.family != socket.AF_UNIX:
        return None
    with suppress(OSError):
        found = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        return Peer(*_CREDENTIALS.unpack(found))
    return None


def uids_of(users: Sequence[str]) -> frozenset[int] | None:
    """The numbers of users; None where none is named. Raises ListenError."""
    if not users:
        return None
    try:
        return frozenset(pwd.getpwnam(user).pw_uid for user in users)
    except KeyError as error:
        raise ListenError(f"[[web.listen]] peer_users: unknown user: {error.args[0]}") from None


def endpoint_of(sock: socket.socket) -> Endpoint:
    """Where a socket listens; raises ListenError."""
    name = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        return UnixSocket(Path(os.fsdecode(name)))
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        return InetSocket(name[0], name[1])
    raise ListenError(f"descriptor {sock.fileno()} is no unix or TCP socket")


def _inherited(
    environment: "os._Environ[str]",
) -> list[tuple[socket.socket, Endpoint, bool]]:
    """Sockets that were there before this program: socket, place, whether systemd's."""
    found: list[tuple[int, bool]] = []
    left = environment.pop(_LEFT, "").split()
    if left[:1] == [str(os.getpid())]:
        for word in left[1:]:
            number, _, kind = word.partition(":")
            found.append((int(number), kind == "passed"))
    else:
        found = [(descriptor, True) for descriptor in _passed(environment)]
    for variable in ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"):
        environment.pop(variable, None)
    taken = []
    for descriptor, passed in found:
        sock = socket.socket(fileno=descriptor)
        sock.set_inheritable(False)
        taken.append((sock, endpoint_of(sock), passed))
    return taken


def _passed(environment: Mapping[str, str]) -> range:
    """The descriptors that the service manager passed to this process."""
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return range(0)
    count = environment.get("LISTEN_FDS", "0")
    return range(_FIRST_PASSED, _FIRST_PASSED + int(count if count.isdecimal() else 0))


def _end(sock: socket.socket, endpoint: Endpoint) -> None:
    sock.close()
    if isinstance(endpoint, UnixSocket):
        endpoint.path.unlink(missing_ok=True)
