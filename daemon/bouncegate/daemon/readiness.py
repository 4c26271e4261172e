"""Children that are started together, and whether all of them are ready."""

import os
import select
import time
from collections.abc import Sequence
from typing import Final

from bouncegate.daemon.child import Child
from bouncegate.daemon.childcall import is_stopping

_LOOK_EVERY: Final = 0.05


def start_together(places: Sequence[Child], timeout: float) -> bool:
    """Start children; whether each is ready, and none has died or taken longer (in seconds)."""
    reader, writer = os.pipe()

    def release() -> None:
        os.write(writer, b".")
        os.close(reader)
        os.close(writer)

    for place in places:
        place.start(release)
    os.close(writer)
    ready = _octets(reader, timeout)
    os.close(reader)
    return ready == len(places)


def _octets(reader: int, timeout: float) -> int:
    """How many come through a pipe until all its writers have let go of it, or time is up.

    No more are waited for where the daemon is to stop.
    """
    deadline, count = time.monotonic() + timeout, 0
    while time.monotonic() < deadline and not is_stopping():
        if not select.select([reader], [], [], _LOOK_EVERY)[0]:
            continue
        if not (octets := os.read(reader, 64)):
            break
        count += len(octets)
    return count
