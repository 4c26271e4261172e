"""The page and the interface as a process of their own, asked over real sockets."""

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import msgspec

from lab.ports import reserve

SECONDS = 60.0
HOST = "bouncegate.example.com"
COMMAND = (sys.executable, "-m", "bouncegate.cli")
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin", "Origin": f"http://{HOST}"}


class Answer(msgspec.Struct):
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """The only field of a name; empty where there is none."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(found) < 2, f"{name} stands there {len(found)} times"
        return found[0] if found else ""

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def kind(self) -> str:
        """What kind of problem it is."""
        return str(msgspec.json.decode(self.body)["type"]).rpartition("/")[2]


class WebSite:
    """`bouncegate web` in a folder: `PLAIN` is a unix socket that trusts nobody, `tcp` is TCP."""

    def __init__(self, folder: Path, more: str = "") -> None:
        """`more` stands at the end of the config file."""
        self.folder = folder
        self.config = folder / "bouncegate.toml"
        self._reserved = reserve()
        self.port: int = self._reserved.getsockname()[1]
        self.plain = folder / "plain.sock"
        self.proxy = folder / "proxy.sock"
        self.log = folder / "log"
        (folder / "store").mkdir()
        self.config.write_text(
            f'[store]\npath = "{folder}/store"\nmap_size = "64 MiB"\n'
            f'[log]\nlevel = "debug"\n'
            f'[[web.listen]]\nsocket = "unix:{self.plain}"\n'
            f'[[web.listen]]\nsocket = "inet:127.0.0.1:{self.port}"\n'
            f'[[web.listen]]\nsocket = "unix:{self.proxy}"\ntrust = "proxy"\n{more}'
        )

    def command(self, *arguments: str, given: str = "") -> str:
        """Run the command; what it printed."""
        return self._run(arguments, given, check=True)

    def told(self, *arguments: str, given: str = "") -> str:
        """The same of a command whose exit code tells what it found."""
        return self._run(arguments, given, check=False)

    def _run(self, arguments: tuple[str, ...], given: str, *, check: bool) -> str:
        argv = [*COMMAND, "--config", str(self.config), *arguments]
        done = subprocess.run(
            argv, input=given, capture_output=True, text=True, check=check, timeout=SECONDS
        )
        return done.stdout

    @contextmanager
    def serving(
        self, environment: Mapping[str, str] | None = None, command: Sequence[str] = COMMAND
    ) -> Iterator[subprocess.Popen[bytes]]:
        """The daemon, from when it is ready."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready, self.log.open("ab") as log:
            name = self.folder / "notify"
            name.unlink(missing_ok=True)
            ready.bind(str(name))
            ready.settimeout(SECONDS)
            process = subprocess.Popen(
                [*command, "--config", str(self.config), "web"],
                stderr=log,
                stdout=log,
                env={**os.environ, "NOTIFY_SOCKET": str(name), **(environment or {})},
            )
            self.ready = ready
            try:
                self.wait_until_ready()
                yield process
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(20)
                finally:
                    process.kill()
                    process.wait()
                    self._reserved.close()

    def wait_until_ready(self) -> None:
        while b"READY=1" not in self.ready.recv(4096):
            pass

    def connect(self, to: Path | None = None, port: int = 0) -> socket.socket:
        """A connection to a unix socket, or by TCP; `port` is that of a web server in front."""
        if to is None:
            return socket.create_connection(("127.0.0.1", port or self.port), timeout=SECONDS)
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(SECONDS)
        sock.connect(str(to))
        return sock

    def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | Mapping[str, str] | None = None,
        *,
        to: Path | None = None,
        port: int = 0,
    ) -> Answer:
        """One request on a connection of its own; a mapping is sent as a form."""
        fields = {"Host": HOST, **(headers or {})}
        if isinstance(body, Mapping):
            fields["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(body).encode()
        connection = http.client.HTTPConnection(HOST)
        connection.sock = self.connect(to, port)
        try:
            connection.request(method, target, body, fields)
            got = connection.getresponse()
            return Answer(got.status, got.getheaders(), got.read())
        finally:
            connection.close()

    def raw(self, octets: bytes, to: Path | None = None, port: int = 0) -> bytes:
        """All that comes back for octets as they are, until the other end closes."""
        with self.connect(to, port) as sock:
            sock.sendall(octets)
            return b"".join(iter(lambda: sock.recv(65536), b""))

    def logged(self) -> str:
        return self.log.read_text()
