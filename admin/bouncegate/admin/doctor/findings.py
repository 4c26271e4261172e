"""Findings of checks: how severe, what it means for mail, and how to fix it."""

from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple


class Severity(IntEnum):
    """How severe a finding is, the worst last."""

    OK = 0
    NOTE = 1
    """Worth knowing; may be intended."""
    WARNING = 2
    """Something will fail, or should be used and is not."""
    ERROR = 3
    """Something does not work now."""
    FORBIDDEN = 4
    """This user may not look, so that nothing is known: it may be well."""


class Finding(NamedTuple):
    """One line of the report."""

    check: str
    severity: Severity
    text: str
    """What was found, and what it means for mail."""
    fix: str = ""
    """What to do about it; empty if nothing is wrong."""


def not_allowed(check: str, error: Exception) -> Finding:
    """Nothing is known of what this user may not read: it may be well."""
    return Finding(check, Severity.FORBIDDEN, f"not checked: {error}", "run this as root")


Check = Callable[[], Iterable[Finding]]


def run_checks(checks: Iterable[tuple[str, Check]]) -> Iterator[Finding]:
    """The findings of all checks; a check that fails is a finding, and stops no other."""
    for name, check in checks:
        try:
            yield from check()
        except PermissionError as error:
            yield not_allowed(name, error)
        except Exception as error:  # noqa: BLE001 - the other checks must still run
            text = f"check failed: {type(error).__name__}: {error}"
            yield Finding(name, Severity.ERROR, text, "please report this as a bug")
