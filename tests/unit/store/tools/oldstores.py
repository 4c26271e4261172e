"""Stores as earlier versions have written them, record by record: no code of today writes them.

Four kinds, all of layout 1, in the order in which they came: `FIRST`, whose acts have one address
and whose states hold their locks; `GUARDED`, with the guard's tables; `COURSES`, whose states tell
the moments of failures; `LISTED`, with shelves and what DNS and Postfix's log tell.
"""

import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import lmdb
import msgspec
import zstandard

from .site import NOW

FIRST: Final = "first"
GUARDED: Final = "guarded"
COURSES: Final = "courses"
LISTED: Final = "listed"
KINDS: Final = (FIRST, GUARDED, COURSES, LISTED)

_TABLES: Final = {
    FIRST: ("meta", "locks", "addresses", "journal", "by_address", "once", "messages"),
    GUARDED: ("voided", "held", "incidents", "window", "seen", "series", "tallies"),
    COURSES: (),
    LISTED: (
        *("mx", "mx_hosts", "mx_wanted", "shelves", "ends", "deferred", "accepted"),
        *("used", "used_by_day", "invalid"),
    ),
}
_SORTED: Final = {"by_address", "ends"}
_LONG: Final = 1500
_YEAR: Final = 365 * 86_400
_NO_END: Final = 0xFFFF_FFFF
MANY: Final = tuple(f"u{number:03}@many.example" for number in range(300))

Record = dict[str, Any]


def make(kind: str, folder: Path, layout: int = 1) -> None:
    """A store of that kind in a new folder."""
    folder.mkdir()
    names = [name for one in KINDS[: KINDS.index(kind) + 1] for name in _TABLES[one]]
    with closing(lmdb.open(str(folder), map_size=2**26, max_dbs=32)) as environment:
        tables = {
            name: environment.open_db(
                name.encode(),
                dupsort=name in _SORTED or name == "used_by_day",
                dupfixed=name in _SORTED,
            )
            for name in names
        }
        with environment.begin(write=True) as transaction:
            for name, key, value in _records(kind):
                transaction.put(key, value, db=tables[name])
            transaction.put(b"layout", struct.pack(">I", layout), db=tables["meta"])


def read(folder: Path, table: str) -> list[tuple[bytes, bytes]]:
    """All records of a table."""
    options = {"readonly": True, "lock": False, "max_dbs": 64}
    with closing(lmdb.open(str(folder), **options)) as environment:  # type: ignore[arg-type]
        database = environment.open_db(table.encode(), create=False)
        with environment.begin() as transaction, transaction.cursor(database) as cursor:
            return list(cursor)


def _records(kind: str) -> Iterator[tuple[str, bytes, bytes]]:
    yield from _entries(kind)
    for address, (lock, state) in _states(kind).items():
        if lock is not None:
            yield "locks", address.encode(), lock
        if state:
            yield "addresses", address.encode(), msgspec.msgpack.encode(state)
        if kind == LISTED and lock is not None and (end := lock[4:8]) != b"\xff" * 4:
            yield "ends", end[::-1], lock[12:][::-1]
    if kind == LISTED:
        yield "shelves", b"dfull@shop.example", b""
        yield "shelves", b"dbob@shop.example", b""
    if kind != FIRST:
        yield "voided", (3).to_bytes(8, "big"), (8).to_bytes(8, "big")


def _entries(kind: str) -> Iterator[tuple[str, bytes, bytes]]:
    for number, entry in enumerate(_journal(kind), 1):
        key, octets = number.to_bytes(8, "big"), msgspec.msgpack.encode(entry)
        if len(octets) > _LONG and kind != FIRST:
            octets = zstandard.ZstdCompressor().compress(octets)
        yield "journal", key, octets
        if "identity" in entry:
            yield "once", entry["identity"], key
        addresses = (entry["address"],) if "address" in entry else entry.get("addresses", ())
        for address in addresses:
            yield "by_address", address.encode(), key


def _journal(kind: str) -> list[Record]:
    def act(number: int, addresses: tuple[str, ...], verb: str, **more: object) -> Record:
        whom = {"address": addresses[0]} if kind == FIRST else {"addresses": addresses}
        return {"type": "act", **whom, "time": NOW + number, "verb": verb, "by": "root", **more}

    entries = [
        _event(1, "user@shop.example", "hard", "address", "user-unknown"),
        _event(2, "full@shop.example", "soft", "mailbox", "mailbox-full"),
        _event(3, "full@shop.example", "soft", "mailbox", "mailbox-full"),
        act(4, ("ann@hand.example",), "lock", why="asked"),
        act(5, ("@dead.example",), "lock", until=NOW + 9999),
        _event(6, "bob@shop.example", "hard", "address", "user-unknown"),
        act(7, ("bob@shop.example",), "unlock"),
    ]
    if kind != FIRST:
        void = {"type": "ruling", "verb": "void", "numbers": (3,), "time": NOW + 8, "by": "root"}
        entries += [void, act(9, MANY, "lock", until=NOW + 9999)]
    return entries


def _event(number: int, address: str, kind: str, category: str, reason: str) -> Record:
    return {
        "type": "event",
        "address": address,
        "time": NOW + number,
        "kind": kind,
        "category": category,
        "reason": reason,
        "rule": "r",
        "trust": "signed",
        "identity": number.to_bytes(16, "big"),
        "diagnostic": "550 5.1.1 no such user here",
        "provider": "provider1",
    }


def _states(kind: str) -> dict[str, tuple[bytes | None, Record]]:
    """By address: its lock record, and what was counted."""
    soft = 2 if kind == FIRST else 1
    softly = {"soft_in_row": soft, "soft": soft, "categories": {"soft/mailbox": soft}}
    last = NOW + 1 + soft
    full = {**softly, "first_event": NOW + 2, "last_event": last}
    bob = _counted_hard(6)
    user = {"hard_in_row": 1, **_counted_hard(1), "times_locked": 1}
    if kind in (COURSES, LISTED):
        full["soft_run"] = (NOW + 2,)
        user |= {"hard_run": (NOW + 1,), "needed": 1}
    found: dict[str, tuple[bytes | None, Record]] = {
        "full@shop.example": (None, full),
        "bob@shop.example": (None, {**bob, "times_locked": 1}),
        "user@shop.example": (_lock(0, 1, 1, 1, NOW + 1 + _YEAR), user),
        "ann@hand.example": (_lock(1, 0, 26, 4, _NO_END), {}),
        "@dead.example": (_lock(1, 0, 26, 5, NOW + 9999), {}),
    }
    if kind != FIRST:
        return found | {name: (_lock(1, 0, 26, 9, NOW + 9999), {}) for name in MANY}
    for address, cause, until in (
        ("ann@hand.example", 4, _NO_END),
        ("@dead.example", 5, NOW + 9999),
    ):
        told = {"kind": "hard", "category": "undefined", "reason": "operator", "origin": "manual"}
        lock = {**told, "since": NOW + cause, "until": until, "cause": cause}
        found[address] = (found[address][0], {"lock": lock, "times_locked": 1})
    return found


def _counted_hard(number: int) -> Record:
    counts = {"hard": 1, "categories": {"hard/address": 1}}
    return {**counts, "first_event": NOW + number, "last_event": NOW + number}


def _lock(origin: int, category: int, reason: int, cause: int, until: int) -> bytes:
    """A hard lock; all numbers are those of the first version."""
    return struct.pack("<BBBBIIQ", 16 | origin, 0, category, reason, until, NOW + cause, cause)
