"""The limits of a systemd unit, applied by hand: what of them can be had without PID 1.

    unshare --mount --net --ipc python sandbox.py UNIT FOLDER ROOT -- COMMAND...

Read from the unit: a system that is read-only but for the state and the sockets (both in FOLDER), a
/tmp of its own with nothing in it but ROOT, no home folders, another user without any capability,
no new privileges, no memory that can be written and run, the filter of system calls, and the
families of sockets. Not applied: PrivateUsers, ProtectProc, cgroups' IPAddressDeny, SocketBindDeny.
"""

import ctypes
import errno
import os
import pwd
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_CAPBSET_DROP: Final = 24
_PR_SET_MDWE: Final = 65  # Linux 6.3; systemd does the same by seccomp on older ones
_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | errno.EPERM
_EQUAL: Final = 4
_USER: Final = "nobody"


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("a", ctypes.c_uint64),
        ("b", ctypes.c_uint64),
    )


def main() -> None:
    """Apply them all, and become the command."""
    unit, folder, root = map(Path, sys.argv[1:4])
    settings = read_unit(unit)
    assert settings["ProtectSystem"] == ["strict"]
    _mount(folder, root)
    os.umask(int(settings["UMask"][0], 8))
    _become_nobody()
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    assert settings["MemoryDenyWriteExecute"] == ["yes"]
    _prctl(_PR_SET_MDWE, 1)
    families = settings["RestrictAddressFamilies"][0].split()
    _filter(allowed(settings["SystemCallFilter"]), families)
    os.execv(sys.argv[5], sys.argv[5:])


def read_unit(path: Path) -> dict[str, list[str]]:
    """The settings of a unit, each with all its values."""
    settings: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            settings.setdefault(name, []).append(value)
    return settings


def allowed(filters: list[str]) -> set[str]:
    """The system calls that SystemCallFilter= leaves."""
    names: set[str] = set()
    for value in filters:
        removes = value.startswith("~")
        for word in value.removeprefix("~").split():
            some = _members(word) if word.startswith("@") else {word}
            names = names - some if removes else names | some
    return names


def _members(group: str) -> set[str]:
    done = subprocess.run(
        ["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True
    )
    words = {line.strip() for line in done.stdout.splitlines()[1:]}
    found = {word for word in words if word and not word.startswith(("#", "@"))}
    for inner in words:
        if inner.startswith("@") and inner != group:
            found |= _members(inner)
    return found


def _mount(folder: Path, root: Path) -> None:
    keep = Path("/run/bouncegate-sandbox")
    for name in ("root", "folder"):
        (keep / name).mkdir(parents=True, exist_ok=True)
    os.umask(0o022)
    _run("mount", "--make-rprivate", "/")
    _run("mount", "--rbind", root, keep / "root")
    _run("mount", "--bind", folder, keep / "folder")
    for hidden in ("/home", "/root"):
        if root.is_relative_to(hidden):
            # As little of it as leads to the sources.
            _run("mount", "-t", "tmpfs", "-o", "mode=0711", "tmpfs", hidden)
        elif not sys.executable.startswith(hidden):
            _run("mount", "-t", "tmpfs", "-o", "mode=0", "tmpfs", hidden)
    _run("mount", "-t", "tmpfs", "tmpfs", "/tmp")
    for place, kept in ((root, keep / "root"), (folder, keep / "folder")):
        place.mkdir(parents=True, exist_ok=True)
        _run("mount", "--rbind", kept, place)
    for mounted in sorted(_mounts(), reverse=True):
        if mounted != str(folder) and not mounted.startswith(("/proc", "/sys", "/dev")):
            subprocess.run(["mount", "-o", "remount,bind,ro", mounted], check=False)
    _run("mount", "-o", "remount,bind,rw", folder)


def _mounts() -> list[str]:
    return [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]


def _run(*argv: object) -> None:
    subprocess.run([str(word) for word in argv], check=True)


def _become_nobody() -> None:
    user = pwd.getpwnam(_USER)
    capability = 0
    while _prctl(_PR_CAPBSET_DROP, capability, may_fail=True):
        capability += 1
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)  # which drops what was permitted


def _prctl(option: int, value: int, *, may_fail: bool = False) -> bool:
    done: int = ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
    if done and not may_fail:
        raise OSError(ctypes.get_errno(), f"prctl {option}")
    return done == 0


def _filter(names: set[str], families: list[str]) -> None:
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(_REFUSE)))
    for name in sorted(names - {"socket"}):
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:  # those of other machines are not known here
            library.seccomp_rule_add_array(context, ctypes.c_uint32(_ALLOW), number, 0, None)
    number = library.seccomp_syscall_resolve_name(b"socket")
    for family in families:
        comparison = _Comparison(0, _EQUAL, getattr(socket, family), 0)
        library.seccomp_rule_add_array(
            context, ctypes.c_uint32(_ALLOW), number, 1, ctypes.byref(comparison)
        )
    if library.seccomp_load(context):
        raise OSError("the filter of system calls could not be loaded")


if __name__ == "__main__":
    main()
