"""Whether the daemons answer, each in its own protocol, and whether Postfix can reach them."""

import grp
import os
import pwd
import socket
import stat
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from bouncegate.admin.doctor.findings import Finding, Severity, not_allowed
from bouncegate.config.endpoints import Endpoint, UnixSocket
from bouncegate.config.settings import Settings

_TIMEOUT: Final = 5.0
_POSTFIX: Final = "postfix"
# The milter protocol: an offer of version 6 with all actions and steps; the answer begins with its
# length and the same letter (libmilter's mfdef.h).
_OFFER: Final = struct.pack(">IcIII", 13, b"O", 6, 0x1FF, 0x1FFFFF)
_LOOKUP: Final = b"32:transport nobody@example.invalid,"
_MOST: Final = 4096

Probe = Callable[["Link"], bool]
"""Whether the expected daemon answers."""


def check_daemons(settings: Settings) -> Iterator[Finding]:
    """Check the milter, the return path and the map."""
    for check in DAEMONS.values():
        yield from check(settings)


def _check_milter(settings: Settings) -> Iterator[Finding]:
    yield from _probed(
        "milter", settings.milter.socket, _answers_offer, Severity.ERROR,
        "mail to locked recipients is sent",
    )  # fmt: skip


def _check_return_path(settings: Settings) -> Iterator[Finding]:
    yield from _probed(
        "return-path", settings.return_path.socket, _greets, Severity.ERROR,
        "bounces wait in Postfix's queue",
    )  # fmt: skip


def check_map(settings: Settings) -> Iterator[Finding]:
    """Check the map."""
    yield from _probed(
        "map", settings.map.socket, _answers_lookup, Severity.NOTE,
        "it is needed only if Postfix's transport_maps or virtual_alias_maps names it",
    )  # fmt: skip


DAEMONS: Final[Mapping[str, Callable[[Settings], Iterator[Finding]]]] = {
    "milter": _check_milter,
    "return-path": _check_return_path,
    "map": check_map,
}
"""The check of each daemon that answers at a socket, by its name."""


def _probed(
    name: str, endpoint: Endpoint, probe: Probe, severity: Severity, meaning: str
) -> Iterator[Finding]:
    try:
        with connected(endpoint) as link:
            if not probe(link):
                text = f"another program than the {name} answers at {endpoint}: {meaning}"
                yield Finding(name, severity, text, f"give the {name} a socket of its own")
                return
    except PermissionError:
        yield not_allowed(name, PermissionError(f"{endpoint}: permission denied"))
        return
    except OSError as error:
        text = f"does not answer at {endpoint} ({error.strerror or error}): {meaning}"
        yield Finding(name, severity, text, f"systemctl start bouncegate-{name}")
        return
    yield Finding(name, Severity.OK, f"answers at {endpoint}")
    if isinstance(endpoint, UnixSocket):
        yield from _reach(name, endpoint.path)


class Link:
    """A connection with a timeout."""

    def __init__(self, peer: socket.socket) -> None:
        self._peer = peer

    def __enter__(self) -> "Link":
        """Itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close the connection."""
        self._peer.close()

    def ask(self, question: bytes, end: bytes = b"") -> bytes:
        """The answer to a question, up to `end`, or as much as arrives at once."""
        self._peer.sendall(question)
        answer = self._peer.recv(_MOST)
        while end not in answer and len(answer) < _MOST and (more := self._peer.recv(_MOST)):
            answer += more
        return answer


def connected(endpoint: Endpoint) -> Link:
    """A connection to a daemon; raises OSError."""
    if isinstance(endpoint, UnixSocket):
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(_TIMEOUT)
        try:
            peer.connect(str(endpoint.path))
        except OSError:
            peer.close()
            raise
        return Link(peer)
    return Link(socket.create_connection((endpoint.host, endpoint.port), _TIMEOUT))


def _answers_offer(link: Link) -> bool:
    answer = link.ask(_OFFER)
    return answer[4:5] == b"O"


def _greets(link: Link) -> bool:
    return link.ask(b"").startswith(b"220 ") and link.ask(b"QUIT\r\n").startswith(b"221 ")


def _answers_lookup(link: Link) -> bool:
    answer = link.ask(_LOOKUP, b",")
    return b":NOTFOUND " in answer or b":OK " in answer


def _reach(name: str, path: Path) -> Iterator[Finding]:
    """Whether Postfix's user can reach a socket."""
    try:
        user = pwd.getpwnam(_POSTFIX)
    except KeyError:
        return
    groups = {user.pw_gid, *(g.gr_gid for g in grp.getgrall() if _POSTFIX in g.gr_mem)}
    for step, needed in [(parent, 0o1) for parent in reversed(path.parents)] + [(path, 0o6)]:
        if not _may(step.stat(), user.pw_uid, groups, needed):
            text = f"Postfix's user cannot reach it: no access to {step}"
            fix = f"give {step} the group {_POSTFIX}, and mode g+{'x' if needed == 1 else 'rw'}"
            yield Finding(name, Severity.ERROR, text, fix)
            return


def _may(found: os.stat_result, user: int, groups: set[int], needed: int) -> bool:
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid == user:
        return mode >> 6 & needed == needed
    if found.st_gid in groups:
        return mode >> 3 & needed == needed
    return mode & needed == needed
