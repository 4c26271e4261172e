"""Running what only root may run: Postfix starts as root and keeps its queue to itself."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path


def is_available() -> bool:
    """Whether commands can be run as root without asking anyone."""
    if os.geteuid() == 0:
        return True
    if shutil.which("sudo") is None:
        return False
    return subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0


def as_root(argv: Iterable[str | Path]) -> list[str]:
    """The command line that runs `argv` as root."""
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    return [*prefix, *(str(word) for word in argv)]


def make_folder(path: Path, owner: str, group: str, mode: str = "0755") -> None:
    """Make one folder that belongs to `owner` and `group`."""
    words = ("install", "-d", "-o", owner, "-g", group, "-m", mode, str(path))
    subprocess.run(as_root(words), check=True, timeout=20)
