"""Waiting that always ends: nothing in the lab waits without a limit."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

PATIENCE: Final = 20.0
"""Seconds after which something that should have happened counts as broken."""
_PAUSE: Final = 0.02


def wait_for(
    what: str,
    probe: Callable[[], T | None],
    seconds: float = PATIENCE,
    log: Callable[[], str] = str,
) -> T:
    """The first true value that `probe` gives.

    Raises TimeoutError, naming `what` and quoting `log`, when there is none within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise TimeoutError(f"waited {seconds:g} s in vain for {what}\n{log()}".rstrip())
        time.sleep(_PAUSE)
