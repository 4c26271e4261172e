"""The temporary folder of a lab and the processes that run in it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from lab import guard, ports
from lab.closable import Closable
from lab.privilege import as_root
from lab.waiting import wait_for

ROOT: Final = Path(__file__).resolve().parents[1]
"""The root of the repository, from which `lab` is imported."""


class Process:
    """A process of the lab: its working folder is the lab's, its output goes to a file."""

    def __init__(
        self, folder: Path, name: str, argv: Sequence[str], env: Mapping[str, str]
    ) -> None:
        """Start it; `name` names its log and its record in the folder, `env` adds to ours."""
        self.name = name
        self.log = folder / f"{name}.log"
        self._record = folder / "pids" / name
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                argv,
                cwd=folder,
                env={**os.environ, **env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._record.write_text(f"{self._popen.pid}\n")

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """Its exit status, None while it runs."""
        return self._popen.poll()

    def wait_until(self, what: str, probe: Callable[[], bool]) -> None:
        """Wait until `probe` is true. Raises RuntimeError if the process ends before."""

        def running_probe() -> bool:
            if self.returncode is not None:
                raise RuntimeError(f"{self.name} ended with {self.returncode}:\n{self.tail()}")
            return probe()

        wait_for(f"{self.name}: {what}", running_probe)

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._popen.send_signal(number)

    def kill(self) -> None:
        """End it as `kill -9` does, children included, and wait until it is gone."""
        self._end(signal.SIGKILL, 5.0)

    def stop(self, seconds: float = guard.GRACE) -> int:
        """End it with SIGTERM; its exit status. Raises TimeoutExpired after `seconds`."""
        return self._end(signal.SIGTERM, seconds)

    def reap(self) -> None:
        """Take the exit status of a process that someone else has ended."""
        self._popen.wait(5.0)

    def tail(self, lines: int = 30) -> str:
        """The last lines that it wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _end(self, number: signal.Signals, seconds: float) -> int:
        if self._popen.poll() is None:
            if number is signal.SIGKILL:
                os.killpg(self._popen.pid, number)
            else:
                self._popen.send_signal(number)
        try:
            status = self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self._popen.pid, signal.SIGKILL)
            self._popen.wait(5.0)
            raise
        finally:
            self._record.unlink(missing_ok=True)
        return status


class LabFolder(Closable):
    """A temporary folder with a guard beside it.

    Below /tmp and not below $TMPDIR: Postfix runs as another user and must reach it, and the
    path of a unix socket holds only 107 octets.
    """

    def __init__(self, base: str = "/tmp") -> None:
        """Make the folder below `base` and start its guard."""
        self.path = Path(tempfile.mkdtemp(prefix="bouncegate-", dir=base))
        self.path.chmod(0o755)
        (self.path / "pids").mkdir()
        self._kept = False
        self._ports: list[socket.socket] = []
        self._processes: list[Process] = []
        self._guard = subprocess.Popen(
            as_root([sys.executable, "-I", guard.__file__, str(self.path)]),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )

    def start(self, name: str, argv: Sequence[str], **env: str) -> Process:
        """Start a process in this folder."""
        process = Process(self.path, name, argv, env)
        self._processes.append(process)
        return process

    def reserve_port(self) -> int:
        """A port of the loopback address that is this lab's alone until it is closed."""
        held = ports.reserve()
        self._ports.append(held)
        number: int = held.getsockname()[1]
        return number

    def keep(self) -> None:
        """Let everything run on, also after `close`; running `lab.guard` takes it down later."""
        self._kept = True
        self._dismiss("keep\n")

    def close(self) -> None:
        """Take everything down. Raises RuntimeError if something stays behind."""
        if self._kept:
            return
        self._dismiss("")
        for process in self._processes:
            process.reap()
        for held in self._ports:
            held.close()
        if self.path.exists():
            raise RuntimeError(f"the lab in {self.path} could not be cleared up")

    def _dismiss(self, word: str) -> None:
        try:
            self._guard.communicate(word, timeout=30)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            shutil.rmtree(self.path, ignore_errors=True)
            raise
