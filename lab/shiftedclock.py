"""A clock of its own for one process: what its Python calls time is ahead of the machine's.

The clock that counts since boot goes on as it is, as it does where somebody sets the time.
"""

import os
from pathlib import Path

_CUSTOMIZE = """
import os, time
_ahead, _time, _time_ns = int(os.environ["TEST_CLOCK_AHEAD"]), time.time, time.time_ns
time.time = lambda: _time() + _ahead
time.time_ns = lambda: _time_ns() + _ahead * 10**9
"""


def shifted(folder: Path, seconds: int) -> dict[str, str]:
    """The environment of a process whose clock is so many seconds ahead (site, sitecustomize)."""
    place = folder / "shifted-clock"
    place.mkdir(exist_ok=True)
    (place / "sitecustomize.py").write_text(_CUSTOMIZE)
    path = os.pathsep.join(filter(None, (str(place), os.environ.get("PYTHONPATH"))))
    return {"PYTHONPATH": path, "TEST_CLOCK_AHEAD": str(seconds)}
