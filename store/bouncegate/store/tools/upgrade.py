"""Bringing a store of an older layout up to date, in its place, with a backup first.

All is done on a copy, which is verified and takes the place of the file at once: whatever happens
before, and whenever the process ends, the old store is there as it was. Writers must be stopped;
readers take the new file up by themselves.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import lmdb

from bouncegate.config.settings import StoreSettings
from bouncegate.policy.fold import Fold
from bouncegate.store.environment import Environment, open_files
from bouncegate.store.errors import StoreDamaged, StoreFull, StoreMissing
from bouncegate.store.fileaccess import inaccessible
from bouncegate.store.layout import (
    DATABASES,
    LAYOUT,
    copy_compacted,
    explained,
    layout_of,
    layout_problem,
    open_any_layout,
)
from bouncegate.store.space import Space, space_of
from bouncegate.store.tools.backup import Source, make_backup, remove_drafts
from bouncegate.store.tools.compaction import require_entries
from bouncegate.store.tools.datafile import put_in_place
from bouncegate.store.tools.durable import created, draft_folder, remove_draft
from bouncegate.store.tools.layouts import raise_layout
from bouncegate.store.tools.verify.difference import Difference
from bouncegate.store.tools.verify.verification import differences, repaired
from bouncegate.store.writerlock import WriterLock

_DRAFT: Final = ".upgraded"
_SAVED: Final = "before-upgrade-"
_MAX_DATABASES: Final = 64
# The backup, the copy that is worked on, and that without the pages which the work has freed.
_COPIES: Final = 3
_SPARE: Final = 2**26
_MOST_NAMED: Final = 3


class Upgraded(NamedTuple):
    """What was done."""

    before: int
    """The layout that was found."""
    backup: Path | None
    """None where the store had the layout of today already: nothing was done then."""
    other_policy: int
    """Addresses whose lock the policy in force would not tell: it stays as it was."""


class _Old:
    """A store of any layout, as far as its tables exist, to be copied."""

    def __init__(self, environment: Environment, path: Path) -> None:
        self.environment = environment
        self._path = path

    def copy(self, target: Path) -> None:
        copy_compacted(self.environment, target, self._path)

    def space(self) -> Space:
        try:
            tables = [name for name in DATABASES if _has(self.environment, name)]
            with self.environment.begin() as transaction:
                return space_of(self.environment, transaction, self._path, tables)
        except lmdb.Error as error:
            raise explained(error, self._path) from error


def upgrade(settings: StoreSettings, fold: Fold, now: int) -> Upgraded:
    """Bring the store to the layout of today; one that has it is left alone.

    `fold` is that of the policy in force. Raises StoreError; then the store is as it was: StoreBusy
    while a process may write, StoreLayout for a later layout, StoreDamaged if what came of it does
    not agree with its journal.
    """
    folder = settings.path
    with WriterLock.exclusive(folder) as writer_lock:
        assert writer_lock.is_exclusive, "a writer would lose what it writes"
        remove_draft(folder / _DRAFT)
        remove_drafts(folder, f"{_SAVED}*")
        with closing(open_any_layout(settings, readonly=True)) as environment:
            found = layout_of(environment)
            if found is None:
                raise StoreMissing(f"{folder}: the store is empty: there is nothing to upgrade")
            if found == LAYOUT:
                return Upgraded(found, None, 0)
            if found > LAYOUT and (reason := layout_problem(folder, found)) is not None:
                raise reason
            try:
                old = _Old(environment, folder)
                _require_room(old, folder)
                saved = folder / f"{_SAVED}{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"
                backup = make_backup(Source(folder, old, None), saved, now, found).path
                otherwise = _replace(old, settings, fold)
            except OSError as error:
                raise inaccessible(error, folder, StoreFull) from error
            except lmdb.Error as error:
                raise explained(error, folder) from error
    return Upgraded(found, backup, otherwise)


def _replace(old: _Old, settings: StoreSettings, fold: Fold) -> int:
    folder = settings.path
    with draft_folder(folder / _DRAFT) as draft:
        with created(draft / "data.mdb"):
            old.copy(draft / "data.mdb")
        with _opened(draft, old.space().map_size + settings.map_size.octets) as environment:
            raise_layout(environment, fold)
            otherwise = _require_sound(environment, draft / "data.mdb", folder, fold)
            with environment.begin() as transaction:
                expected = space_of(environment, transaction, draft, DATABASES).entries
            compacted = draft / "compacted.mdb"
            with created(compacted):
                copy_compacted(environment, compacted, draft)
        require_entries(compacted, expected)
        put_in_place(compacted, folder)
    return otherwise


@contextmanager
def _opened(draft: Path, map_size: int) -> Iterator[Environment]:
    """The copy that is worked on: it is copied once more, and need not be durable itself."""
    size = map_size + (draft / "data.mdb").stat().st_size + _SPARE
    with closing(
        open_files(draft, size, _MAX_DATABASES, readonly=False, sync=False)
    ) as environment:
        yield environment


def _require_sound(environment: Environment, data: Path, folder: Path, fold: Fold) -> int:
    """Repair what can be derived, and refuse what is wrong else; raises StoreDamaged.

    Returns how many addresses another policy has decided.
    """
    otherwise = 0

    def others() -> Iterator[Difference]:
        nonlocal otherwise
        for difference in differences(environment, data, folder, fold):
            if difference.by_policy:
                otherwise += 1
            else:
                yield difference

    lost = (d for d in repaired(environment, others()) if d.repair is None)
    if named := [f"{d.table}: {d.key}: {d.problem}" for d in islice(lost, _MOST_NAMED)]:
        raise StoreDamaged(
            f"{folder}: the upgraded copy is damaged; the store is unchanged: " + "; ".join(named)
        )
    return otherwise


def _require_room(old: _Old, folder: Path) -> None:
    space = old.space()
    if space.disk_free < _COPIES * space.used:
        raise StoreFull(
            f"{folder}: {_COPIES * space.used:,} octets are needed, {space.disk_free:,} are free"
        )


def _has(environment: Environment, name: bytes) -> bool:
    try:
        environment.open_db(name, create=False)
    except lmdb.NotFoundError:
        return False
    return True
