"""What the page's process takes for programs: judging addresses, and the first page of a list.

The site runs as it does in operation, over a store of a million locks; one connection asks, so that
a figure is the time of an answer and not that of a queue. Beside it stands the memory that the
process has for itself, which no file backs.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec

from bench.figures import own_memory
from bench.lists import fill
from bench.output import arguments, show
from bouncegate.config.settings import StoreSettings
from bouncegate.store.store import Store
from lab.ports import reserve

_EVERY: Final = 1 / 500
"""Seconds from one question to the next."""
_SOME: Final = 1000


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    with TemporaryDirectory(prefix="bouncegate-bench-") as name:
        folder = Path(name)
        (folder / "store").mkdir()
        with closing(Store.open(StoreSettings(path=folder / "store"))) as store:
            fill(store, options.locks)
        with _site(folder) as (pid, connection, token):
            client = _Client(connection, token)
            first = client.get("/addresses?limit=1000")["items"]
            names = [row["address"] for row in first]
            body = msgspec.json.encode({"addresses": names[:_SOME]})
            check = iter(_checks(names))
            rows = [
                client.row(
                    "GET check, 500 a second", lambda: client.get(next(check)), 2000, _EVERY
                ),
                client.row("POST check, 1,000 addresses", lambda: client.post("/check", body), 30),
                client.row("list, first 100 rows", lambda: client.get("/addresses"), 100),
                client.row("list, 1,000 rows", lambda: client.get("/addresses?limit=1000"), 30),
                client.row(
                    "list by address, 1,000 rows",
                    lambda: client.get("/addresses?limit=1000&order=address"),
                    30,
                ),
            ]
            memory = own_memory(pid) / 2**20
        show(f"{options.locks:,} locks; own memory {memory:.0f} MB", rows, as_json=options.json)


def _checks(names: list[str]) -> Iterator[str]:
    while True:
        yield from (f"/check?address={name.replace('@', '%40')}" for name in names)


class _Client:
    """Asks on one connection."""

    def __init__(self, connection: HTTPConnection, token: str) -> None:
        self._connection = connection
        self._headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> Any:
        return self._ask("GET", path, None)

    def post(self, path: str, body: bytes) -> Any:
        return self._ask("POST", path, body)

    def row(
        self, what: str, ask: Callable[[], object], times: int, every: float = 0.0
    ) -> dict[str, Any]:
        """The times of so many answers, one each `every` seconds."""
        took = []
        for _ in range(times):
            began = time.perf_counter()
            ask()
            took.append(time.perf_counter() - began)
            time.sleep(max(every - took[-1], 0))
        last = quantiles(took, n=100)[-1]
        return {"what": what, "p50 ms": 1000 * median(took), "p99 ms": 1000 * last}

    def _ask(self, method: str, path: str, body: bytes | None) -> Any:
        self._connection.request(method, f"/api/v1{path}", body, self._headers)
        answer = self._connection.getresponse()
        octets = answer.read()
        if answer.status != 200:
            sys.exit(f"{path}: {answer.status}: {octets.decode()}")
        return msgspec.json.decode(octets)


@contextmanager
def _site(folder: Path) -> Iterator[tuple[int, HTTPConnection, str]]:
    """The running page: its process, a connection to it, and a token."""
    with closing(reserve()) as reserved:
        port = reserved.getsockname()[1]
        config = folder / "bouncegate.toml"
        config.write_text(
            f'[store]\npath = "{folder}/store"\n[api]\nrate = 10000\n'
            f'[[web.listen]]\nsocket = "inet:127.0.0.1:{port}"\n'
        )
        command = [sys.executable, "-m", "bouncegate.cli", "--config", str(config), "web"]
        add = [*command, "token", "add", "bench", "--scope", "check,read"]
        token = subprocess.run(add, capture_output=True, text=True, check=True).stdout.strip()
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                connection = HTTPConnection("127.0.0.1", port)
                _connect(connection)
                with closing(connection):
                    yield process.pid, connection, token
            finally:
                process.terminate()


def _connect(connection: HTTPConnection) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            connection.connect()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


if __name__ == "__main__":
    main()
