"""What Bouncegate costs a Postfix whose queue is on a disk, where each message waits for a sync.

As `bench.postfix`, whose systems and load these are; queue, store and ledger lie in the folder for
temporary files (TMPDIR), which must be on a disk.
"""

import os
import subprocess
import sys
import tempfile
import time
from statistics import median
from typing import Final

from bench.output import arguments
from bench.postfix import compare

_MESSAGES: Final = 500
_SYNCS: Final = 50
_OCTETS: Final = 2000
_IN_MEMORY: Final = ("tmpfs", "ramfs")


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    base = tempfile.gettempdir()
    kind = subprocess.check_output(["stat", "-f", "-c", "%T", base], text=True).strip()
    if kind in _IN_MEMORY:
        sys.exit(f"bench: {base} is no disk but a {kind}: set TMPDIR")
    compare(options, f"disk ({kind}, {_sync(base):,.0f} us a sync)", base, _MESSAGES)


def _sync(base: str) -> float:
    """What a sync of some kilobytes takes there, in us: by it a disk is known."""
    took: list[float] = []
    with tempfile.TemporaryFile(dir=base) as file:
        for _ in range(_SYNCS):
            file.write(bytes(_OCTETS))
            file.flush()
            start = time.perf_counter()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - start)
    return median(took) * 1e6


if __name__ == "__main__":
    main()
