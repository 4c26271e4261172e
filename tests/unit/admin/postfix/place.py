"""A configuration of Postfix and one of ours, enabled and disabled by the command."""

import os
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

from tests.unit.admin.postfix.sites import Site
from tests.unit.cli.conftest import Command

DOMAIN = "return.example.com"
LISTS = ("smtpd_milters", "transport_maps", "relay_domains")


class Place:
    """A folder with a configuration of Postfix, and one with ours."""

    def __init__(self, folder: Path, site: Site, command: Command) -> None:
        self.folder = folder / "etc"
        self.folder.mkdir()
        self.queue = folder / "q"  # the path of a socket has at most 107 octets
        self.config = folder / "bouncegate.toml"
        self._command = command
        self._options = site.options
        self.write("main.cf", f"queue_directory = {self.queue}\n{site.main}")
        self.write("master.cf", site.master)
        for name, text in site.tables.items():
            self.write(name, text)
        self.drop_in = folder / "conf.d" / "50-postfix-enable.toml"
        (folder / "store").mkdir(exist_ok=True)
        self.config.write_text(self._settings(site.settings))

    def _settings(self, text: str) -> str:
        """Sockets below the queue folder, and the return domain, but for what a site says."""
        text = text.replace("{queue}", str(self.queue))
        said = tomllib.loads(text)
        for section, name in (("milter", "milter"), ("return_path", "return-path")):
            if "socket" not in said.get(section, {}):
                line = f'socket = "unix:{self.queue}/bouncegate/{name}.sock"\n'
                if section in said:
                    text = text.replace(f"[{section}]\n", f"[{section}]\n{line}")
                else:
                    text += f"[{section}]\n{line}"
        if "domain" not in said.get("return_path", {}):
            text = text.replace("[return_path]\n", f'[return_path]\ndomain = "{DOMAIN}"\n')
        if "store" not in said:
            text += f'[store]\npath = "{self.config.parent}/store"\nmap_size = "64 MiB"\n'
        return text

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))

    def files(self) -> dict[str, bytes]:
        found = {path.name: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}
        own = [self.config, *self.config.parent.glob("*.d/*")]
        return {**found, **{str(path): path.read_bytes() for path in own}}

    def shape(self) -> set[tuple[str, int, int, int]]:
        paths = [*self.folder.iterdir(), *self.config.parent.glob("*.d")]
        stats = [(path.name, path.stat()) for path in paths]
        return {(name, one.st_mode, one.st_uid, one.st_gid) for name, one in stats}

    def run(self, name: str, *arguments: str) -> tuple[int, str]:
        # Postfix's programs wait while a main.cf is younger than 2 s (dict_load_file_xt).
        os.utime(self.folder / "main.cf", (0, 0))
        done = self._command("postfix", name, "-c", str(self.folder), *arguments)
        os.utime(self.folder / "main.cf", (0, 0))
        return done.code, done.out + done.err

    def enable(self, *arguments: str) -> tuple[int, str]:
        return self.run("enable", "--no-reload", "--yes", *self._options, *arguments)

    def disable(self) -> tuple[int, str]:
        return self.run("disable", "--no-reload", "--yes")

    def value(self, *names: str) -> str:
        argv = ["postconf", "-c", str(self.folder), "-xh", *names]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()

    def value_of(self, option: str) -> str:
        argv = ["postconf", "-c", str(self.folder), "-xhP", option]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.folder / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))


Make = Callable[[Site], Place]
