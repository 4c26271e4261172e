"""What the page's process takes, for programs and for people: judging addresses, pages of lists.

The site runs as it does in operation, over a store of a million locks; one connection asks, so that
a figure is the time of an answer and not that of a queue. Beside it stands the processor time of an
answer, and the memory that the process has for itself, which no file backs.
"""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import urlencode

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
_USER: Final = "bench"
_PASSWORD: Final = "a password for a minute"


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    with TemporaryDirectory(prefix="bouncegate-bench-") as name:
        folder = Path(name)
        (folder / "store").mkdir()
        with closing(Store.open(StoreSettings(path=folder / "store"))) as store:
            fill(store, options.locks)
        with _site(folder) as (pid, connection, token):
            client = _Client(connection, pid, {"Authorization": f"Bearer {token}"})
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
            rows += _pages(connection, pid)
            memory = own_memory(pid) / 2**20
        show(f"{options.locks:,} locks; own memory {memory:.0f} MB", rows, as_json=options.json)


def _checks(names: list[str]) -> Iterator[str]:
    while True:
        yield from (f"/check?address={name.replace('@', '%40')}" for name in names)


def _pages(connection: HTTPConnection, pid: int) -> Iterator[dict[str, Any]]:
    """Pages as a browser has them. A session may ask 80 times at once: each has its own."""
    for what, path in (
        ("page: start", "/"),
        ("page: first 50 locks", "/recipients?tab=locked"),
        ("page: first 50 bounces", "/recipients?tab=bounces"),
        ("page: search by beginning", "/recipients?tab=locked&q=reader.0001"),
        ("page: search by domain", "/recipients?tab=locked&q=@mail7.de"),
        ("page: search by a domain of nobody", "/recipients?tab=locked&q=@nowhere.de"),
        ("page: one address", "/recipients/reader.00000000@mail0.de"),
    ):
        client = _Client(connection, pid, {"Cookie": _logged_in(connection)})
        client.get_page(path)
        yield client.row(what, partial(client.get_page, path), 60)


def _logged_in(connection: HTTPConnection) -> str:
    """The cookie of a new session."""
    connection.request("GET", "/login")
    answer = connection.getresponse()
    token = re.search(r'name="csrf" value="([0-9a-f]+)"', answer.read().decode())
    assert token, "the form of the login has a token"
    fields = {
        "Cookie": (answer.getheader("set-cookie") or "").partition(";")[0],
        "Sec-Fetch-Site": "same-origin",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    form = urlencode({"csrf": token[1], "user": _USER, "password": _PASSWORD})
    connection.request("POST", "/login", form, fields)
    answer = connection.getresponse()
    answer.read()
    return (answer.getheader("set-cookie") or "").partition(";")[0]


class _Client:
    """Asks on one connection."""

    def __init__(self, connection: HTTPConnection, pid: int, headers: dict[str, str]) -> None:
        self._connection = connection
        self._pid = pid
        self._headers = headers

    def get(self, path: str) -> Any:
        return msgspec.json.decode(self._ask("GET", f"/api/v1{path}", None))

    def get_page(self, path: str) -> bytes:
        return self._ask("GET", path, None)

    def post(self, path: str, body: bytes) -> Any:
        return msgspec.json.decode(self._ask("POST", f"/api/v1{path}", body))

    def row(
        self, what: str, ask: Callable[[], object], times: int, every: float = 0.0
    ) -> dict[str, Any]:
        """The times of so many answers, one each `every` seconds."""
        took = []
        before = _processor_seconds(self._pid)
        for _ in range(times):
            began = time.perf_counter()
            ask()
            took.append(time.perf_counter() - began)
            time.sleep(max(every - took[-1], 0))
        last = quantiles(took, n=100)[-1]
        spent = (_processor_seconds(self._pid) - before) / times
        return {
            "what": what,
            "p50 ms": 1000 * median(took),
            "p99 ms": 1000 * last,
            "processor ms": 1000 * spent,
        }

    def _ask(self, method: str, path: str, body: bytes | None) -> bytes:
        self._connection.request(method, path, body, self._headers)
        answer = self._connection.getresponse()
        octets = answer.read()
        if answer.status != 200:
            sys.exit(f"{path}: {answer.status}: {octets.decode()}")
        return octets


def _processor_seconds(pid: int) -> float:
    """Processor time of all threads of a process, to a nanosecond (proc(5), schedstat)."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


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
        account = [*command, "account", "add", _USER, "--role", "admin"]
        subprocess.run(account, input=_PASSWORD, capture_output=True, text=True, check=True)
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
