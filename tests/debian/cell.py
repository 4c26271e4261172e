"""A clean root while it runs: cut off from this machine.

Its processes have a network, process and mount namespace of their own and end with the cell.
"""

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

# The first process: it waits for whatever nobody else waits for. It is this machine's Python, since
# the least that there is of a system has none.
_INIT: Final = """
import os, sys, time
os.chroot(sys.argv[1])
os.chdir("/")
while True:
    try:
        os.wait()
    except ChildProcessError:
        time.sleep(0.05)
"""
_LOOPBACK: Final = """
import fcntl, socket, struct
with socket.socket() as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sH14x", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: up, running
"""
_SECONDS: Final = 1200


class Cell:
    """A system while it runs."""

    def __init__(self, root: Path, *, online: bool = False) -> None:
        """Start it; `root` is the folder that is its /. Online, it has this machine's network."""
        self._started: list[subprocess.Popen[bytes]] = []
        self.root = root
        own = () if online else ("--net",)
        namespaces = (*own, "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child")
        self._outer = subprocess.Popen(
            ["unshare", *namespaces, f"--mount-proc={root}/proc",
             sys.executable, "-c", _INIT, str(root)],
        )  # fmt: skip
        children = Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children")
        while not (found := children.read_text().split()):
            assert self._outer.poll() is None, "unshare has failed"
        self._first = found[0]
        while not root.samefile(f"/proc/{self._first}/root"):
            assert self._outer.poll() is None, "chroot has failed"
        if not online:
            self.beside(sys.executable, "-c", _LOOPBACK)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End every process in it."""
        self._outer.send_signal(signal.SIGKILL)
        for process in (self._outer, *self._started):
            process.wait()

    def run(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program of the cell's as its root."""
        return self._run([*self._within(), *argv], check=check)

    def shell(self, script: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run lines as an administrator types them."""
        return self.run("/bin/bash", "-ec", script, check=check)

    def start(self, *argv: str) -> subprocess.Popen[bytes]:
        """Start a program of the cell's, which goes on."""
        log = self.root / "var/log/daemons.log"
        with log.open("ab") as out:
            process = subprocess.Popen([*self._within(), *argv], stdout=out, stderr=out)
        self._started.append(process)
        return process

    def beside(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a program of this machine's in the network of the cell."""
        return self._run(["nsenter", "-t", self._first, "--net", *argv], check=True)

    def start_beside(self, *argv: str) -> subprocess.Popen[bytes]:
        """Start one, which goes on; it is not ended with the cell."""
        return subprocess.Popen(
            ["nsenter", "-t", self._first, "--net", *argv], stdout=subprocess.PIPE
        )

    def processes(self) -> set[str]:
        """What runs in it, by name."""
        done = self.run("/bin/sh", "-c", "cat /proc/[0-9]*/comm")
        return set(done.stdout.split()) - {"cat", "sh"}

    def within(self, *namespaces: str) -> list[str]:
        """What a command line begins with that is to run in some of its namespaces."""
        return ["nsenter", "-t", self._first, *namespaces]

    def _within(self) -> list[str]:
        namespaces = ("--net", "--mount", "--pid", "--ipc", "--uts", "--root")
        return [*self.within(*namespaces), "/usr/bin/env", "--chdir=/"]

    def _run(self, argv: Sequence[str], *, check: bool) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            "HOME": "/root",
        }
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=_SECONDS, check=False, env=environment
        )
        if check and done.returncode:
            raise AssertionError(f"{argv[-1]}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done
