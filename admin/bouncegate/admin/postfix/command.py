"""Running the programs of Postfix."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

_TIMEOUT: Final = 60.0
_PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin"


class PostfixError(OSError):
    """A program of Postfix failed or is missing; the text says which and why."""


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
        kind = PostfixError if done.stderr.strip() else NotFound
        raise kind(f"{program} fails: {done.stderr.strip()[-300:]}")
    return done.stdout, done.stderr
