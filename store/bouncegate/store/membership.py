"""Whether a store shares its index with other machines, and how far it is in their log.

meta  "cluster"  the name of this machine, and where it stands in the log
"rules"    the rules in force, as the log says
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, msgpack

from bouncegate.policy.rules import Rules
from bouncegate.store.codec import encode
from bouncegate.store.environment import Environment
from bouncegate.store.errors import StoreError
from bouncegate.store.layout import META
from bouncegate.store.table import Table, Transaction

_KEY: Final = b"cluster"
_RULES: Final = b"rules"


class Membership(Struct, frozen=True):
    """A machine that shares its index, and where it stands in the log."""

    name: str
    position: int = 0
    """Of the last entry that has taken effect."""
    chain: bytes = bytes(32)
    """The log's own hash of all entries up to that one."""
    heard: int = 0
    """When the log ordered that one, in seconds since 1970: of later ones nothing is known here."""


_DECODER: Final = msgpack.Decoder(Membership)


class Memberships(Table):
    """The one membership of a store."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._meta = self._database(META)

    def get(self) -> Membership | None:
        """Which machine it is; None where it shares its index with none. Raises StoreError."""
        with self._reading() as transaction:
            return self.get_within(transaction)

    def get_within(self, transaction: Transaction) -> Membership | None:
        """The same within a transaction."""
        octets = transaction.get(_KEY, db=self._meta)
        return None if octets is None else _DECODER.decode(octets)

    def lag(self, now: int) -> int:
        """For how many seconds this machine may not have heard what others have.

        0 where it shares its index with none. Raises StoreError.
        """
        found = self.get()
        return 0 if found is None else max(now - found.heard, 0)

    def require(self, transaction: Transaction, position: int) -> Membership:
        """The membership of a machine for which this position of the log comes next.

        Raises StoreError where it is none, or stands elsewhere.
        """
        found = self.get_within(transaction)
        if found is None:
            raise StoreError(f"{self._path}: this store shares its index with no other machine")
        if found.position + 1 != position:
            raise StoreError(
                f"{self._path}: stands at position {found.position} of the shared log, and not "
                f"before {position}: another process applies it"
            )
        return found

    def put(self, transaction: Transaction, membership: Membership | None) -> None:
        """Write it, or that there is none."""
        if membership is None:
            transaction.delete(_KEY, db=self._meta)
        else:
            transaction.put(_KEY, encode(membership), db=self._meta)


class RulesInForce(Table):
    """The rules that the log has put into force."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._meta = self._database(META)

    def get(self) -> Rules | None:
        """They; None where the log has named none. Raises StoreError."""
        with self._reading() as transaction:
            octets = transaction.get(_RULES, db=self._meta)
        return None if octets is None else Rules(octets)

    def put(self, transaction: Transaction, rules: Rules) -> None:
        """Put rules into force."""
        transaction.put(_RULES, rules.encoded, db=self._meta)
