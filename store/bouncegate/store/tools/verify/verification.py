"""Whether a store is what its journal tells: every record, both ways, and address by address.

`verify` writes nothing. `repair` recomputes what can be derived, in small transactions, while the
daemons run; the rest it leaves as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Final

import lmdb
from lmdb import verify as pages

from bouncegate.config.settings import LedgerSettings, StoreSettings
from bouncegate.policy.fold import Fold
from bouncegate.store.environment import Environment
from bouncegate.store.layout import explained, open_environment
from bouncegate.store.ledger import FOLDER, Ledger
from bouncegate.store.tools.verify.addresses import AddressCheck
from bouncegate.store.tools.verify.difference import Difference
from bouncegate.store.tools.verify.journal import JournalCheck
from bouncegate.store.tools.verify.ledger import LedgerCheck
from bouncegate.store.tools.verify.outbox import OutboxCheck
from bouncegate.store.tools.verify.records import RecordCheck
from bouncegate.store.tools.verify.window import WindowCheck
from bouncegate.store.writerlock import WriterLock

_AT_ONCE: Final = 100
_COUNTED: Final = re.compile(
    r"walked \d+ (?:branch|leaf|overflow) pages \((?P<walked>\d+) with dup sub-trees\), "
    r"record says (?P<said>\d+)\Z"
)


def verify(settings: StoreSettings, fold: Fold) -> Iterator[Difference]:
    """What is wrong with a store, table by table; raises StoreError if it cannot be opened."""
    with closing(open_environment(settings, readonly=True)) as environment:
        data = settings.path / "data.mdb"
        found = differences(environment, data, settings.path, fold)
        yield from _explaining(found, settings.path)


def verify_pages(data: Path, environment: Environment) -> Iterator[Difference]:
    """What is wrong with the pages of a file that is open."""
    # As long as this transaction reads, nothing that it or a later one sees is written over.
    with environment.begin():
        problems, size = [""], -1
        # lmdb.verify looks at the size first: what was written behind it then seems to be missing.
        while problems and size != (size := data.stat().st_size):
            problems = _problems(data)
    for problem in problems:
        if not _is_only_counted(problem):
            yield Difference("pages", data.name, problem)


def _is_only_counted(problem: str) -> bool:
    """Whether no page is wrong, but the number that LMDB keeps of those of a database.

    Where a key goes with all its duplicates, mdb_del() frees their pages and does not take them off
    that number, which only mdb_stat() tells (LMDB 0.9.33).
    """
    match = _COUNTED.search(problem)
    return match is not None and int(match["said"]) > int(match["walked"])


def _problems(data: Path) -> list[str]:
    try:
        return [str(one) for one in pages.verify(str(data), subdir=False)]  # type: ignore[no-untyped-call]
    except pages.VerifyError as error:
        return [str(error)]


def verify_ledger(store: StoreSettings, settings: LedgerSettings) -> Iterator[Difference]:
    """The same of the ledger; raises StoreError if there is none, or it cannot be opened."""
    path = store.path / FOLDER
    with closing(Ledger.open(store, settings)) as ledger:
        yield from verify_pages(path / "data.mdb", ledger.environment)
        yield from _explaining(LedgerCheck(ledger.environment).differences(), path)


def repair(
    settings: StoreSettings, fold: Fold, *, other_policy: bool = False
) -> Iterator[Difference]:
    """Recompute what can be derived and differs; yields all that differed.

    With `other_policy`, what a changed policy explains stays as it is, and is not yielded. Raises
    StoreError.
    """
    with (
        WriterLock.shared(settings.path),
        closing(open_environment(settings, readonly=False)) as environment,
    ):
        found = differences(environment, settings.path / "data.mdb", settings.path, fold)
        found = (one for one in found if not (other_policy and one.by_policy))
        yield from _explaining(repaired(environment, found), settings.path)


def repaired(environment: Environment, found: Iterator[Difference]) -> Iterator[Difference]:
    """Repair what is found, as far as it can be, while it is looked for; raises lmdb.Error."""
    while some := list(islice(found, _AT_ONCE)):
        with environment.begin(write=True) as transaction:
            for difference in some:
                if difference.repair is not None:
                    difference.repair(transaction)
        yield from some


def differences(
    environment: Environment, data: Path, folder: Path, fold: Fold
) -> Iterator[Difference]:
    """What is wrong with an environment that is open; raises lmdb.Error.

    `data` is its file, `folder` that of the store to which it belongs: large messages lie there.
    """
    yield from verify_pages(data, environment)
    # The journal first: everything else follows from it.
    yield from JournalCheck(environment).differences()
    yield from AddressCheck(environment, fold).differences()
    yield from WindowCheck(environment).differences()
    yield from OutboxCheck(environment, fold).differences()
    yield from RecordCheck(environment, folder).differences()


def _explaining(differences: Iterator[Difference], path: Path) -> Iterator[Difference]:
    try:
        yield from differences
    except lmdb.Error as error:
        raise explained(error, path) from error
