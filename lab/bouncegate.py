"""The daemons and the command, run as an operator runs them: by config file, over unix sockets."""

import getpass
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lab.folder import ROOT, LabFolder, Process
from lab.notify import NotifySocket
from lab.privilege import make_folder

Sections = Mapping[str, Mapping[str, object]]

COMMAND: Final = Path(sys.executable).with_name("bouncegate")


class Bouncegate:
    """One installation: config file, store and daemons, all in a lab's folder."""

    def __init__(self, folder: LabFolder, sockets: Path, sections: Sections | None = None) -> None:
        """Write the config file; `sections` is put over the lab's own settings.

        `sockets` is made as the tmpfiles entry makes it: only Postfix can reach in, and what
        is made in it belongs to Postfix's group.
        """
        self._folder = folder
        self.config = folder.path / "bouncegate.toml"
        self.store = folder.path / "store"
        self.milter_socket = sockets / "milter.sock"
        self.return_path_socket = sockets / "return-path.sock"
        self.map_socket = sockets / "map.sock"
        self.milter: Process | None = None
        self.return_path: Process | None = None
        self.map: Process | None = None
        self.maintain: Process | None = None
        self.web: Process | None = None
        self.cluster: Process | None = None
        self.store.mkdir(exist_ok=True)
        make_folder(sockets, getpass.getuser(), "postfix", "2750")
        self.configure(sections or {})

    def configure(self, sections: Sections) -> None:
        """Write the config file anew; a daemon reads it when it starts."""
        settings: dict[str, dict[str, object]] = {
            "store": {"path": str(self.store), "map_size": "256 MiB"},
            "milter": {"socket": f"unix:{self.milter_socket}", "workers": 2},
            "return_path": {
                "socket": f"unix:{self.return_path_socket}",
                "count": ["signed", "matched", "unverified"],
            },
            "map": {"socket": f"unix:{self.map_socket}"},
        }
        for name, section in sections.items():
            settings[name] = {**settings.get(name, {}), **section}
        self.config.write_text("\n".join(_toml(settings)) + "\n")

    def start(self) -> None:
        """Start milter and return path; on return they answer."""
        self.start_return_path()
        self.start_milter()

    def start_milter(self, **env: str) -> Process:
        """Start the milter; on return it listens."""
        self.milter = self._start("milter", **env)
        return self.milter

    def start_return_path(self, **env: str) -> Process:
        """Start the return-path handler; on return it listens."""
        self.return_path = self._start("return-path", **env)
        return self.return_path

    def start_map(self) -> Process:
        """Start the map daemon; on return it listens."""
        self.map = self._start("map")
        return self.map

    def start_maintain(self) -> Process:
        """Start the daemon of the background."""
        self.maintain = self._start("maintain")
        return self.maintain

    def start_web(self) -> Process:
        """Start the page; on return it listens."""
        self.web = self._start("web")
        return self.web

    def start_cluster(self) -> Process:
        """Start what shares the index; on return it runs."""
        self.cluster = self._start("cluster", "run")
        return self.cluster

    def processes(self) -> list[Process]:
        """The daemons that were started."""
        daemons = (self.milter, self.return_path, self.map, self.maintain, self.web, self.cluster)
        return [process for process in daemons if process is not None]

    def stop(self) -> None:
        """Stop every daemon."""
        for process in self.processes():
            process.stop()

    def run(
        self, *args: str, stdin: bytes = b"", seconds: float = 60
    ) -> subprocess.CompletedProcess[bytes]:
        """Run `bouncegate ARGS`; the caller judges its exit status."""
        return subprocess.run(
            [str(COMMAND), "--config", str(self.config), *args],
            input=stdin,
            capture_output=True,
            timeout=seconds,
            check=False,
            cwd=ROOT,
        )

    def show(self, address: str) -> dict[str, Any]:
        """All that `bouncegate show` knows of an address."""
        return self._json("show", "--json", address)[0]

    def lock(self, *addresses: str) -> None:
        """Lock addresses by hand. Raises RuntimeError if the command fails."""
        done = self.run("lock", *addresses)
        if done.returncode:
            raise RuntimeError(done.stderr.decode())

    def locks(self) -> dict[str, dict[str, Any]]:
        """What `bouncegate list` tells: the locked addresses and all about each."""
        return {entry["address"]: entry for entry in self._json("list", "--json")}

    def _json(self, *args: str) -> list[dict[str, Any]]:
        done = self.run(*args)
        if done.returncode:
            raise RuntimeError(f"{args} ended with {done.returncode}: {done.stderr.decode()}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def _start(self, name: str, *more: str, **env: str) -> Process:
        argv = [str(COMMAND), "--config", str(self.config), name, *more]
        with NotifySocket(self._folder.path / f"{name}.notify") as notify:
            process = self._folder.start(name, argv, NOTIFY_SOCKET=str(notify.path), **env)
            process.wait_until("it is ready", notify.is_ready)
        return process


def _toml(sections: Sections) -> list[str]:
    lines = []
    for name, section in sections.items():
        lines.append(f"[{name}]")
        lines.extend(f"{key} = {_toml_value(value)}" for key, value in section.items())
    return lines


def _toml_value(value: object) -> str:
    """Strings, numbers and booleans are written alike in JSON and in TOML, tables are not."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key} = {_toml_value(one)}' for key, one in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml_value, value))}]"
    return json.dumps(value)
