"""What is wrong with a configuration: every problem at once, each with its place."""

from collections.abc import Sequence
from typing import NamedTuple


class Problem(NamedTuple):
    """One thing that is wrong: where, and what would be right."""

    file: str
    line: int
    """Counted from 1; 0 where the problem has no line, such as a missing file."""
    key: str
    """The path of the key, such as `milter.workers`; empty where no key is at fault."""
    text: str

    def __str__(self) -> str:
        """One line, in the form that editors and compilers share."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.text}" if self.key else f"{place}: {self.text}"


class ConfigError(Exception):
    """A configuration that cannot be used, with all its problems."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Keep the problems; there is at least one."""
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[type["ConfigError"], tuple[tuple[Problem, ...]]]:
        """Pickle it by its problems, not by their text."""
        return ConfigError, (self.problems,)
