"""Reverting our change to a file: from the file before, after our change, and now.

A file that was not edited since is restored as it was. From an edited one, lines of ours are
removed only if they occur exactly once, as we wrote them. The rest is left to the administrator:
later edits must never be lost.
"""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Final, NamedTuple

from bouncegate.admin.postfix.sockets import OURS

_NAMED: Final = re.compile("|".join(OURS))
_OURS: Final = re.compile(_NAMED.pattern.encode())
# An item of ours at the head of a list, and its separator.
_ITEM: Final = re.compile(
    rb"(?<![^\s,=])\$(?:" + "|".join(OURS).encode() + rb")(?![^\s,])(?:[ \t]*,[ \t]*)?"
)

ATTACHED: Final = "# Attached: "
"""Begins the comments in our drop-in that name the configurations of Postfix."""
_KEY: Final = re.compile(rb"[ \t]*[\w-]+[ \t]*=")


class _Piece(NamedTuple):
    """Lines that the change replaced, and their replacement."""

    old: bytes
    new: bytes
    head: bytes
    """The line before, to find the place of lines that we removed."""


class Undone(NamedTuple):
    """A file without our change."""

    octets: bytes | None
    """None: there was no such file."""
    left: tuple[str, ...] = ()
    """Lines to be removed, or put back, by hand."""


def without(now: bytes | None, before: bytes | None, after: bytes | None) -> Undone:
    """The current file without the change from `before` to `after`.

    It is unchanged if something must be done by hand.
    """
    if now in (before, after):
        return Undone(before)
    if now is None:
        return Undone(None)
    text = now
    lost: list[str] = []
    for piece in _pieces(before or b"", after or b""):
        changed = _without_piece(text, piece)
        if changed is None:
            lost += [f"put back: {line}" for line in _shown(piece.old)]
        else:
            text = changed
    left = [*named(text), *lost]
    return Undone(now if left else text, tuple(left))


def without_settings(now: bytes | None, before: bytes | None, after: bytes | None) -> Undone:
    """The same for our drop-in: keys as we wrote them go, and what somebody added stays.

    Its tables stay too then, since their heading is above what was added.
    """
    if before is not None or now in (None, after):
        return without(now, before, after)
    assert now is not None
    written = set((after or b"").splitlines())
    ours = {line for line in written if _KEY.match(line)}
    lines = [line for line in now.splitlines(keepends=True) if not _is_instance(line)]
    if all(line.rstrip(b"\r\n") in written for line in lines):
        return Undone(None)
    return Undone(b"".join(line for line in lines if line.rstrip(b"\r\n") not in ours))


def _is_instance(line: bytes) -> bool:
    return line.startswith(ATTACHED.encode())


def _pieces(before: bytes, after: bytes) -> Iterator[_Piece]:
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    for tag, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            yield _Piece(b"".join(old[i:j]), b"".join(new[k:m]), b"".join(new[max(k - 1, 0) : k]))


def _without_piece(text: bytes, piece: _Piece) -> bytes | None:
    if piece.new:
        if place := _only_place(text, piece.new):
            return text[: place[0]] + piece.old + text[place[1] :]
        return _without_items(text, piece)
    # Lines that we removed: they come back behind the line that was before them.
    if piece.head and (place := _only_place(text, piece.head)):
        return text[: place[1]] + piece.old + text[place[1] :]
    return None


def _without_items(text: bytes, piece: _Piece) -> bytes:
    """Lines that were edited since: remove our definitions, and references to them.

    Only if the parameter had a value before, or has one besides ours now: an empty setting is not
    the same as none.
    """
    lines, added = text.splitlines(keepends=True), piece.new.splitlines(keepends=True)
    kept = []
    for line in lines:
        as_written = line in added and lines.count(line) == 1
        if as_written and (not piece.old or _is_definition(line)):
            continue
        mine = _OURS.search(line) and not _is_definition(line) and not line.startswith(b"#")
        bare = _ITEM.sub(b"", line) if mine else line
        kept.append(line if mine and not bare.partition(b"=")[2].strip() else bare)
    return b"".join(kept)


def _is_definition(line: bytes) -> bool:
    return line.partition(b"=")[0].strip() in {name.encode() for name in OURS}


def _only_place(text: bytes, lines: bytes) -> tuple[int, int] | None:
    """The position of whole lines that occur exactly once."""
    found = [
        match.start()
        for match in re.finditer(rb"^" + re.escape(lines), text, re.MULTILINE)
        if lines.endswith(b"\n") or match.end() == len(text)
    ]
    return (found[0], found[0] + len(lines)) if len(found) == 1 else None


def named(text: bytes) -> list[str]:
    """The lines of a file that name our parameters."""
    return [line for line in _shown(text) if _NAMED.search(line) and not line.startswith("#")]


def _shown(text: bytes) -> list[str]:
    return [line.decode("utf-8", "backslashreplace").strip() for line in text.splitlines()]
