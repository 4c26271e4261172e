"""What events cost: made from the journal, sent to a receiver on this machine; how late they are.

The receiver is a process of its own that answers 200 at once; the daemon is `bouncegate events` as
it is installed. How late an event is, is the time from the commit of its bounce to its arrival.
What it costs to make one is processor time.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.output import arguments, show
from bouncegate.config.reasons import REASONS
from bouncegate.config.settings import PolicySettings, StoreSettings
from bouncegate.config.taxonomy import Reason
from bouncegate.config.values import Size
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Event
from bouncegate.store.store import Bounce, Store
from bouncegate.web.events.position import Position
from bouncegate.web.events.source import Source

_EVENTS: Final = 5000
_AT_ONCE: Final = 50
_EVERY: Final = 0.02
_POLICY: Final = Policy(PolicySettings(), ["signed"])


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    with TemporaryDirectory(prefix="bench-events-") as name:
        folder = Path(name)
        (folder / "store").mkdir()
        settings = StoreSettings(path=folder / "store", map_size=Size(2**30))
        with closing(Store.open(settings)) as store, _receiver() as receiver:
            _configure(folder, receiver.port)
            rows = list(_made(store))
            with _daemon(folder):
                rows += [
                    *_sent(store, receiver),
                    *_late(store, receiver, max(options.seconds, 10.0)),
                ]
    show("events", rows, as_json=options.json)


def _row(figure: str, value: float, at_most: float | str = "-") -> dict[str, Any]:
    return {"figure": figure, "value": round(value, 3), "at most": at_most}


def _made(store: Store) -> Iterator[dict[str, Any]]:
    """What it costs to make them, each bounce with the lock that it makes."""
    start = store.journal.last()
    _bounce(store, [f"made{n}@example.com" for n in range(_EVENTS)], Reason.USER_UNKNOWN)
    source, position = (
        Source(store, None, _POLICY, "bench"),
        Position(start, int(time.time()), 0, 0),
    )
    began, count = time.process_time(), 0
    while True:
        portion = source.read(position, 100, int(time.time()))
        count, position = count + len(portion.told), portion.behind
        if portion.is_last:
            break
    took = time.process_time() - began
    yield _row("an event, made from the journal, us", took / count * 1e6)


def _sent(store: Store, receiver: "_Receiver") -> Iterator[dict[str, Any]]:
    """How many a second arrive, while a backlog is worked off."""
    receiver.wait_until_quiet()
    before = len(receiver.arrivals)
    names = [f"sent{n}@example.com" for n in range(_EVENTS)]
    began = time.perf_counter()
    _bounce(store, names, Reason.SPAM_BLOCK)
    while len(receiver.arrivals) - before < _EVENTS:
        time.sleep(0.01)
    yield _row("events a second at one receiver", _EVENTS / (time.perf_counter() - began))


def _late(store: Store, receiver: "_Receiver", seconds: float) -> Iterator[dict[str, Any]]:
    """How late an event is, fifty a second."""
    receiver.wait_until_quiet()
    committed: dict[str, float] = {}
    for n in range(int(seconds / _EVERY)):
        name = f"late{n}@example.com"
        _bounce(store, [name], Reason.SPAM_BLOCK)
        committed[name] = time.time()
        time.sleep(_EVERY)
    receiver.wait_until_quiet()
    late = sorted(receiver.arrivals[name] - then for name, then in committed.items())
    yield _row("from the journal to the receiver, median, ms", statistics.median(late) * 1000)
    yield _row("the same, 99th percentile, ms", late[int(len(late) * 0.99)] * 1000, 2000)


def _bounce(store: Store, names: list[str], reason: Reason) -> None:
    definition, now = REASONS[reason], int(time.time())
    for start in range(0, len(names), _AT_ONCE):
        events = [
            Event(
                name,
                now,
                definition.kind,
                definition.category,
                reason,
                "bench",
                "signed",
                os.urandom(16),
                sender="news@shop.example",
            )
            for name in names[start : start + _AT_ONCE]
        ]
        store.record([Bounce([one], b"") for one in events], _POLICY)


def _configure(folder: Path, port: int) -> None:
    (folder / "bouncegate.toml").write_text(
        f'[store]\npath = "{folder}/store"\nmap_size = "1 GiB"\n[dns]\nenabled = false\n'
        '[events]\nenabled = true\n[[events.endpoint]]\nname = "bench"\n'
        f'url = "http://127.0.0.1:{port}/"\ntypes = ["bounce.received"]\n'
    )


@contextmanager
def _daemon(folder: Path) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.bind(str(folder / "notify"))
        argv = [sys.executable, "-m", "bouncegate.cli", "--config", str(folder / "bouncegate.toml")]
        environment = {**os.environ, "NOTIFY_SOCKET": str(folder / "notify")}
        process = subprocess.Popen([*argv, "events"], env=environment)
        try:
            while b"READY=1" not in ready.recv(4096):
                pass
            time.sleep(1.0)  # its endpoint has begun
            yield
        finally:
            process.terminate()
            process.wait()


class _Receiver:
    """What has arrived at the process, which writes it down a line each."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.arrivals: dict[str, float] = {}
        assert process.stdout is not None, "it is a pipe"
        self._lines = process.stdout
        self.port = int(self._lines.readline())
        threading.Thread(target=self._read, daemon=True).start()

    def wait_until_quiet(self) -> None:
        """Until nothing has come for a second."""
        known = -1
        while known != len(self.arrivals):
            known = len(self.arrivals)
            time.sleep(1.0)

    def _read(self) -> None:
        for line in self._lines:
            when, _, name = line.strip().partition(" ")
            self.arrivals[name] = float(when)


@contextmanager
def _receiver() -> Iterator[_Receiver]:
    argv = [sys.executable, "-m", "bench.events", "receiver"]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    try:
        yield _Receiver(process)
    finally:
        process.kill()
        process.wait()


def _receive() -> None:
    """The process of the receiver."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            when = time.time()
            event = json.loads(self.rfile.read(int(self.headers["content-length"])))
            sys.stdout.write(f"{when} {event['data']['address']}\n")
            sys.stdout.flush()
            self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1:] == ["receiver"]:
        _receive()
    else:
        main()
