"""What is wrong with a configuration: every problem at once, each with its place."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Problem(NamedTuple):
    """One thing that is wrong: where, and what would be right."""

    file: str
    line: int
    """Counted from 1; 0 where the problem has no line, such as a missing file."""
    key: str
    """The path of the key, such as `milter.workers`; empty where no key is at fault."""
    text: str
    forbidden: bool = False
    """Whether this user may not look: then nothing may be wrong."""

    def __str__(self) -> str:
        """One line, in the form that editors and compilers share."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.text}" if self.key else f"{place}: {self.text}"


def unreadable(error: OSError, path: Path, what: str) -> Problem:
    """The problem of a file or folder that cannot be read; `what` it is."""
    forbidden = isinstance(error, PermissionError)
    hint = ": run as root" if forbidden else ""
    return Problem(str(path), 0, "", f"cannot read {what}: {error.strerror}{hint}", forbidden)


class ConfigError(Exception):
    """A configuration that cannot be used, with all its problems."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Keep the problems; there is at least one."""
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)

    @property
    def exit_code(self) -> int:
        """That of sysexits.h, for a script."""
        return os.EX_NOPERM if all(one.forbidden for one in self.problems) else os.EX_CONFIG

    def __reduce__(self) -> tuple[type["ConfigError"], tuple[tuple[Problem, ...]]]:
        """Pickle it by its problems, not by their text."""
        return ConfigError, (self.problems,)
