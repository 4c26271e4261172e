"""Machines that share one index, in one process: a store each, a log in memory for all."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.memorylog import MemoryLog
from tests.stores import store_settings

from bouncegate.cluster.applier import Applier
from bouncegate.cluster.publisher import Publisher
from bouncegate.cluster.sealing import Sealer
from bouncegate.policy.fold import Policy
from bouncegate.store import layout
from bouncegate.store.layout import open_environment
from bouncegate.store.membership import Membership
from bouncegate.store.store import Store

SEALER: Final = Sealer([bytes(range(32))])

SHARED: Final = (
    layout.JOURNAL,
    layout.BY_ADDRESS,
    layout.SUMMARIES,
    layout.ADDRESSES,
    layout.LOCKS,
    layout.SHELVES,
    layout.ENDS,
    layout.BY_DOMAIN,
    layout.VOIDED,
    layout.HELD,
    layout.ONCE,
    layout.WATCHED,
    layout.SERIES,
    layout.INCIDENTS,
    layout.TALLIES,
    layout.AUDIT,
    layout.UNPROVEN,
    layout.SET_ASIDE,
    layout.PURGED,
)
"""What is equal on all machines, octet for octet, once each has applied the same log."""


class Machine:
    """One of them: `store` as its daemons open it, and what publishes and applies."""

    def __init__(self, folder: Path, name: str, log: MemoryLog, policy: Policy) -> None:
        folder.mkdir()
        # One environment for both: LMDB forbids to open one twice in a process.
        self.environment = open_environment(store_settings(folder), readonly=False)
        self.settled = Store(self.environment, settled=True)
        with self.environment.begin(write=True) as transaction:
            self.settled.memberships.put(transaction, Membership(name))
        self.store = Store(self.environment)
        self.publisher = Publisher(self.store.outbox, log, SEALER, name)
        self.applier = Applier(self.settled, log, SEALER, policy)

    def close(self) -> None:
        self.environment.close()

    def position(self) -> int:
        membership = self.store.memberships.get()
        assert membership is not None
        return membership.position

    def shared(self) -> dict[bytes, list[tuple[bytes, bytes]]]:
        """All that it shares with the others, as it is."""
        found = {}
        for name in SHARED:
            database = self.environment.open_db(name, create=False)
            with self.environment.begin(db=database) as transaction, transaction.cursor() as cursor:
                found[name] = list(cursor.iternext()) if cursor.first() else []
        return found
