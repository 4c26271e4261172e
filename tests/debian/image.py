"""A container's image without programs for containers: a Containerfile, carried out by chroot(8).

It knows what ours say: FROM, RUN, COPY, and what only a runtime uses.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lab.folder import ROOT

from .suite import Suite

_SECONDS: Final = 900
_MADE: Final = (".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "build", "dist")
_FROM: Final = re.compile(r"debian:(\w+)-slim(?: AS (\w+))?")


class Image:
    """The root of the last stage, and how a runtime starts it."""

    def __init__(self, containerfile: Path, folder: Path) -> None:
        """Build it, its stages below a folder."""
        self.root = folder
        self.words: dict[str, str] = {}
        self._stages: dict[str, Path] = {}
        self._folder = folder
        for instruction, rest in _instructions(containerfile.read_text()):
            self._carry_out(instruction, rest)

    def json(self, instruction: str) -> list[str]:
        """The words of ENTRYPOINT or CMD."""
        words: list[str] = json.loads(self.words[instruction])
        return words

    def _carry_out(self, instruction: str, rest: str) -> None:
        match instruction:
            case "FROM":
                self._begin(rest)
            case "RUN":
                argv = ["chroot", str(self.root), "/bin/sh", "-c", rest]
                done = subprocess.run(
                    argv, capture_output=True, text=True, timeout=_SECONDS, check=False
                )
                assert done.returncode == 0, f"{rest}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
            case "COPY":
                self._copy(*rest.split())
            case "ENTRYPOINT" | "CMD" | "USER" | "ENV" | "VOLUME":
                self.words[instruction] = rest
            case _:
                raise AssertionError(f"nobody carries out {instruction} here")

    def _begin(self, rest: str) -> None:
        found = _FROM.fullmatch(rest)
        assert found, rest
        name = found[2] or "last"
        self.root = self._stages[name] = self._folder / name
        Suite(found[1]).make_root(self.root)

    def _copy(self, *words: str) -> None:
        *options, source, target = words
        stage = options[0].removeprefix("--from=") if options else ""
        whence = (self._stages[stage] if stage else ROOT) / source.lstrip("/")
        where = self.root / target.lstrip("/")
        if whence.is_dir():
            ignored = None if stage else shutil.ignore_patterns(*_MADE)
            shutil.copytree(whence, where, symlinks=True, dirs_exist_ok=True, ignore=ignored)
        else:
            where.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(whence, where)


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if line and not line.startswith("#"):
            instruction, _, rest = line.partition(" ")
            yield instruction, rest
