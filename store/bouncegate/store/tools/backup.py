"""Making a backup: hot, of one moment, durable, and never over what is there.

The store is copied within one read transaction, without its free pages: neither the send path nor
a writer waits. Pages that writers free meanwhile are not used again before the copy is done, so the
file grows by about what is written in that time. Then the ledger follows, in a transaction of its
own: it knows a little more than the store, as it always does. Operators' acts on many addresses
wait meanwhile, so that none of them is in the backup by halves.
"""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from shutil import disk_usage
from typing import Final, NamedTuple, Protocol

import msgspec

from bouncegate.store.bulk import bulk_lock
from bouncegate.store.errors import StoreError, StoreFull
from bouncegate.store.fileaccess import inaccessible
from bouncegate.store.layout import LAYOUT
from bouncegate.store.space import Space
from bouncegate.store.tools.archive import is_archive, write_archive
from bouncegate.store.tools.contents import (
    DATA,
    DECIDED,
    FORMAT,
    LARGEST_SECRET,
    LEDGER,
    MANIFEST,
    MESSAGES,
    File,
    Manifest,
    is_secret,
    may_belong,
)
from bouncegate.store.tools.durable import (
    FOLDER_MODE,
    copied,
    created,
    digest_of,
    draft_folder,
    make_folders,
    remove_draft,
    sync_folder,
    sync_folders,
)
from bouncegate.store.tools.errors import TargetExists

_PRECISION: Final = "seconds"


class Copied(Protocol):
    """What can be written whole into a file: the store, the ledger."""

    def copy(self, target: Path) -> None:
        """Write it as it is at one moment into an empty file, not synced; raises StoreError."""

    def space(self) -> Space:
        """How much of its room it takes; raises StoreError."""
        ...


class Made(NamedTuple):
    """A backup that is on the disk."""

    path: Path
    size: int
    manifest: Manifest


class Source(NamedTuple):
    """What is to be saved."""

    folder: Path
    """Of the store."""
    store: Copied
    ledger: Copied | None


def make_backup(source: Source, target: Path, now: int, layout: int = LAYOUT) -> Made:
    """Make a backup at `target`: a file if its name ends in .tar or .tar.zst, else a folder.

    Only the owner may read it. Raises StoreError; then there is nothing at `target`.
    """
    target = target.absolute()
    _refuse_target(target, source)
    try:
        with draft_folder(draft_of(target)) as draft:
            contents = draft / "contents"
            contents.mkdir(mode=FOLDER_MODE)
            manifest = _filled(contents, source, now, layout)
            if is_archive(target):
                _pack(contents, draft / "packed", target)
            else:
                sync_folders(contents)
                contents.rename(target)
            sync_folder(target.parent)
    except FileExistsError as error:
        raise TargetExists(f"{error.filename}: another backup is being written there") from None
    except OSError as error:
        raise inaccessible(error, target, StoreFull) from error
    return Made(target, _size(target), manifest)


def draft_of(target: Path) -> Path:
    """Where a backup takes form."""
    return target.with_name(f".{target.name}.draft")


def remove_drafts(folder: Path, name: str) -> None:
    """Remove what killed processes left of backups that were to have such a name, with `*`."""
    for draft in folder.glob(draft_of(folder / name).name):
        remove_draft(draft)


def _refuse_target(target: Path, source: Source) -> None:
    if target.exists() or target.is_symlink():
        raise TargetExists(f"{target}: exists already: choose another name")
    if not target.parent.is_dir():
        raise StoreError(f"{target.parent}: no such folder")
    needed = sum(part.space().used for part in (source.store, source.ledger) if part is not None)
    free = disk_usage(target.parent).free
    if free < needed:
        raise StoreFull(f"{target.parent}: {needed:,} octets are needed, {free:,} are free")


def _filled(draft: Path, source: Source, now: int, layout: int) -> Manifest:
    files: dict[str, File] = {}
    # Whatever was decided and not finished is carried out after a restore.
    with bulk_lock(source.folder, wait=True):
        files[DATA] = _copy_environment(source.store, draft / DATA)
        if (source.folder / DECIDED).exists():
            files[DECIDED] = _copy_file(source.folder / DECIDED, draft, DECIDED)
    if source.ledger is not None:
        make_folders((draft / LEDGER).parent, draft)
        files[LEDGER] = _copy_environment(source.ledger, draft / LEDGER)
    for path in sorted(source.folder.iterdir()):
        if is_secret(path.name) and path.is_file() and path.stat().st_size <= LARGEST_SECRET:
            files[path.name] = _copy_file(path, draft, path.name)
    # Last: what the copied store names is there, unless its time was up meanwhile.
    messages = _copy_messages(source.folder, draft)
    made = datetime.fromtimestamp(now, UTC).isoformat(timespec=_PRECISION)
    manifest = Manifest(FORMAT, made, layout, files, messages)
    with created(draft / MANIFEST) as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
    return manifest


def _copy_environment(part: Copied, target: Path) -> File:
    with created(target) as file:
        part.copy(target)
        return File(target.stat().st_size, digest_of(file))


def _copy_file(source: Path, draft: Path, name: str) -> File:
    make_folders((draft / name).parent, draft)
    with source.open("rb") as content, created(draft / name) as file:
        digest = copied(content, file)
        return File(file.tell(), digest)


def _copy_messages(folder: Path, draft: Path) -> int:
    count = 0
    for path in sorted((folder / MESSAGES).glob("*/*.zst")):
        name = path.relative_to(folder).as_posix()
        if may_belong(name):
            with suppress(FileNotFoundError):  # its time was up
                _copy_file(path, draft, name)
                count += 1
    return count


def _pack(contents: Path, packed: Path, target: Path) -> None:
    with created(packed) as file:
        write_archive(contents, file, compress=target.name.endswith(".zst"))
    target.hardlink_to(packed)  # which, unlike a renaming, overwrites nothing


def _size(path: Path) -> int:
    files = (path,) if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())
