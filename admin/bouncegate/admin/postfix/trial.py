"""Edits tried on copies: postconf(1) makes them, and the result is what will be put in place."""

import difflib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from bouncegate.admin.postfix.command import PostfixError, ask
from bouncegate.admin.postfix.facts import Facts
from bouncegate.admin.postfix.plan import MAIN, MASTER, Edit, plan
from bouncegate.admin.postfix.postconf import read
from bouncegate.config.settings import Settings


class Change(NamedTuple):
    """A file, as it is and as it is to be."""

    path: Path
    """With all symbolic links followed: what they lead to is what is written."""
    before: bytes | None
    """None: there is no such file."""
    after: bytes | None
    """None: there is to be none."""


def try_edits(
    settings: Settings, facts: Facts, edits: Sequence[Edit], *, table: bool
) -> list[Change]:
    """The files that the edits change; raises PostfixError, and OSError.

    postconf(1) writes a list twice where it stands twice, and more such things. So its result is
    read again, and must leave nothing to be changed.
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
                # Else each reader waits, in case it is still being written (dict_load_file_xt).
                os.utime(folder / MAIN, (0, 0))
        after = {name: (folder / name).read_bytes() for name in paths}
        staged = replace(read(folder), tables=facts.tables)
    left = plan(settings, staged, table=table)
    if left.edits or left.conflicts:
        names = ", ".join([one.name for one in left.edits] + [one.text for one in left.conflicts])
        raise PostfixError(f"postconf cannot make this change: {names} would not be as planned")
    return [
        Change(paths[name], before[name], after[name])
        for name in paths
        if before[name] != after[name]
    ]


def read_copy(files: Mapping[str, bytes]) -> Facts:
    """The settings in a copy of a Postfix's files; raises PostfixError, and OSError.

    Of files that were written just now, since each reader waits then (dict_load_file_xt).
    """
    with tempfile.TemporaryDirectory(prefix="bouncegate-") as place:
        for name, octets in files.items():
            (Path(place) / name).write_bytes(octets)
            os.utime(Path(place) / name, (0, 0))
        return read(Path(place))


def diff(changes: Sequence[Change]) -> Iterator[str]:
    """The lines of a unified diff, for people."""
    for change in changes:
        before, after = (_lines(octets) for octets in (change.before, change.after))
        old = str(change.path) if change.before is not None else "/dev/null"
        new = str(change.path) if change.after is not None else "/dev/null"
        yield from difflib.unified_diff(before, after, old, new, lineterm="")


def _lines(octets: bytes | None) -> list[str]:
    return (octets or b"").decode("utf-8", "backslashreplace").splitlines()
