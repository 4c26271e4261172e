"""The drop-in of several instances of Postfix: it stays until the last of them is detached.

All instances use the same daemons, and so the same settings. A comment in the drop-in names each
configuration of Postfix that was attached with it. When one is detached while another still is,
the other's backup takes over what gives back the drop-in.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from bouncegate.admin.postfix import backup
from bouncegate.admin.postfix.install import Edited, content_of, locked
from bouncegate.admin.postfix.revert import ATTACHED
from bouncegate.admin.postfix.trial import Change


def with_instance(text: str, folder: Path) -> str:
    """The text of a drop-in, with a comment that names a configuration of Postfix."""
    # What JSON writes has no line ends, whatever the name of the folder.
    line = f"{ATTACHED}{json.dumps(str(folder.resolve()))}"
    lines = text.splitlines()
    if line in lines:
        return text
    place = next((n for n, one in enumerate(lines) if not one.startswith("#")), len(lines))
    return "".join(f"{one}\n" for one in [*lines[:place], line, *lines[place:]])


def heir(drop_in: Path, folder: Path) -> Path | None:
    """Another configuration of Postfix that was attached with a drop-in and still is."""
    for other in _instances(content_of(drop_in) or b""):
        if other != folder.resolve() and backup.path_of(other).exists():
            return other
    return None


def _instances(octets: bytes) -> Iterator[Path]:
    for line in octets.decode(errors="replace").splitlines():
        if line.startswith(ATTACHED):
            try:
                name = json.loads(line.removeprefix(ATTACHED))
            except ValueError:  # somebody has edited it
                continue
            if isinstance(name, str) and name.startswith("/") and "\0" not in name:
                yield Path(name)


def hand_over(change: Change, other: Path) -> None:
    """Put a change into the backup of another Postfix; raises Edited, PostfixError and OSError."""
    try:
        with locked(other, wait=False):
            backup.recover(other)
            known = backup.load(other)
            if not known:
                raise Edited(f"{other} was detached in the meantime: try again")
            backup.save(other, _with(known, change))
    except BlockingIOError:  # it may be waiting for this one
        raise Edited(f"{other} is being changed: try again") from None


def _with(known: Sequence[Change], change: Change) -> list[Change]:
    """The changes to a Postfix, and one that another made to a file that both use."""
    theirs = next((one for one in known if one.path == change.path), None)
    others = [one for one in known if one.path != change.path]
    both = change if theirs is None else _both(change, theirs, content_of(change.path) or b"")
    return [*others, both]


def _both(one: Change, other: Change, now: bytes) -> Change:
    """Two changes to a file as one: what is in it now and was written by either is ours."""
    first = other if other.before is None or other.after == one.before else one
    ours = _written(one) | _written(other) | _lines(first.before)
    kept = (line for line in now.splitlines(keepends=True) if line.rstrip(b"\r\n") in ours)
    return Change(one.path, first.before, b"".join(kept))


def _written(change: Change) -> set[bytes]:
    return _lines(change.after) - _lines(change.before)


def _lines(octets: bytes | None) -> set[bytes]:
    return set((octets or b"").splitlines())
