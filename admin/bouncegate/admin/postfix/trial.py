"""Edits on copies: postconf(1) makes them, and the result replaces the files."""

import difflib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from bouncegate.admin.postfix.command import PostfixError, ask
from bouncegate.admin.postfix.facts import Facts
from bouncegate.admin.postfix.plan import MAIN, MASTER, Edit, Tables, plan
from bouncegate.admin.postfix.postconf import read
from bouncegate.config.settings import Settings


class Change(NamedTuple):
    """A file before and after the change."""

    path: Path
    """With all symbolic links resolved."""
    before: bytes | None
    """None: the file does not exist."""
    after: bytes | None
    """None: the file is removed."""


def try_edits(
    settings: Settings, facts: Facts, edits: Sequence[Edit], tables: Tables
) -> list[Change]:
    """The files that the edits change; raises PostfixError, and OSError.

    postconf(1) sets a parameter twice if it occurs twice, for example. So its result is read again,
    and must leave nothing to change.
    """
    paths = {name: (facts.folder / name).resolve() for name in (MAIN, MASTER)}
    before = {name: path.read_bytes() for name, path in paths.items()}
    with tempfile.TemporaryDirectory(prefix="bouncegate-") as place:
        folder = Path(place)
        for name, octets in before.items():
            (folder / name).write_bytes(octets)
        os.utime(folder / MAIN, (0, 0))
        for name, option in ((MAIN, "-e"), (MASTER, "-P")):
            if words := [f"{one.name}={one.value}" for one in edits if one.file == name]:
                ask(folder, "postconf", option, *words)
                # Otherwise each reader waits, in case it is being written (dict_load_file_xt).
                os.utime(folder / MAIN, (0, 0))
        after = {name: (folder / name).read_bytes() for name in paths}
        staged = replace(read(folder), tables=facts.tables)
    left = plan(settings, staged, tables)
    if left.edits or left.conflicts:
        names = ", ".join([one.name for one in left.edits] + [one.text for one in left.conflicts])
        raise PostfixError(f"postconf cannot make this change: wrong result for {names}")
    return [
        Change(paths[name], before[name], after[name])
        for name in paths
        if before[name] != after[name]
    ]


def read_copy(files: Mapping[str, bytes]) -> Facts:
    """The settings in a copy of a Postfix's files; raises PostfixError, and OSError.

    A copy, since each reader waits if a file was just written (dict_load_file_xt).
    """
    with tempfile.TemporaryDirectory(prefix="bouncegate-") as place:
        for name, octets in files.items():
            (Path(place) / name).write_bytes(octets)
            os.utime(Path(place) / name, (0, 0))
        return read(Path(place))


def diff(changes: Sequence[Change]) -> Iterator[str]:
    """The lines of a unified diff."""
    for change in changes:
        before, after = (_lines(octets) for octets in (change.before, change.after))
        old = str(change.path) if change.before is not None else "/dev/null"
        new = str(change.path) if change.after is not None else "/dev/null"
        yield from difflib.unified_diff(before, after, old, new, lineterm="")


def summary(changes: Sequence[Change]) -> str:
    """The lines of a diff that are removed or added, on one line, by file."""
    return "; ".join(f"{change.path}: {' | '.join(_changed_lines(change))}" for change in changes)


def _changed_lines(change: Change) -> Iterator[str]:
    for line in [*diff([change])][2:]:
        if line[0] in "+-" and line[1:].strip() and not line[1:].startswith("#"):
            yield line


def _lines(octets: bytes | None) -> list[str]:
    return (octets or b"").decode("utf-8", "backslashreplace").splitlines()
