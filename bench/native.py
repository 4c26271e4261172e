"""The parts of a benchmark that are written in C, compiled when they are needed."""

import subprocess
import sys
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent


def compiled(source: Path | str, folder: Path, *libraries: str) -> Path:
    """Compile one file (a name means one of ours) into a folder; the program."""
    path = _HERE / source if isinstance(source, str) else source
    program = folder / path.stem
    flags = [f"-l{library}" for library in libraries]
    try:
        done = subprocess.run(
            ["cc", "-O2", "-pthread", "-o", program, path, *flags],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        sys.exit("bench: no C compiler: apt install gcc libc6-dev libmilter-dev liblmdb-dev")
    if done.returncode:
        needed = "apt install libmilter-dev liblmdb-dev"
        sys.exit(
            f"bench: {path.name} does not compile ({needed} if a header is missing):\n{done.stderr}"
        )
    return program
