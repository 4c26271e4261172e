"""Joining a cluster and leaving it: what changes in a store that nobody else has open meanwhile.

The first machine brings what it has; the log continues its store. Every other one begins from a
backup of a machine of the cluster, which stands at some position of the log, or empty where the
first one was. A backup is a copy of somebody: what waited there waits there still, and is taken out
here.
"""

from __future__ import annotations

from contextlib import closing
from typing import Final, NamedTuple

from msgspec.structs import replace

from bouncegate.cluster.chain import verify
from bouncegate.cluster.errors import EngineRefused
from bouncegate.cluster.log import Log
from bouncegate.cluster.publisher import Publisher
from bouncegate.cluster.registry import Registry
from bouncegate.cluster.sealing import Sealer
from bouncegate.config.settings import StoreSettings
from bouncegate.policy.fold import Fold
from bouncegate.policy.rules import Rules
from bouncegate.store.change import RulesChange, decode_change
from bouncegate.store.layout import open_environment
from bouncegate.store.membership import Membership
from bouncegate.store.store import Store
from bouncegate.store.writerlock import WriterLock

LEVEL: Final = 1
"""The newest kind of entry that this version understands."""


class Joined(NamedTuple):
    """What became of joining."""

    position: int
    """Where the machine stands in the log."""
    behind: int
    """How many entries it has yet to apply."""
    is_first: bool
    taken_out: int
    """How many changes waited in the store that was copied."""


class Cluster(NamedTuple):
    """A cluster as it is reached from here."""

    log: Log
    registry: Registry
    sealer: Sealer


def join(settings: StoreSettings, name: str, cluster: Cluster, rules: Rules, fold: Fold) -> Joined:
    """Let a store take part under a name; raises StoreError, EngineError, SealBroken.

    `rules` are put into force by the first machine. No process may have the store open.
    """
    lock = WriterLock.exclusive(settings.path)
    try:
        lock.let_write()
        environment = open_environment(settings, readonly=False)
        with closing(Store(environment, settled=True)) as store:
            return _join(store, name, cluster, rules, fold)
    finally:
        lock.release()


def _join(store: Store, name: str, cluster: Cluster, rules: Rules, fold: Fold) -> Joined:
    head = cluster.log.head()
    known = store.memberships.get()
    numbers = {machine.node: machine.seq for machine in cluster.registry.machines()}
    if known is None and head.position and store.journal.last():
        raise EngineRefused(
            "this store has a history of its own, which the others do not know: keep its locks "
            "(bouncegate export), put a backup of a machine of the cluster in its place "
            "(bouncegate store restore), join, and import them"
        )
    is_first = known is None and head.position == 0
    origin = head.chain if is_first else _origin(cluster) if known is None else b""
    stand = known or Membership(name, chain=origin)
    verify(cluster.log, stand.position, stand.chain)
    copied = known is not None and known.name != name
    if copied and numbers.get(name):
        raise EngineRefused(f"the name {name} is taken: give this machine another, and keep it")
    with store.environment.begin(write=True) as transaction:
        waited = store.outbox.clear(transaction) if copied else []
        for address in waited:
            store.ordered.overlay.renew(transaction, address, fold)
        store.outbox.begin_behind(transaction, numbers.get(name, 0))
        store.memberships.put(transaction, replace(stand, name=name))
        if is_first:
            continues = bool(store.journal.last())
            store.outbox.add(transaction, RulesChange(rules, continues=continues, origin=origin))
    if is_first:
        _begin(store, name, cluster)
    return Joined(stand.position, head.position - stand.position, is_first, len(waited))


def _begin(store: Store, name: str, cluster: Cluster) -> None:
    """Make the first entry of the log, unless another machine makes it at this moment."""
    Publisher(store.outbox, cluster.log, cluster.sealer, name).publish()
    (first,) = cluster.log.read(0, 1)
    if first.node != name:
        with store.environment.begin(write=True) as transaction:
            store.outbox.clear(transaction)
            store.memberships.put(transaction, None)
        raise EngineRefused(f"{first.node} has joined at the same moment: join again")


def _origin(cluster: Cluster) -> bytes:
    """The hash of a log where it was empty; refuses one that an empty store does not begin."""
    (first,) = cluster.log.read(0, 1)  # EntriesForgotten where it is no longer kept
    change = decode_change(cluster.sealer.open_entry(first.node, first.seq, first.body))
    if not isinstance(change, RulesChange) or change.continues:
        raise EngineRefused(
            "the first machine brought a store of its own: put a backup of a machine of the "
            "cluster in the place of this one (bouncegate store restore), then join"
        )
    return change.origin


def leave(settings: StoreSettings, registry: Registry) -> int:
    """Let a store go on by itself, with all that it knows; returns how many changes had waited.

    They take effect at once. Raises StoreError, EngineError; where the engine cannot be reached the
    store has left all the same, and another machine has to forget it.
    """
    lock = WriterLock.exclusive(settings.path)
    try:
        lock.let_write()
        environment = open_environment(settings, readonly=False)
        with closing(Store(environment, settled=True)) as store:
            known = store.memberships.get()
            if known is None:
                return 0
            if waiting := store.outbox.count():
                raise EngineRefused(
                    f"{waiting} changes wait for the log: start bouncegate-cluster until none does"
                )
            with environment.begin(write=True) as transaction:
                store.memberships.put(transaction, None)
            registry.leave(known.name)
            return waiting
    finally:
        lock.release()
