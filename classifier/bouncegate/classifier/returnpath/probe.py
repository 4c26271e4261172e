"""Receives probes at the return path: the number of a probe is written to a file, nothing counts.

A probe may carry forged Authentication-Results. After its number, the file says whether any are
left that would be trusted, and which envelope sender the probe arrived with.
"""

import logging
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

from bouncegate.config.probe import BELIEVED, FIELD, SENDER, STAMP, TAKEN
from bouncegate.daemon.wire import for_log
from bouncegate.store.errors import StoreError

log: Final = logging.getLogger("bouncegate.return-path")

# What filters write above it may be long.
_HEADER: Final = 64 * 2**10
# RFC 5321, 4.5.3.1.3: a path has at most 256 octets.
_LONGEST_SENDER: Final = 256
_NUMBER: Final = re.compile(rb"^" + FIELD.encode() + rb": ([0-9a-f]{32})\r?$", re.MULTILINE)

Believes = Callable[[bytes, str], bool]
"""Whether a message has results that name a number and would be believed."""


class SideHandler(Protocol):
    """Takes the messages for some recipients instead of the return path."""

    def is_meant(self, recipient: str) -> bool:
        """Whether messages to this recipient are for it."""
        ...

    def take(self, recipients: Sequence[str], raw: bytes, sender: str | None, now: int, /) -> None:
        """Deal with a message for some of these, durably; raises StoreError."""
        ...


class ProbeTaker:
    """Takes probes, and passes other mail that is not a bounce to another taker."""

    def __init__(self, store: Path, other: SideHandler, believes: Believes) -> None:
        """Write to the folder `store`; `other` gets everything that is not a probe."""
        self._store = store
        self._other = other
        self._believes = believes

    def is_meant(self, recipient: str) -> bool:
        """Whether what is sent there is a probe, or for the other."""
        return _is_probe(recipient) or self._other.is_meant(recipient)

    def take(self, recipients: Sequence[str], raw: bytes, sender: str | None, now: int) -> None:
        """Write down the number of a probe; raises StoreError."""
        others = [to for to in recipients if not _is_probe(to)]
        is_stamped = stamp(self._store, raw, self._believes, sender or "")
        if len(others) < len(recipients) and not is_stamped:
            log.info("no probe: discarded, since it has no number")
        if others and not is_stamped:
            self._other.take(others, raw, sender, now)


def stamp(store: Path, raw: bytes, believes: Believes, sender: str = "") -> bool:
    """Write the result of a probe to a file, if the message is one; raises StoreError.

    There is one small file, whatever comes.
    """
    found = _NUMBER.search(raw, 0, _HEADER)
    if found is None:
        return False
    number = found[1].decode("ascii")
    path = store / STAMP
    fresh = path.with_suffix(".new")
    words = [number]
    if believes(raw, number):
        words.append(BELIEVED)
    if sender:
        words.append(SENDER + "".join(for_log(sender, _LONGEST_SENDER).split()))
    try:
        fresh.write_text(" ".join(words), "ascii", "backslashreplace")
        fresh.replace(path)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from None
    return True


def _is_probe(recipient: str) -> bool:
    return recipient.strip("<>").rpartition("@")[0].lower() == TAKEN
