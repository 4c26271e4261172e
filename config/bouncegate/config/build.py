"""Which build of this program runs: its version, and the commit that it was built from."""

from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

# hatch_build.py writes it into what is built; a checkout has none.
_COMMIT: Final = Path(__file__).with_name("commit.txt")


@cache
def build() -> str:
    """The version, with the commit in brackets where it is known.

    Read once: after an upgrade, the files tell of a build that does not run yet.
    """
    try:
        version = metadata.version("bouncegate")
    except metadata.PackageNotFoundError:
        version = "unknown"
    return described(version, _commit())


def described(version: str, commit: str) -> str:
    """The words for one build."""
    return f"{version} ({commit})" if commit else version


def _commit() -> str:
    try:
        return _COMMIT.read_text("ascii").strip()
    except (OSError, UnicodeError):
        return ""
