"""The backup of the files that `postfix enable` changes: a folder beside main.cf, written first.

It is in Postfix's config_directory: each instance has its own, only root can write there, and it is
copied along with the configuration. Its files `N.before` and `N.after` are whole copies that you
can read if all else fails.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from bouncegate.admin.postfix.command import PostfixError, PostfixForbidden
from bouncegate.admin.postfix.install import sync
from bouncegate.admin.postfix.trial import Change

FOLDER: Final = "bouncegate.undo"
_INDEX: Final = "files.json"


class _Entry(msgspec.Struct):
    """One changed file in the index."""

    path: str
    existed: bool


def path_of(folder: Path) -> Path:
    """The folder of the backup of a Postfix."""
    return folder / FOLDER


def load(folder: Path) -> list[Change]:
    """The changes that were made to a Postfix; empty if there are none. Raises PostfixError."""
    place = path_of(folder)
    try:
        entries = msgspec.json.decode((place / _INDEX).read_bytes(), type=list[_Entry])
        return [
            Change(
                Path(entry.path),
                (place / f"{number}.before").read_bytes() if entry.existed else None,
                (place / f"{number}.after").read_bytes(),
            )
            for number, entry in enumerate(entries)
        ]
    except FileNotFoundError:
        if place.exists():
            raise PostfixError(
                f"{place} is incomplete: restore the files by hand, then remove it"
            ) from None
        return []
    except PermissionError:
        raise PostfixForbidden(f"{place}: permission denied: run as root") from None
    except (OSError, msgspec.MsgspecError) as error:
        raise PostfixError(f"{place} cannot be read: {error}") from None


def save(folder: Path, changes: Sequence[Change]) -> None:
    """Write the backup durably, in place of an earlier one; raises OSError.

    It gets its name when it is complete. A kill while it replaces an earlier one leaves it under
    its temporary name, where `recover` finds it.
    """
    place, fresh = path_of(folder), _fresh(folder)
    shutil.rmtree(fresh, ignore_errors=True)
    partial = fresh.with_suffix(".part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    for number, change in enumerate(changes):
        if change.before is not None:
            _write(partial / f"{number}.before", change.before)
        _write(partial / f"{number}.after", change.after or b"")
    entries = [_Entry(str(one.path), one.before is not None) for one in changes]
    _write(partial / _INDEX, msgspec.json.encode(entries))
    sync(partial)
    partial.rename(fresh)
    sync(folder)
    shutil.rmtree(place, ignore_errors=True)
    fresh.rename(place)
    sync(folder)


def recover(folder: Path) -> None:
    """Finish a `save` or `drop` that was killed."""
    place, fresh = path_of(folder), _fresh(folder)
    shutil.rmtree(fresh.with_suffix(".part"), ignore_errors=True)
    shutil.rmtree(place.with_suffix(".gone"), ignore_errors=True)
    if fresh.exists():
        shutil.rmtree(place, ignore_errors=True)
        fresh.rename(place)
        sync(folder)


def drop(folder: Path) -> None:
    """Remove the backup: nothing is changed any more."""
    gone = path_of(folder).with_suffix(".gone")
    if path_of(folder).exists():
        path_of(folder).rename(gone)
        sync(folder)
    shutil.rmtree(gone, ignore_errors=True)


def _fresh(folder: Path) -> Path:
    return path_of(folder).with_suffix(".new")


def _write(path: Path, octets: bytes) -> None:
    with path.open("xb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
