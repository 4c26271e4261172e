"""Proof of delivery by the ledger: a send that no bounce followed while one could has arrived.

The ledger is walked once, in the order of time and some days behind it. Only of addresses that have
failures in a row is anything written: to all others a delivery makes no difference.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from bouncegate.config.settings import ReturnPathSettings
from bouncegate.policy.fold import EMPTY, Fold
from bouncegate.policy.records import MOST_ADDRESSES, Delivered, State
from bouncegate.store.entry import Sent
from bouncegate.store.identity import identity, name_of_sent
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Store

_SOURCE: Final = "ledger"
# Some ten milliseconds of look-ups; the write lock is held for what is written alone.
_PORTION: Final = 2000


class Walked(NamedTuple):
    """What a walk has found."""

    sends: int = 0
    """Entries of the ledger that were looked at."""
    delivered: int = 0
    """Addresses whose failures are no longer in a row."""


class Deliveries:
    """Settles what the ledger knows, for the store."""

    def __init__(self, store: Store, ledger: Ledger, settings: ReturnPathSettings) -> None:
        """Only sends whose bounces come back here prove anything; `settings` say which do."""
        self._store = store
        self._ledger = ledger
        self._own = frozenset(settings.own_domains) if settings.sign == "own" else None

    def settle(
        self, before: int, now: int, fold: Fold, enough: Callable[[], bool] = lambda: False
    ) -> Walked:
        """Walk on to the sends before a time, or until it is `enough`; what is found is durable.

        Raises StoreError.
        """
        walked = Walked()
        place = self._store.progress(_SOURCE)
        while not enough() and (portion := self._ledger.walk(place, before, _PORTION)):
            place = portion[-1][0]
            entries = list(self._proofs((sent for _, sent in portion), now))
            self._store.act(entries, fold, (_SOURCE, place))
            found = sum(len(entry.addresses) for entry in entries)
            walked = Walked(walked.sends + len(portion), walked.delivered + found)
        return walked

    def _proofs(self, portion: Iterable[Sent], now: int) -> Iterator[Delivered]:
        """The last send that has arrived at each address with failures in a row."""
        arrived: dict[str, int] = {}
        for sent in portion:
            if self._comes_back(sent):
                arrived.update(dict.fromkeys(self._delivered(sent), sent.time))
        by_time: defaultdict[int, list[str]] = defaultdict(list)
        for address, time in arrived.items():
            by_time[time].append(address)
        for time, addresses in by_time.items():
            for start in range(0, len(addresses), MOST_ADDRESSES):
                some = tuple(addresses[start : start + MOST_ADDRESSES])
                yield Delivered(some, now, time, _SOURCE)

    def _comes_back(self, sent: Sent) -> bool:
        """Whether a bounce of the message would have come to us."""
        return self._own is None or sent.sender.rpartition("@")[2].lower() in self._own

    def _delivered(self, sent: Sent) -> list[str]:
        failing = [a for a in sent.recipients if _fails(self._store.state(a) or EMPTY)]
        if not failing:
            return []
        message = name_of_sent(sent.time, sent.message)
        bounced = self._store.has_recorded(identity(message, address) for address in failing)
        return [a for a, has_bounced in zip(failing, bounced, strict=True) if not has_bounced]


def _fails(state: State) -> bool:
    """Whether there are failures in a row, for all groups or for one."""
    courses = (state, *state.groups.values())
    return any(course.soft_in_row or course.hard_in_row for course in courses)
