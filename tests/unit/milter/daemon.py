"""`bouncegate milter` run as an operator runs it: a process with a config file of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from lab.processes import is_running
from lab.waiting import PATIENCE, wait_for

T = TypeVar("T")
Section = dict[str, object]


class Daemon:
    """`bouncegate milter` with a config file of its own, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "store"
        self.socket = folder / "milter.sock"
        self.log = folder / "log"
        self.environment: dict[str, str] = {}
        self.program = ["-m", "bouncegate.cli"]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **sections: Section) -> None:
        """Start it; returns when it listens. Sections are those of the config file."""
        self.launch(**sections)
        self.wait_for_log(r"started: ")

    def launch(self, **sections: Section) -> None:
        """Start it without waiting for anything."""
        config = self.write_config(**sections)
        with self.log.open("ab") as log_file:
            self._process = subprocess.Popen(
                [sys.executable, *self.program, "--config", str(config), "milter"],
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=log_file,
                env={**os.environ, **self.environment},
            )

    def write_config(self, **sections: Section) -> Path:
        """Write the config file anew; what a section does not set is as the tests need it."""
        settings: dict[str, Section] = {
            "milter": {"socket": f"unix:{self.socket}", "workers": 2},
            "store": {"path": str(self.store), "map_size": "64 MiB"},
            "log": {"level": "debug"},
        }
        for name, section in sections.items():
            settings[name] = {**settings.get(name, {}), **section}
        config = self.folder / "bouncegate.toml"
        config.write_text("\n".join(_toml(settings)) + "\n")
        return config

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The supervisor."""
        assert self._process is not None
        return self._process

    def workers(self) -> list[int]:
        """The process ids of the workers that run."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in children if is_running(int(child))]

    def wait_for_workers(self, count: int) -> list[int]:
        """Wait until so many workers run."""

        def as_many() -> list[int] | None:
            return workers if len(workers := self.workers()) == count else None

        return self.wait_until(f"{count} workers", as_many)

    def wait_for_log(self, text: str, times: int = 1) -> None:
        """Wait until the log holds a text, so many times."""

        def is_written() -> bool:
            written = self.text().count(text) >= times
            assert written or self.process.poll() is None, self.text()
            return written

        self.wait_until(f"{text!r} in the log", is_written)

    def wait_until_gone(self, pids: Iterable[int]) -> None:
        """Wait until none of these workers runs."""
        self.wait_until(f"the end of {pids}", lambda: set(pids).isdisjoint(self.workers()))

    def wait_until(self, what: str, probe: Callable[[], T | None]) -> T:
        """The first true value that `probe` gives; a failure quotes the log."""
        return wait_for(what, probe, log=self.text)

    def text(self) -> str:
        """The log."""
        return self.log.read_text() if self.log.exists() else ""

    def stop(self) -> int:
        """End it with SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        """End it if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self.stop()


def _toml(sections: dict[str, Section]) -> list[str]:
    lines = []
    for name, section in sections.items():
        lines.append(f"[{name}]")
        # Strings, numbers and lists are written alike in JSON and in TOML.
        lines.extend(f"{key} = {json.dumps(value)}" for key, value in section.items())
    return lines
