"""What a check has found: how bad it is, what that means for mail, and how to mend it."""

from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple


class Severity(IntEnum):
    """How much a finding matters, the worst last."""

    OK = 0
    NOTE = 1
    """Worth knowing; may be meant."""
    WARNING = 2
    """Something will go wrong, or is not used that should be."""
    ERROR = 3
    """Something does not work now."""


class Finding(NamedTuple):
    """One line of the report."""

    check: str
    severity: Severity
    text: str
    """What was found, and what it means for mail."""
    fix: str = ""
    """What to do about it; empty where all is well."""


Check = Callable[[], Iterable[Finding]]


def run_checks(checks: Iterable[tuple[str, Check]]) -> Iterator[Finding]:
    """The findings of all checks; one that fails itself is a finding, and hides no other."""
    for name, check in checks:
        try:
            yield from check()
        except Exception as error:  # noqa: BLE001 - a doctor who falls ill must say so and go on
            text = f"could not be checked: {type(error).__name__}: {error}"
            yield Finding(name, Severity.ERROR, text, "report this, with the line above")
