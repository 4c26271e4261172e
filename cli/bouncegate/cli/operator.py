"""Who calls a command, and from where: what the audit record of a change says.

The kernel knows the user and, with pam_loginuid(8), who had logged in; the rest is what the
environment says. A user can write what he likes into his own environment, but no second line: all
that is not printable is escaped.
"""

import os
import pwd
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from bouncegate.admin.lists import audit
from bouncegate.admin.lists.audit import Who, one_line
from bouncegate.policy.records import Audit

_PROC: Final = Path("/proc")
# A shell in a terminal in a session: sudo(8) takes SSH_CONNECTION away, its caller has it still.
_MOST_ANCESTORS: Final = 12


def operator() -> str:
    """Who asks: the person behind sudo(8), else the user."""
    return one_line(os.environ.get("SUDO_USER", "")) or _name_of(os.getuid())


def audit_of(
    command: str,
    now: int,
    *,
    by: str,
    why: str = "",
    targets: Sequence[str] = (),
    count: int | None = None,
    scopes: Iterable[str] = (),
    changed: str = "",
) -> Audit:
    """The record of a change that this process is about to make.

    `count` where it is not that of the targets; `scopes` are those of the locks it is about;
    `changed` is what it changes other than addresses.
    """
    who = Who(
        by=by,
        user=_name_of(os.getuid()),
        uid=os.getuid(),
        login=_login(),
        sudo=os.environ.get("SUDO_USER", ""),
        tty=_terminal(),
        client=_ssh_client(),
        host=socket.gethostname(),
    )
    return audit.audit_of(
        command, now, who, why=why, targets=targets, count=count, scopes=scopes, changed=changed
    )


def called(command: str, options: Iterable[tuple[str, object]]) -> str:
    """A command with those of its options that were given, as one would type it."""
    words = (f"--{name} {value}" for name, value in options if value)
    return " ".join((command, *words))


def _name_of(uid: int) -> str:
    try:
        return one_line(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return str(uid)


def _login() -> str:
    with suppress(OSError, ValueError):
        uid = int((_PROC / "self" / "loginuid").read_text())
        if uid != 0xFFFF_FFFF:  # -1: nobody has logged in
            return _name_of(uid)
    return ""


def _terminal() -> str:
    for descriptor in (0, 1, 2):
        with suppress(OSError):
            return one_line(os.ttyname(descriptor).removeprefix("/dev/"))
    return ""


def _ssh_client() -> str:
    words = next((w for w in map(str.split, _connections()) if w), [""])
    return one_line(words[0])


def _connections() -> Iterator[str]:
    """SSH_CONNECTION (ssh(1)) of this process and of those that called it, where it may be read."""
    yield os.environ.get("SSH_CONNECTION", "")
    process = os.getppid()
    for _ in range(_MOST_ANCESTORS):
        folder = _PROC / str(process)
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
            # proc_pid_stat(5): the name in brackets may hold anything, the parent comes behind it.
            process = int((folder / "stat").read_bytes().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return
        yield from (
            value.decode("ascii", "replace")
            for name, _, value in (item.partition(b"=") for item in environment)
            if name == b"SSH_CONNECTION"
        )
        if process <= 1:
            return
