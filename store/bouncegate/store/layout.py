"""The layout of the LMDB environment: its files, databases and version, and how it is opened.

The environment is a folder with `data.mdb` and `lock.mdb`; large bounce messages lie beside
them in `messages/`. It is opened once per process and never across a fork(2). A file that
was cut short would end a process by SIGBUS at the first read beyond its end, so that is
looked for before anything is read through the map.
"""

import errno
import os
from pathlib import Path
from typing import Any, Final

import lmdb
from lmdb import verify

from bouncegate.config.settings import StoreSettings
from bouncegate.store.environment import DATA, LOCK, Environment, open_files
from bouncegate.store.errors import (
    StoreDamaged,
    StoreError,
    StoreForbidden,
    StoreFull,
    StoreLayout,
    StoreMissing,
)
from bouncegate.store.fileaccess import inaccessible, is_folder, is_there
from bouncegate.store.metapages import map_size_of
from bouncegate.store.recordcopy import copy_records

LAYOUT: Final = 5

META: Final = b"meta"
LOCKS: Final = b"locks"
ADDRESSES: Final = b"addresses"
JOURNAL: Final = b"journal"
BY_ADDRESS: Final = b"by_address"
ONCE: Final = b"once"
MESSAGES: Final = b"messages"
VOIDED: Final = b"voided"
HELD: Final = b"held"
INCIDENTS: Final = b"incidents"
WATCHED: Final = b"watched"
SERIES: Final = b"series"
TALLIES: Final = b"tallies"
MX: Final = b"mx"
MX_HOSTS: Final = b"mx_hosts"
MX_WANTED: Final = b"mx_wanted"
SHELVES: Final = b"shelves"
ENDS: Final = b"ends"
BY_DOMAIN: Final = b"by_domain"
DEFERRED: Final = b"deferred"
ACCEPTED: Final = b"accepted"
USED: Final = b"used"
USED_BY_DAY: Final = b"used_by_day"
INVALID: Final = b"invalid"
AUDIT: Final = b"audit"
SUMMARIES: Final = b"summaries"
PURGED: Final = b"purged"
UNPROVEN: Final = b"unproven"
SET_ASIDE: Final = b"set_aside"
REQUESTS: Final = b"requests"
OUTBOX: Final = b"outbox"
OUTBOX_ONCE: Final = b"outbox_once"
OUTBOX_BY_ADDRESS: Final = b"outbox_by_address"
SETTLED_LOCKS: Final = b"settled_locks"
OUTBOX_WATCHED: Final = b"outbox_watched"
OUTBOX_SERIES: Final = b"outbox_series"

DATABASES: Final[dict[bytes, dict[str, Any]]] = {
    META: {},
    LOCKS: {},
    ADDRESSES: {},
    JOURNAL: {},
    BY_ADDRESS: {"dupsort": True, "dupfixed": True},
    ONCE: {},
    MESSAGES: {},
    VOIDED: {},
    HELD: {},
    INCIDENTS: {},
    WATCHED: {},
    SERIES: {},
    TALLIES: {},
    MX: {},
    MX_HOSTS: {},
    MX_WANTED: {},
    SHELVES: {},
    ENDS: {"dupsort": True, "dupfixed": True},
    BY_DOMAIN: {},
    DEFERRED: {},
    ACCEPTED: {},
    USED: {},
    USED_BY_DAY: {"dupsort": True},
    INVALID: {},
    AUDIT: {},
    SUMMARIES: {},
    PURGED: {},
    UNPROVEN: {},
    SET_ASIDE: {},
    REQUESTS: {},
    OUTBOX: {},
    OUTBOX_ONCE: {},
    OUTBOX_BY_ADDRESS: {"dupsort": True, "dupfixed": True},
    SETTLED_LOCKS: {},
    OUTBOX_WATCHED: {},
    OUTBOX_SERIES: {},
}

_MAX_DATABASES: Final = 64
_KEY_LAYOUT: Final = b"layout"
_RELOAD: Final = "reload the daemons"


def open_environment(
    settings: StoreSettings, *, readonly: bool, oldest: int = LAYOUT
) -> Environment:
    """Open the environment, and make it where it is not there yet and may be written.

    `oldest` is the first layout that the caller can read. Raises a StoreError that says what to do.
    """
    environment = open_any_layout(settings, readonly=readonly)
    try:
        _check_layout(environment, settings.path, oldest, readonly=readonly)
    except lmdb.Error as error:
        environment.close()
        raise explained(error, settings.path) from error
    except StoreError:
        environment.close()
        raise
    return environment


def open_any_layout(settings: StoreSettings, *, readonly: bool) -> Environment:
    """The same, whatever its layout is, which is for the caller to look at; raises StoreError."""
    data = settings.path / DATA
    require_usable(settings.path, readonly=readonly)
    size = _map_size(settings, data, readonly=readonly)
    try:
        environment = open_files(settings.path, size, _MAX_DATABASES, readonly=readonly)
    except lmdb.Error as error:
        raise explained(error, settings.path) from error
    except OSError as error:
        raise inaccessible(error, settings.path) from error
    try:
        hand_to_owner(settings.path)
        _refuse_truncated(environment, data)
    except lmdb.Error as error:
        environment.close()
        raise explained(error, settings.path) from error
    except StoreError:
        environment.close()
        raise
    return environment


def _map_size(settings: StoreSettings, data: Path, *, readonly: bool) -> int:
    """What the settings say; for a reader no less than what a writer's settings have said."""
    size = settings.map_size.octets
    return max(size, map_size_of(data)) if readonly else size


def explained(error: lmdb.Error, path: Path, setting: str = "map_size in [store]") -> StoreError:
    """What an error of the library means for the environment at `path`, and what to do.

    `setting` sets the size of its map.
    """
    if isinstance(error, lmdb.MapFullError):
        return StoreFull(f"{path}: the map is full: raise {setting} and {_RELOAD}")
    if isinstance(error, lmdb.MapResizedError):
        return StoreError(f"{path}: the file is larger than this process's map_size: {_RELOAD}")
    if isinstance(error, lmdb.DiskError) or getattr(error, "code", 0) == errno.ENOSPC:
        return StoreFull(f"{path}: the disk is full or failing ({error})")
    if isinstance(error, lmdb.ReadonlyError | lmdb.LockError) or _is_denied(error):
        text = str(error).removeprefix(f"{path}: ")
        return StoreForbidden(f"{path}: {text}: run as the user that owns the store")
    if isinstance(error, lmdb.InvalidError | lmdb.CorruptedError | lmdb.VersionMismatchError):
        return StoreDamaged(f"{path}: data.mdb is not a store ({error}): restore a backup")
    return StoreError(f"{path}: {error}")


def copy_compacted(environment: Environment, target: Path, path: Path) -> None:
    """Write an environment as it is at one moment into an empty file; raises StoreError."""
    try:
        environment.require_files()
        copy_records(environment.raw, target)
        environment.require_files()
    except lmdb.Error as error:
        raise explained(error, path) from error
    except ValueError as error:
        raise StoreDamaged(f"{target}: {error}") from error


def _is_denied(error: lmdb.Error) -> bool:
    return any(word in str(error) for word in ("Permission denied", "Read-only file system"))


def require_usable(folder: Path, *, readonly: bool) -> None:
    """Refuse a folder in which no environment can be opened; raises StoreError."""
    data = folder / "data.mdb"
    if not is_folder(folder):
        raise StoreMissing(f"{folder}: no such folder: create it, owned by the daemons' user")
    has_data = is_there(data)
    if readonly and not has_data:
        raise StoreMissing(f"{folder}: no store yet: the first bounce or lock creates it")
    try:
        if has_data:
            with data.open("rb" if readonly else "rb+"):
                pass
        else:
            _require_writable(folder)
    except OSError as error:
        raise inaccessible(error, data) from error


def _require_writable(folder: Path) -> None:
    probe = folder / ".writable"
    probe.touch()
    probe.unlink()


def hand_to_owner(folder: Path) -> None:
    """Give what root creates to the owner of the folder, so that the daemons can open it."""
    for name in (DATA, LOCK):
        hand_over(folder / name, folder)


def hand_over(path: Path, folder: Path) -> None:
    """The same of one file or folder below it."""
    if os.geteuid() == 0:
        owner, found = folder.stat(), path.stat()
        # Nothing is written where nothing has to be: the disk may be read-only.
        if (found.st_uid, found.st_gid) != (owner.st_uid, owner.st_gid):
            os.chown(path, owner.st_uid, owner.st_gid)


def _refuse_truncated(environment: Environment, data: Path) -> None:
    info, page_size = environment.info(), environment.stat()["psize"]
    expected = (info["last_pgno"] + 1) * page_size
    if data.stat().st_size >= expected:
        return
    # Pages that were freed in the transaction that took them are never written; if they are the
    # last ones, the file is short and sound. The walk reads the file, not the map.
    if verify.verify(str(data), subdir=False):  # type: ignore[no-untyped-call]
        raise StoreDamaged(
            f"{data}: truncated, {data.stat().st_size} octets of {expected}: restore a backup"
        )


def _check_layout(environment: Environment, path: Path, oldest: int, *, readonly: bool) -> None:
    found = layout_of(environment)
    if found in (None, LAYOUT) and not readonly:
        found = create_databases(environment)
    if found is None:
        raise StoreMissing(f"{path}: the store is empty: the first bounce or lock fills it")
    if (reason := layout_problem(path, found, oldest)) is not None:
        raise reason


def layout_problem(path: Path, found: int | None, oldest: int = LAYOUT) -> StoreLayout | None:
    """Why a store of that layout cannot be used by this version; None if it can."""
    if found is not None and oldest <= found <= LAYOUT:
        return None
    known = f"{path}: the store has layout {found}, this version reads layout {LAYOUT}"
    if found is not None and found < LAYOUT:
        return StoreLayout(f"{known}: stop the daemons, then run `bouncegate store upgrade`")
    return StoreLayout(
        f"{known}: use the version that wrote it, or a later one, or restore a backup that was "
        "made before its upgrade"
    )


def create_databases(environment: Environment) -> int:
    """Make the databases that are missing, and tell the layout; all of it or nothing."""
    known = layout_of(environment)
    if known is not None and not _missing(environment):
        return known
    with environment.begin(write=True) as transaction:
        for name, flags in DATABASES.items():
            environment.open_db(name, txn=transaction, **flags)
        meta = environment.open_db(META, txn=transaction)
        transaction.put(_KEY_LAYOUT, LAYOUT.to_bytes(4, "big"), db=meta, overwrite=False)
        return int.from_bytes(transaction.get(_KEY_LAYOUT, db=meta) or b"", "big")


def _missing(environment: Environment) -> bool:
    for name, flags in DATABASES.items():
        try:
            environment.open_db(name, create=False, **flags)
        except lmdb.NotFoundError:
            return True
    return False


def set_layout(environment: Environment, layout: int) -> None:
    """Let a store say that it has a layout; raises lmdb.Error."""
    with environment.begin(write=True, db=environment.open_db(META)) as transaction:
        transaction.put(_KEY_LAYOUT, layout.to_bytes(4, "big"))


def layout_of(environment: Environment) -> int | None:
    """The layout that a store says it has; None if it says nothing. Raises lmdb.Error."""
    try:
        meta = environment.open_db(META, create=False)
    except lmdb.NotFoundError:
        return None
    with environment.begin() as transaction:
        value = transaction.get(_KEY_LAYOUT, db=meta)
    return None if value is None else int.from_bytes(value, "big")
