"""Putting another `data.mdb` in the place of one that is in use.

No process may write meanwhile (`bouncegate.store.writerlock`). Readers go on in the old file
until it notices, within a second, and shares `lock.mdb` with the writers that come next. There LMDB
remembers the number of the last transaction, and takes by it, even or odd, one of the two meta
pages of the file for the newer one (mdb.c, mdb_txn_renew0). A copy counts from 1 anew: taken
for the old file it might show its other meta page, that of an older state. So the new file is first
given the number of the old one's last transaction; then both agree with `lock.mdb`.
"""

import fcntl
from contextlib import suppress
from pathlib import Path
from typing import Final

from bouncegate.store.errors import StoreBusy, StoreDamaged, StoreError
from bouncegate.store.fileaccess import inaccessible
from bouncegate.store.layout import hand_over
from bouncegate.store.metapages import meta_pages_of, renumber, smallest_number
from bouncegate.store.tools.durable import sync_folder

_MODE: Final = 0o660


def last_transaction(data: Path) -> int | None:
    """The number of the last transaction of a file; None if it is no environment's, or not there.

    Raises StoreError.
    """
    try:
        pages = meta_pages_of(data)
    except OSError as error:
        raise inaccessible(error, data) from error
    return None if pages is None else max(page.transaction for page in pages)


def put_in_place(draft: Path, folder: Path, keep: Path | None = None) -> None:
    """Let a compacted copy take the place of `data.mdb` in a folder, at once and durably.

    The caller alone has the right to write there. `keep` is another name for the old file, which is
    gone else. Raises StoreError.
    """
    data = folder / "data.mdb"
    last = last_transaction(data)
    try:
        if last is None or last < smallest_number(draft):
            # Which number its readers use, if there are any, is unknown.
            _require_nobody(folder)
        else:
            renumber(draft, last)
        draft.chmod(_MODE)
        hand_over(draft, folder)
        if keep is not None and data.exists():
            keep.hardlink_to(data)
            sync_folder(keep.parent)
        draft.replace(data)
        sync_folder(folder)
    except ValueError as error:
        raise StoreDamaged(f"{draft}: {error}") from error
    except OSError as error:
        raise StoreError(f"{error.filename or data}: {error.strerror}") from error


def _require_nobody(folder: Path) -> None:
    """Raise StoreBusy while any process has the environment open, to read or to write.

    Each holds a shared lock on the first octet of `lock.mdb` (mdb.c, mdb_env_share_locks), and this
    process has it not open: closing the file would let go of its own.
    """
    with suppress(FileNotFoundError), (folder / "lock.mdb").open("rb+") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1)
        except OSError:
            raise StoreBusy(
                f"{folder}: a process has it open: stop the daemons, bouncegate-milter and "
                "bouncegate-map too"
            ) from None
