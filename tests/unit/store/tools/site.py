"""A store with something in each of its tables, and what another process does to it meanwhile."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from msgspec.structs import replace
from tests.events import event_of

from bouncegate.config.settings import (
    GuardSettings,
    LedgerSettings,
    PolicySettings,
    StoreSettings,
    Trust,
)
from bouncegate.config.taxonomy import Reason
from bouncegate.config.values import Size
from bouncegate.policy.fold import Policy
from bouncegate.policy.guard import Guard
from bouncegate.policy.records import Act, Delivered, Event, Ruling
from bouncegate.store.entry import Sent, entry_of
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Bounce, Store
from bouncegate.store.tools.backup import Source

NOW: Final = 1_790_000_000
ROOT: Final = Path(__file__).resolve().parents[4]
SIGNED: tuple[Trust, ...] = ("signed",)
POLICY: Final = Policy(
    PolicySettings(), SIGNED, guard=Guard(GuardSettings(addresses=1000), lambda *_: None)
)
LEDGER: Final = LedgerSettings(max_size=Size(2**26))
LARGE: Final = 100_000


def settings_of(folder: Path, size: int = 2**27) -> StoreSettings:
    return StoreSettings(path=folder, map_size=Size(size))


def event(number: int, reason: Reason = Reason.USER_UNKNOWN, *, group: str = "") -> Event:
    return event_of(
        f"user{number:06}@shop{number % 7}.example",
        NOW + number,
        reason,
        identity=number.to_bytes(16, "big"),
        diagnostic="550 5.1.1 no such user here",
        provider=f"provider{number % 3}",
        group=group,
    )


def bounce(number: int, reason: Reason = Reason.USER_UNKNOWN, size: int = 300) -> Bounce:
    raw = f"bounce {number} ".encode() + os.urandom(size // 2).hex().encode()
    return Bounce((event(number, reason),), raw, ("shop.example",))


def fill(folder: Path, count: int = 60) -> None:
    """A store, a ledger and keys."""
    folder.mkdir(exist_ok=True)
    with closing(Store.open(settings_of(folder))) as store:
        for number in range(1, count):
            reason = Reason.MAILBOX_FULL if number % 4 == 0 else Reason.USER_UNKNOWN
            store.record([bounce(number, reason)], POLICY)
        store.record([bounce(count, size=LARGE)], POLICY)
        forged = replace(event(count + 1), address="", time=NOW + 10, trust="unverified", named=9)
        store.record([Bounce((forged,), b"anybody wrote this")], POLICY)
        known = tuple(event(number).address for number in (4, 8))
        store.act([Delivered(known, NOW + 500, NOW + 400, "ledger")], POLICY.fold)
        acts = [
            Act(("ann@hand.example", "@dead.example"), NOW + 501, "lock", by="root", why="asked"),
            Act((event(1).address,), NOW + 502, "unlock", by="root"),
            Act(("eve@hand.example",), NOW + 503, "lock", by="root", until=NOW + 9999, group="g"),
        ]
        store.act(acts, POLICY.fold)
        store.void([2, 3], Ruling("void", (), NOW + 504, by="root", why="outage"), POLICY.fold)
        store.lastmailed.record(
            {"ann@hand.example": 20_000, "x@y..z": 20_001}, lambda a: "two dots"[: 9 * (".." in a)]
        )
    with closing(Ledger.open(settings_of(folder), LEDGER, readonly=False)) as ledger:
        sent = Sent(NOW, b"message1", "news@a.example", ("ann@hand.example",), queue_id="4aBc")
        ledger.write([entry_of(sent)])
    keys = folder / "keys"
    keys.touch(0o600)
    keys.write_text(f"1 2026-01-01T00:00:00Z {'ab' * 32}\n")


@contextmanager
def source_of(folder: Path) -> Iterator[Source]:
    with (
        closing(Store.open(settings_of(folder), readonly=True)) as store,
        closing(Ledger.open(settings_of(folder), LEDGER)) as ledger,
    ):
        yield Source(folder, store, ledger)


@contextmanager
def another_process(program: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs `program`, with this module's names and `folder`; it has said a line."""
    code = f"from tests.unit.store.tools.site import *\nfolder = Path({str(folder)!r})\n{program}"
    argv = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, cwd=ROOT, stdout=pipe, stdin=pipe) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip(), "it says when it is ready"
            yield process
        finally:
            process.kill()
