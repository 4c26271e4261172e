"""A store full of locks, and the addresses of a mailing of which 2 in 100 are locked."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from bouncegate.config.settings import PolicySettings, StoreSettings
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import MOST_ADDRESSES, Act
from bouncegate.store.store import Store

MAILING: Final = 200_000
_SOME: Final = 20_000
_SHARE_LOCKED: Final = 0.02
_DOMAINS: Final = 2000
_YEAR: Final = 365 * 86_400
_SEED: Final = 1  # the same addresses in every run


class LockedStore(NamedTuple):
    """Where the store is, what it holds, and whom the mailing goes to."""

    settings: StoreSettings
    locks: int
    mailing: list[str]
    locked: list[str]
    """Some of those who are locked, no two of them the same."""

    @property
    def octets_a_lock(self) -> float:
        """How much of the disk each lock takes, with all that the store keeps of it."""
        return (self.settings.path / "data.mdb").stat().st_size / self.locks


@contextmanager
def locked_store(locks: int, base: str | None = None) -> Iterator[LockedStore]:
    """Lock so many addresses as an operator does who brings a list, all at once; below `base`."""
    chance = random.Random(_SEED)
    with TemporaryDirectory(prefix="bouncegate-bench-", dir=base) as folder:
        settings = StoreSettings(path=Path(folder))
        addresses = [_address("locked", number) for number in range(locks)]
        _lock(settings, sorted(addresses))
        mailing = [
            chance.choice(addresses)
            if chance.random() < _SHARE_LOCKED
            else _address("reader", chance.randrange(10 * locks))
            for _ in range(MAILING)
        ]
        yield LockedStore(settings, locks, mailing, addresses[:_SOME])


def _lock(settings: StoreSettings, addresses: list[str]) -> None:
    now = int(time.time())
    fold = Policy(PolicySettings(), ()).fold
    store = Store.open(settings)
    portions = (
        tuple(addresses[start : start + MOST_ADDRESSES])
        for start in range(0, len(addresses), MOST_ADDRESSES)
    )
    acts = (Act(some, now, "lock", by="bench", until=now + _YEAR) for some in portions)
    store.act(acts, fold)
    store.close()


def _address(name: str, number: int) -> str:
    # Spread over the domains, so that neighbours in a mailing are none in the store.
    return f"{name}.{number * 7919 % 10_000_019:08d}@mail{number % _DOMAINS}.example"
