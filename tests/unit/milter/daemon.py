"""`bouncegate milter` run as an operator runs it: a process with a config file of its own."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

PATIENCE: Final = 20.0
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
        return [int(child) for child in children if not _is_zombie(int(child))]

    def wait_for_workers(self, count: int) -> list[int]:
        """Wait until so many workers run."""
        deadline = time.monotonic() + PATIENCE
        while len(workers := self.workers()) != count:
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.02)
        return workers

    def wait_for_log(self, text: str) -> None:
        """Wait until the log holds a text."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.text():
            assert time.monotonic() < deadline, self.text()
            assert self.process.poll() is None, self.text()
            time.sleep(0.02)

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


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def _toml(sections: dict[str, Section]) -> list[str]:
    lines = []
    for name, section in sections.items():
        lines.append(f"[{name}]")
        # Strings, numbers and lists are written alike in JSON and in TOML.
        lines.extend(f"{key} = {json.dumps(value)}" for key, value in section.items())
    return lines
