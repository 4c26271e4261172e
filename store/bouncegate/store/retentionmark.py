"""Up to when bounces are no longer all kept, which whoever counts them must know.

meta  "gone" -> when the last of the entries came that retention let go of
"""

from __future__ import annotations

import struct
from typing import Final

import lmdb

from bouncegate.store.environment import META
from bouncegate.store.opened import Environment

_KEY: Final = b"gone"
_TIME: Final = struct.Struct(">Q")


class RetentionMark:
    """The key of one store; used within the transactions of whoever reads or lets go."""

    def __init__(self, environment: Environment) -> None:
        """Use an environment that is open; its databases exist."""
        self._meta = environment.open_db(META, create=False)

    def whole_since(self, transaction: lmdb.Transaction[bytes]) -> int:
        """From when on all bounces are kept, but for those of purged addresses; 0: ever."""
        octets = transaction.get(_KEY, db=self._meta)
        return 0 if octets is None else _TIME.unpack(octets)[0] + 1

    def note(self, transaction: lmdb.Transaction[bytes], time: int) -> None:
        """What came up to this time is let go of."""
        if time >= self.whole_since(transaction):
            transaction.put(_KEY, _TIME.pack(time), db=self._meta)
