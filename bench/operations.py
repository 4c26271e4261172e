"""What mail and bounces meet while the files of a store are worked on, at a million locks.

Backup and verify run beside all daemons; for compact, restore and upgrade the return path and
maintain are stopped, and DSNs wait, as in Postfix's queue. All the while recipients come to the
milter, all of them locked at one client and none at the other, and the map is asked for both. Of
each operation: how long it took, how many recipients were refused that are locked and that are
not, and how many DSNs were acknowledged and handed over in vain. At the end each DSN that was
acknowledged must be in the journal, once.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final

from bench.load import Load
from bench.lockedstore import LockedStore, locked_store
from bench.output import arguments, show
from bench.traffic import Dsns, Questions, running
from bouncegate.config.settings import StoreSettings
from bouncegate.policy.records import Event
from bouncegate.store.layout import open_environment, set_layout
from bouncegate.store.store import Store
from lab.bouncegate import Bouncegate, Sections
from lab.folder import LabFolder
from lab.system import RETURN_DOMAIN

_OLD: Final = 1
_QUIET: Final = 5.0
# A daemon looks once a second whether its files are still the store's.
_NOTICED: Final = 2.5


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    with locked_store(options.locks) as locked, LabFolder() as folder:
        gate = Bouncegate(folder, folder.path / "sockets", _sections(locked))
        gate.store = locked.settings.path
        gate.start()
        gate.start_map()
        gate.start_maintain()
        with ExitStack() as stack:
            traffic = _Traffic(stack, gate, folder.path, locked)
            time.sleep(_QUIET)
            rows = [traffic.row("(quiet)", _QUIET), *_rows(gate, folder.path, traffic)]
        wrong = [*traffic.wrong(), *_wrong(gate, traffic.dsns)]
    show(f"operations at {options.locks:,} locks", rows, as_json=options.json)
    print(*(wrong or ["nothing is wrong"]), sep="\n")
    sys.exit(bool(wrong))


def _sections(locked: LockedStore) -> Sections:
    return {
        "store": {"path": str(locked.settings.path), "map_size": "16 GiB"},
        "guard": {"enabled": False},
        "dns": {"enabled": False},
        "return_path": {"domain": RETURN_DOMAIN, "count": ["signed"]},
    }


class _Recipients:
    """Recipients at the milter, a session after the other: all of them locked, or none."""

    def __init__(
        self, gate: Bouncegate, folder: Path, addresses: list[str], *, locked: bool
    ) -> None:
        folder.mkdir()
        self._locked = locked
        self.wrong: list[str] = []
        self._load = Load(folder, addresses)
        self._socket = gate.milter_socket
        self._asked = self._refused = 0.0

    def step(self) -> None:
        """A second of them: a busy machine may answer none for some tenths of one."""
        seconds = 1.0
        figures = self._load.run(self._socket, 1, 5, seconds)
        self._asked += figures.rate * seconds
        self._refused += figures.rate * seconds * figures.refused_share
        if figures.refused_share != self._locked:
            self.wrong.append(f"refused, where locked is {self._locked}: {figures.refused_share}")

    def since_last(self) -> str:
        """How many were refused, of how many, since the last time."""
        asked, refused = round(self._asked), round(self._refused)
        self._asked = self._refused = 0.0
        return f"{refused:,} of {asked:,}"


class _Traffic:
    """All that comes in until the end."""

    def __init__(
        self, stack: ExitStack, gate: Bouncegate, folder: Path, locked: LockedStore
    ) -> None:
        good = [f"member{n}@clean.example" for n in range(1000)]
        self._locked = _Recipients(gate, folder / "locked", locked.locked, locked=True)
        self._good = _Recipients(gate, folder / "good", good, locked=False)
        self.questions = Questions(gate, locked.locked[0])
        self.dsns = Dsns(gate)
        self._taken = self._again = 0
        for one in (self._locked, self._good, self.questions, self.dsns):
            stack.enter_context(running(one))

    def wrong(self) -> list[str]:
        """Answers that were not as they must be."""
        return [*self._locked.wrong, *self._good.wrong, *self.questions.wrong]

    def row(self, name: str, seconds: float) -> dict[str, Any]:
        """What came in since the last row."""
        taken, again = len(self.dsns.acknowledged), self.dsns.again
        row = {
            "": name,
            "s": round(seconds, 1),
            "locked, refused": self._locked.since_last(),
            "good, refused": self._good.since_last(),
            "DSNs": taken - self._taken,
            "in vain": again - self._again,
        }
        self._taken, self._again = taken, again
        return row


def _rows(gate: Bouncegate, folder: Path, traffic: _Traffic) -> Iterator[dict[str, Any]]:
    def run(*words: str) -> dict[str, Any]:
        began = time.monotonic()
        if (done := gate.run("store", *words, seconds=1800)).returncode:
            sys.exit(f"bench: {' '.join(words)}: {done.stdout.decode()}{done.stderr.decode()}")
        took = time.monotonic() - began
        time.sleep(_NOTICED)
        return traffic.row(words[0], took)

    saved = str(folder / "backup")
    yield run("backup", "--without-ledger", saved)
    yield run("verify")
    with _writers_stopped(gate):
        yield run("compact")
    with _writers_stopped(gate):  # what came after a backup would be lost with it
        yield run("backup", "--without-ledger", f"{saved}-before-restore")
        yield run("restore", "--replace", f"{saved}-before-restore")
    with _writers_stopped(gate):
        settings = StoreSettings(path=gate.store)
        with closing(open_environment(settings, readonly=False)) as environment:
            set_layout(environment, _OLD)
        yield run("upgrade")
    time.sleep(_QUIET)
    yield traffic.row("(quiet)", _QUIET)


@contextmanager
def _writers_stopped(gate: Bouncegate) -> Iterator[None]:
    assert gate.return_path is not None
    assert gate.maintain is not None
    gate.return_path.stop()
    gate.maintain.stop()
    yield
    gate.start_return_path()
    gate.start_maintain()


def _wrong(gate: Bouncegate, dsns: Dsns) -> list[str]:
    with closing(Store.open(StoreSettings(path=gate.store), readonly=True)) as store:
        events = Counter(e.address for _, e in store.journal.entries() if isinstance(e, Event))
    return [f"{one}: {events[one]} entries" for one in dsns.acknowledged if events[one] != 1]


if __name__ == "__main__":
    main()
