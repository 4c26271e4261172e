"""Running the programs of Postfix."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

_TIMEOUT: Final = 60.0
# strerror(3), and the refusal of postfix(1) itself.
_FORBIDDEN: Final = ("Permission denied", "reserved for the superuser")
_PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin"


class PostfixError(OSError):
    """A program of Postfix failed or is missing; the text says which and why."""


class PostfixForbidden(PostfixError, PermissionError):
    """Only root may do or see this."""


class NotFound(PostfixError):
    """It failed without a message, which is how postmap(1) says that no key was found."""


def is_installed() -> bool:
    """Whether this machine has a Postfix."""
    return shutil.which("postconf", path=_PATH) is not None


def ask(folder: Path | None, program: str, *arguments: str) -> str:
    """What a program of Postfix prints; raises PostfixError."""
    return run(folder, program, *arguments)[0]


def run(
    folder: Path | None,
    program: str,
    *arguments: str,
    stdin: str = "",
    timeout: float = _TIMEOUT,
    cwd: Path | None = None,
) -> tuple[str, str]:
    """What a program of Postfix writes to stdout and stderr; raises PostfixError.

    `folder` is the config_directory; None: that of this machine.
    """
    argv = [program, *(("-c", str(folder)) if folder else ()), *arguments]
    try:
        done = subprocess.run(
            argv,
            input=stdin,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=timeout,
            check=False,
            env={"PATH": _PATH, "LC_ALL": "C"},
            cwd=cwd,
        )
    except FileNotFoundError:
        raise PostfixError(f"{program} not found: is Postfix installed?") from None
    except subprocess.TimeoutExpired:
        raise PostfixError(f"{program} has not answered for {timeout:.0f} seconds") from None
    if done.returncode:
        raise _kind_of(done.stderr)(f"{program} fails: {done.stderr.strip()[-300:]}")
    return done.stdout, done.stderr


def _kind_of(stderr: str) -> type[PostfixError]:
    """The error that a failed program of Postfix has reported."""
    if any(words in stderr for words in _FORBIDDEN):
        return PostfixForbidden
    return PostfixError if stderr.strip() else NotFound
