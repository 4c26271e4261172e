"""Copies by records: a copy holds what the environment held, whatever was done to it before.

A model in plain dicts goes beside an environment with the kinds of tables that a store has; every
few steps the environment is reopened, compared, or replaced by a copy of itself that has been given
another number, as a compaction does.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import lmdb
import pytest
from lmdb import verify

from bouncegate.store.metapages import meta_pages_of, renumber, smallest_number
from bouncegate.store.recordcopy import copy_records

KINDS: Final[dict[bytes, dict[str, Any]]] = {
    b"one value": {},
    b"many values": {"dupsort": True},
    b"many of one size": {"dupsort": True, "dupfixed": True},
}
MAP: Final = 2**28

Model = dict[bytes, dict[bytes, set[bytes]]]


def open_files(folder: Path) -> lmdb.Environment:
    environment = lmdb.open(str(folder), map_size=MAP, max_dbs=8, sync=False)
    for name, flags in KINDS.items():
        environment.open_db(name, **flags)
    return environment


def copied(environment: lmdb.Environment, target: Path) -> Path:
    target.touch(exist_ok=False)
    copy_records(environment, target)
    return target


def contents(environment: lmdb.Environment) -> dict[bytes, list[tuple[bytes, bytes]]]:
    with environment.begin() as transaction:
        return {
            name: list(transaction.cursor(environment.open_db(name, transaction)).iternext())
            for name in KINDS
        }


def problems(data: Path) -> list[Any]:
    return list(verify.verify(str(data), subdir=False))  # type: ignore[no-untyped-call]


class Walk:
    """Random steps through an environment and its model."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.random = random.Random(seed)
        self.keys = self.random.choice((1, 5, 200))
        self.values = self.random.choice((20, 400, 3000))
        self.folder = folder
        self.environment = open_files(folder)
        self.model: Model = {name: {} for name in KINDS}
        self.copies = 0

    def key(self) -> bytes:
        return b"user%05d@mail.example" % self.random.randrange(self.keys)

    def value(self, name: bytes, number: int) -> bytes:
        octets = struct.pack(">Q", number)
        long = {b"one value": 9000, b"many values": 200, b"many of one size": 0}[name]
        return octets + b"." * self.random.randrange(long + 1) if long else octets

    def write(self) -> None:
        """Some changes in one transaction, which is given up now and then."""
        is_kept = self.random.random() < 0.9
        model = {name: {key: set(v) for key, v in self.model[name].items()} for name in KINDS}
        with self.environment.begin(write=True) as transaction:
            for _ in range(self.random.choice((1, 5, 60))):
                self.change(transaction, model, self.random.choice(list(KINDS)))
            if not is_kept:
                transaction.abort()
        if is_kept:
            self.model = model

    def change(self, transaction: Any, model: Model, name: bytes) -> None:
        table, known, key = self.environment.open_db(name, transaction), model[name], self.key()
        match self.random.randrange(5):
            case 0:
                assert transaction.delete(key, db=table) is (key in known)
                known.pop(key, None)
            case 1 if known.get(key):
                gone = self.random.choice(sorted(known[key]))
                transaction.delete(key, gone if KINDS[name] else b"", db=table)
                known[key].discard(gone)
                if not known[key]:
                    del known[key]
            case _:
                first = self.random.randrange(self.values)
                count = self.random.choice((1, 3, 400)) if KINDS[name] else 1
                for number in range(first, min(first + count, self.values)):
                    value = self.value(name, number)
                    transaction.put(key, value, db=table)
                    known[key] = {*known.get(key, ()), value} if KINDS[name] else {value}

    def expected(self) -> dict[bytes, list[tuple[bytes, bytes]]]:
        return {
            name: [(key, value) for key in sorted(known) for value in sorted(known[key])]
            for name, known in self.model.items()
        }

    def reopen(self) -> None:
        self.environment.close()
        self.environment = open_files(self.folder)

    def replace(self) -> None:
        """Go on in a copy, whose transactions are numbered on."""
        self.copies += 1
        target = copied(self.environment, self.folder / f"copy{self.copies}")
        assert problems(target) == []
        last = self.environment.info()["last_txnid"]
        renumber(target, max(last, smallest_number(target)))
        self.environment.close()
        target.replace(self.folder / "data.mdb")
        (self.folder / "lock.mdb").unlink()
        self.environment = open_files(self.folder)

    def steps(self, count: int) -> Iterator[None]:
        for _ in range(count):
            step = self.random.choices((self.write, self.reopen, self.replace), (12, 1, 1))[0]
            step()
            yield


@pytest.mark.parametrize("seed", range(12))
def test_copy_holds_what_a_model_says_after_random_changes(seed: int, tmp_path: Path) -> None:
    walk = Walk(seed, tmp_path)
    for number, _ in enumerate(walk.steps(80)):
        if number % 10 == 9:
            assert contents(walk.environment) == walk.expected()
    walk.replace()
    assert contents(walk.environment) == walk.expected()
    walk.environment.sync(True)
    assert problems(tmp_path / "data.mdb") == []
    walk.environment.close()


@pytest.mark.parametrize("values", [250, 300, 3000])
def test_copy_of_many_values_of_one_key(values: int, tmp_path: Path) -> None:
    """Where they fill pages of their own the compacting copy of the library may end the process."""
    environment = open_files(tmp_path)
    numbers = [(b"user@mail.example", struct.pack(">Q", n)) for n in range(values)]
    with environment.begin(write=True) as transaction:
        for name in (b"many values", b"many of one size"):
            table = environment.open_db(name, transaction)
            transaction.cursor(table).putmulti(numbers)
    target = copied(environment, tmp_path / "copy")
    environment.close()
    assert problems(target) == []
    options: dict[str, Any] = {"subdir": False, "readonly": True, "lock": False, "max_dbs": 8}
    with lmdb.open(str(target), **options) as copy, copy.begin() as transaction:
        for name in (b"many values", b"many of one size"):
            table = copy.open_db(name, transaction, create=False)
            assert list(transaction.cursor(table).iternext()) == numbers
            assert table.flags()["dupfixed"] is (name == b"many of one size")


def test_copy_holds_nothing_that_was_deleted(tmp_path: Path) -> None:
    environment = open_files(tmp_path)
    table = environment.open_db(b"one value")
    with environment.begin(write=True, db=table) as transaction:
        for number in range(1000):
            transaction.put(b"secret%04d@purged.example" % number, b"x" * 50)
            transaction.put(b"other%05d@mail.example" % number, b"x" * 50)
    with environment.begin(write=True, db=table) as transaction:
        for number in range(1000):
            transaction.delete(b"secret%04d@purged.example" % number)
    target = copied(environment, tmp_path / "copy")
    environment.sync(True)
    environment.close()
    assert b"purged.example" in (tmp_path / "data.mdb").read_bytes(), "in its free pages"
    assert b"purged.example" not in target.read_bytes()


def test_copy_in_several_transactions_may_have_any_later_number(tmp_path: Path) -> None:
    environment = open_files(tmp_path)
    with environment.begin(write=True, db=environment.open_db(b"one value")) as transaction:
        for number in range(90):
            transaction.put(b"message%03d" % number, b"m" * 2**20)
    target = copied(environment, tmp_path / "copy")
    entries = contents(environment)
    environment.close()
    pages = meta_pages_of(target)
    assert pages is not None
    assert pages[0].free_entries, "it has taken several transactions"
    assert pages[0].map_size == MAP, "the map is no larger than that of the source"
    with pytest.raises(ValueError, match="have freed pages"):
        renumber(target, smallest_number(target) - 1)
    for last in (smallest_number(target), 17, 1000):
        renumber(target, last)
        assert problems(target) == []
        with lmdb.open(str(target), subdir=False, max_dbs=8, map_size=MAP) as copy:
            assert copy.info()["last_txnid"] == last
            with copy.begin(write=True) as transaction:
                transaction.put(b"later", b"1", db=copy.open_db(b"one value", transaction))
                transaction.delete(b"later", db=copy.open_db(b"one value", transaction))
        Path(f"{target}-lock").unlink()
        assert problems(target) == []
    with lmdb.open(str(target), subdir=False, lock=False, max_dbs=8, readonly=True) as copy:
        assert contents(copy) == entries
