"""What an operator's work on a million addresses costs, while mail flows and bounces come in.

A client sends recipient after recipient through the milter, another hands over twenty DSNs a
second; each waits for its answer. For each command: how long it took, what memory it had for
itself, and how long the worst DSN waited meanwhile, beside the worst of a quiet time; and how long
another writer waited for the write lock at most, which no transaction may hold for more than 50 ms.
No DSN may be lost: at the end, what was acknowledged is counted in the store.
"""

import csv
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from smtplib import LMTP
from typing import Any, Final

from bench.contender import Contender
from bench.dsns import RETURN_PATH, dsn
from bench.figures import cost_of_command
from bench.load import Load
from bench.output import arguments, show
from bouncegate.config.settings import StoreSettings
from bouncegate.policy.records import Event
from bouncegate.store.store import Store
from lab.bouncegate import Bouncegate, Sections
from lab.folder import LabFolder

_PAUSE: Final = 0.05
_QUIET: Final = 5.0
_SECTIONS: Final[Sections] = {"guard": {"enabled": False}, "store": {"map_size": "16 GiB"}}


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    with LabFolder() as folder:
        gate = Bouncegate(folder, folder.path / "sockets", _SECTIONS)
        gate.start()
        bounces = _Bounces(gate)
        contender = Contender(gate.store)
        files = _files(folder.path, options.locks)
        with bounces.coming_in(), _mail(gate, folder.path), contender.asking():
            time.sleep(_QUIET)
            rows = [{"command": "(quiet)", "s": _QUIET, "MB": "-", **_waits(bounces, contender)}]
            for words in _commands(files):
                took, _, memory = cost_of_command(gate.config, words)
                name = " ".join(word for word in words if "/" not in word)
                row = {"command": name, "s": round(took, 1), "MB": round(memory)}
                rows.append(row | _waits(bounces, contender))
        bounces.verify()
    show(f"{options.locks:,} addresses, mail and bounces meanwhile", rows, as_json=options.json)


def _waits(bounces: "_Bounces", contender: Contender) -> dict[str, Any]:
    return {**bounces.since_last(), "lock ms": round(contender.worst() * 1000, 1)}


def _files(folder: Path, number: int) -> dict[str, Path]:
    names = ("given.csv", "locked.csv", "corrected.csv", "listed.csv")
    files = {name: folder / name for name in names}
    with files["given.csv"].open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("address", "reason", "why"))
        for n in range(number):  # spread, so that neighbours in the file are none in the store
            name = f"reader.{n * 7919 % 10_000_019:08d}@mail{n % 2000}.de"
            writer.writerow((name, "user-unknown", "moved from another service"))
    return files


def _commands(files: dict[str, Path]) -> Iterator[list[str]]:
    given, locked, corrected = (str(files[n]) for n in ("given.csv", "locked.csv", "corrected.csv"))
    yield ["import", "--yes", "--locks", given]
    yield ["import", "--yes", "--locks", given]
    yield ["list", "--csv"]
    yield ["list", "--json", "--sort", "since", "--descending"]
    yield ["list", "--json", "--reason", "mailbox-full"]
    yield ["export", "--with-id", "-o", locked]
    _correct(files["locked.csv"], files["corrected.csv"])
    yield ["import", "--yes", "--force", "--corrections", corrected]
    yield ["unlock", "--all", "--yes", "--force"]


def _correct(locked: Path, corrected: Path) -> None:
    """Ten thousand of the addresses were mistyped."""
    with locked.open(newline="") as file, corrected.open("w", newline="") as out:
        for number, line in enumerate(file):
            mistyped = number and number < 10_001
            out.write(line.replace("reader.", "leser.", 1) if mistyped else line)


class _Bounces:
    """DSNs that come in one after the other, for as long as the commands run."""

    def __init__(self, gate: Bouncegate) -> None:
        self._gate = gate
        self._waits: list[float] = []
        self._taken = 0

    @contextmanager
    def coming_in(self) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self._hand_over, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _hand_over(self, stop: threading.Event) -> None:
        with closing(LMTP(str(self._gate.return_path_socket))) as lmtp:
            lmtp.ehlo()  # says LHLO
            while not stop.wait(_PAUSE):
                began = time.monotonic()
                lmtp.mail("")
                lmtp.rcpt(RETURN_PATH)
                code, text = lmtp.data(dsn(self._taken))
                if code != 250:
                    os.write(2, b"bench: a DSN was not taken: " + text + b"\n")
                    os._exit(1)
                self._taken += 1
                self._waits.append(time.monotonic() - began)

    def since_last(self) -> dict[str, Any]:
        """Of the DSNs since the last time."""
        waits, self._waits = sorted(self._waits), []
        ms = [round(wait * 1000, 1) for wait in waits] or [0.0]
        return {"DSNs": len(waits), "p50 ms": ms[len(ms) // 2], "worst ms": ms[-1]}

    def verify(self) -> None:
        """End the benchmark if the store lacks what was acknowledged."""
        with closing(Store.open(StoreSettings(path=self._gate.store), readonly=True)) as store:
            kept = sum(isinstance(entry, Event) for _, entry in store.journal.entries())
        if kept != self._taken:
            sys.exit(f"bench: {self._taken} DSNs were acknowledged, {kept} are in the store")


@contextmanager
def _mail(gate: Bouncegate, folder: Path) -> Iterator[None]:
    """One client at the milter, message after message."""
    load = Load(folder, [f"member{n}@clean.example" for n in range(1000)])
    stop = threading.Event()

    def send() -> None:
        while not stop.is_set():
            load.run(gate.milter_socket, 1, 10, 0.2)
            stop.wait(0.2)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


if __name__ == "__main__":
    main()
