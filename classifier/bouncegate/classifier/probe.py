"""The return path's answer to a probe: the number in it is written down, and nothing is counted."""

import re
from pathlib import Path
from typing import Final, Protocol

from bouncegate.config.probe import FIELD, STAMP, TAKEN
from bouncegate.store.errors import StoreError

_HEADER: Final = 4096
_NUMBER: Final = re.compile(rb"^" + FIELD.encode() + rb": ([0-9a-f]{32})\r?$", re.MULTILINE)


class _Aside(Protocol):
    def is_meant(self, recipient: str) -> bool: ...

    def take(self, raw: bytes, sender: str | None, now: int) -> None: ...


class ProbeTaker:
    """Takes probes, and leaves what else is no bounce to somebody else."""

    def __init__(self, store: Path, other: _Aside) -> None:
        """Write below `store`; `other` is asked about all that is no probe."""
        self._stamp = store / STAMP
        self._other = other

    def is_meant(self, recipient: str) -> bool:
        """Whether what is sent there is a probe, or for the other."""
        local = recipient.strip("<>").rpartition("@")[0]
        return local.lower() == TAKEN or self._other.is_meant(recipient)

    def take(self, raw: bytes, sender: str | None, now: int) -> None:
        """Write down the number of a probe; raises StoreError.

        There is one file of 32 octets, whatever comes.
        """
        found = _NUMBER.search(raw, 0, _HEADER)
        if found is None:
            self._other.take(raw, sender, now)
            return
        fresh = self._stamp.with_suffix(".new")
        try:
            fresh.write_bytes(found[1])
            fresh.replace(self._stamp)
        except OSError as error:
            raise StoreError(f"{self._stamp}: {error.strerror}") from None
