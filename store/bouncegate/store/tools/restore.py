"""Bringing a backup back: checked whole before anything is touched, and swapped in at once.

Everything is unpacked into a draft beside the store, on the same disk, and held against the
manifest. Only then do its files take their places: the store itself last, since what it says of
the ledger must not be ahead of it. The files that they replace are kept in a folder of their own.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from shutil import disk_usage
from typing import IO, Final, NamedTuple

import msgspec
from lmdb import verify

from bouncegate.config.regularfile import open_regular
from bouncegate.config.text import counted
from bouncegate.store.errors import StoreBusy, StoreError, StoreFull, StoreLayout
from bouncegate.store.fileaccess import inaccessible, is_folder, is_there
from bouncegate.store.layout import LAYOUT, hand_over
from bouncegate.store.messages import is_whole
from bouncegate.store.tools.archive import is_archive, read_archive
from bouncegate.store.tools.contents import (
    DATA,
    DECIDED,
    FORMAT,
    LARGEST_MESSAGE,
    LEDGER,
    MANIFEST,
    MESSAGES,
    File,
    Manifest,
    is_message,
    is_secret,
    may_belong,
)
from bouncegate.store.tools.datafile import put_in_place
from bouncegate.store.tools.durable import (
    FOLDER_MODE,
    copied,
    created,
    draft_folder,
    make_folders,
    sync_folder,
    sync_folders,
)
from bouncegate.store.tools.errors import BackupDamaged, TargetExists
from bouncegate.store.writerlock import WriterLock

_DRAFT: Final = ".restored"
_GROUP_FILE: Final = 0o640
_GROUP_FOLDER: Final = 0o750
_MOST_PROBLEMS: Final = 3
_LARGEST_MANIFEST: Final = 2**24
# Octets that a restore leaves free: the daemons need some to go on.
_LEFT_FREE: Final = 2**26
_NOTHING: Final = File(-1, "")

Check = Callable[[Path], None]
"""Looks at a store in a folder, and raises StoreError if it must not take the place."""


class Restored(NamedTuple):
    """What was brought back."""

    manifest: Manifest
    kept: Path | None
    """Where the files lie that were there before."""
    left_alone: tuple[str, ...]
    """Secrets that are there and hold all that the backup has of them, and perhaps newer ones."""


def restore(source: Path, folder: Path, now: int, check: Check, *, replace: bool) -> Restored:
    """Bring a backup back into the folder of the store.

    Nobody may have the store or the ledger open to write. `check` is asked of the store that would
    take the place; `replace` permits to put it in the place of one. Raises StoreError; then what
    was there is there still, unless the disk failed in between.
    """
    if not is_folder(folder):
        raise StoreError(f"{folder}: no such folder: create it, owned by the daemons' user")
    if _is_taken(folder) and not replace:
        raise TargetExists(
            f"{folder}: contains a store or a ledger: use --replace to move it aside"
        )
    try:
        with ExitStack() as stack:
            draft = stack.enter_context(draft_folder(folder / _DRAFT))
            manifest = _unpacked(source, draft)
            _refuse_damaged(draft, manifest)
            check(draft)
            stack.enter_context(WriterLock.exclusive(folder))
            if LEDGER in manifest.files:
                _make_folder((folder / LEDGER).parent, folder)
                stack.enter_context(WriterLock.exclusive((folder / LEDGER).parent))
            kept = _kept_folder(folder, now)
            left_alone = _put_all(draft, folder, manifest, kept)
    except FileExistsError as error:
        raise StoreBusy(f"{error.filename}: another restore is running") from None
    except OSError as error:
        raise inaccessible(error, folder, StoreFull) from error
    return Restored(manifest, kept, left_alone)


def _unpacked(source: Path, draft: Path) -> Manifest:
    """Copy all files of a backup into a folder, and hold them against its manifest.

    The manifest comes first: no more is unpacked of anything than it says.
    """
    found: dict[str, File] = {}
    with read_archive(source) if is_archive(source) else _read_folder(source) as files:
        first, content = next(files, ("", None))
        octets = content.read(_LARGEST_MANIFEST) if content and first == MANIFEST else b""
        manifest = _manifest(source, octets)
        _refuse_without_room(draft, sum(file.size for file in manifest.files.values()))
        messages = 0
        for name, content in files:
            messages += is_message(name)
            most = LARGEST_MESSAGE if is_message(name) else manifest.files.get(name, _NOTHING).size
            if most < 0 or messages > manifest.messages or name in found:
                raise BackupDamaged(f"{source}: {name} is missing: use another backup")
            found[name] = _unpacked_file(content, draft, name, most)
    for name, expected in manifest.files.items():
        if found.get(name) != expected:
            raise BackupDamaged(f"{source}: {name} is damaged: use another backup")
    if messages != manifest.messages:
        raise BackupDamaged(
            f"{source}: {messages} of {counted(manifest.messages, 'message')}: use another backup"
        )
    for name in filter(is_message, found):
        if not is_whole(bytes.fromhex(Path(name).stem), (draft / name).read_bytes()):
            raise BackupDamaged(f"{source}: {name} is damaged: use another backup")
    return manifest


def _manifest(source: Path, octets: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(octets, type=Manifest)
    except msgspec.DecodeError as error:
        raise BackupDamaged(
            f"{source}: not a backup: it does not begin with a valid {MANIFEST} ({error})"
        ) from None
    if manifest.format != FORMAT:
        raise StoreLayout(
            f"{source}: written by a later version (format {manifest.format}): use that version"
        )
    return manifest


def _unpacked_file(content: IO[bytes], draft: Path, name: str, most: int) -> File:
    """Copy a file; one octet more than `most` shows that it is too large."""
    _refuse_without_room(draft, 0)
    make_folders((draft / name).parent, draft)
    with created(draft / name) as file:
        digest = copied(content, file, most + 1)
        if file.tell() > most:
            raise BackupDamaged(f"{name} is damaged: larger than {most:,} octets")
        return File(file.tell(), digest)


def _refuse_without_room(draft: Path, needed: int) -> None:
    free = disk_usage(draft).free
    if free < needed + _LEFT_FREE:
        needed += _LEFT_FREE
        raise StoreFull(f"{draft.parent}: {needed:,} octets are needed, {free:,} are free")


@contextmanager
def _read_folder(source: Path) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    if not source.is_dir():
        raise StoreError(f"{source}: no such backup")
    yield _files(source)


def _files(source: Path) -> Iterator[tuple[str, IO[bytes]]]:
    if (source / MANIFEST).is_file():
        with open_regular(source / MANIFEST) as content:
            yield MANIFEST, content
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source).as_posix()
        # A store was opened there: what that left is none of the backup's.
        if path.is_dir() or not may_belong(name) or name == "writers":
            continue
        if path.is_symlink():
            raise BackupDamaged(f"{path}: unexpected link in the backup")
        with open_regular(path) as content:
            yield name, content


def _refuse_damaged(draft: Path, manifest: Manifest) -> None:
    if manifest.layout > LAYOUT:
        raise StoreLayout(
            f"the backup has layout {manifest.layout}, this version reads {LAYOUT}: use the "
            "version that made it, or a later one"
        )
    for name in (DATA, LEDGER):
        if name not in manifest.files:
            continue
        try:
            problems = verify.verify(str(draft / name), subdir=False)  # type: ignore[no-untyped-call]
        except verify.VerifyError as error:
            problems = [str(error)]
        if problems:
            raise BackupDamaged(f"{name}: {'; '.join(map(str, problems[:_MOST_PROBLEMS]))}")


def _is_taken(folder: Path) -> bool:
    return any(is_there(folder / name) for name in (DATA, LEDGER))


def _kept_folder(folder: Path, now: int) -> Path | None:
    if not _is_taken(folder):
        return None
    kept = folder / f"replaced-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"
    (kept / LEDGER).parent.mkdir(mode=FOLDER_MODE, parents=True)
    hand_over(kept, folder)
    hand_over((kept / LEDGER).parent, folder)
    return kept


def _put_all(draft: Path, folder: Path, manifest: Manifest, kept: Path | None) -> tuple[str, ...]:
    """Let each file take its place; returns which secrets stay as they are."""
    _put_messages(draft, folder)
    secrets = [name for name in sorted(manifest.files) if is_secret(name)]
    left_alone = tuple(name for name in secrets if not _put_secret(draft, folder, name, kept))
    if LEDGER in manifest.files:
        position = (folder / LEDGER).parent
        put_in_place(draft / LEDGER, position, kept / LEDGER if kept else None)
    # An act of the old store that was not carried out is none of this one's, and the other way
    # round; one that stands before the store does is carried out upon it.
    with suppress(FileNotFoundError):
        (folder / DECIDED).rename(kept / "decided" if kept else draft / "decided-before")
    if DECIDED in manifest.files:
        _make_folder((folder / DECIDED).parent, folder)
        _put(draft / DECIDED, folder / DECIDED, folder)
    put_in_place(draft / DATA, folder, kept / DATA if kept else None)
    return left_alone


def _put_messages(draft: Path, folder: Path) -> None:
    """Add those that are missing; what is there under a name holds the same."""
    for path in sorted((draft / MESSAGES).glob("*/*.zst")):
        target = folder / path.relative_to(draft)
        for position in (target.parent.parent, target.parent):
            _make_folder(position, folder)
        if not target.exists():
            _put(path, target, folder)
    if (folder / MESSAGES).is_dir():
        sync_folders(folder / MESSAGES)


def _put_secret(draft: Path, folder: Path, name: str, kept: Path | None) -> bool:
    """Bring a secret back, unless the one that is there holds all of it, and perhaps more."""
    target = folder / name
    if target.exists():
        held = set(target.read_bytes().splitlines())
        if held >= set((draft / name).read_bytes().splitlines()):
            return False
        target.rename((kept or folder) / f"{name}{'' if kept else '.replaced'}")
    hand_over(draft / name, folder)
    (draft / name).rename(target)
    sync_folder(folder)
    return True


def _make_folder(path: Path, folder: Path) -> None:
    path.mkdir(mode=_GROUP_FOLDER, exist_ok=True)
    hand_over(path, folder)


def _put(path: Path, target: Path, folder: Path) -> None:
    path.chmod(_GROUP_FILE)
    hand_over(path, folder)
    path.rename(target)
