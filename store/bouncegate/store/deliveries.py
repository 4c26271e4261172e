"""Proof of delivery by the ledger: a send that no bounce followed while one could has arrived.

The ledger is walked once, in the order of time and some days behind it. Only of addresses that have
failures in a row is anything written: to all others a delivery makes no difference.

Silence proves a delivery only where a bounce could come:

- Postfix has taken the message. The ledger has an entry at the end of a message, where a milter
  behind ours may still refuse it. Only Postfix's log shows that. Where it is not read, silence ends
  a row of failures, but lifts no lock.
- It has not been deleted from the queue, and does not wait there for the recipient.
- A DSN would be written for the recipient (NOTIFY), and would come to us.
- No report of the message is left that may be about any of its recipients.
- It is not the first pass of a message that came back from a content filter with its own sender:
  its end is that of the second.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Final, NamedTuple

from bouncegate.config.settings import ReturnPathSettings
from bouncegate.policy.fold import EMPTY, Fold, is_locked
from bouncegate.policy.records import MOST_ADDRESSES, Delivered, State
from bouncegate.store.deliverylog import Delivery
from bouncegate.store.entry import QueueState, Sent, message_digests
from bouncegate.store.ledger import Ledger
from bouncegate.store.recording import identity, name_of_sent
from bouncegate.store.store import Store
from bouncegate.store.unproven import Unattributed

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

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        settings: ReturnPathSettings,
        *,
        log_is_read: bool = False,
    ) -> None:
        """Only sends whose bounces come back here prove anything; `settings` say which do.

        `log_is_read`: the ledger knows from Postfix's log which of the sends were taken.
        """
        self._store = store
        self._ledger = ledger
        self._domains = settings.domains
        self._log_is_read = log_is_read

    def settle(
        self, before: int, now: int, fold: Fold, enough: Callable[[], bool] = lambda: False
    ) -> Walked:
        """Walk on to the sends before a time, or until it is `enough`; what is found is durable.

        Where bounces come to other machines too, it walks as much less far as this one may not have
        heard of them.

        Raises StoreError.
        """
        walked = Walked()
        before -= self._store.memberships.lag(now)
        position = self._store.progress.get(_SOURCE)
        while not enough() and (portion := self._ledger.walk(position, before, _PORTION)):
            position = portion[-1][0]
            silence = _Silence(self._store, self._ledger, now, log_is_read=self._log_is_read)
            entries = list(self._proofs((sent for _, sent in portion), silence, now))
            self._store.act(entries, fold, (_SOURCE, position))
            found = sum(len(entry.addresses) for entry in entries)
            walked = Walked(walked.sends + len(portion), walked.delivered + found)
        return walked

    def _proofs(
        self, portion: Iterable[Sent], silence: "_Silence", now: int
    ) -> Iterator[Delivered]:
        """The last send that has arrived at each address with failures in a row."""
        arrived: dict[str, int] = {}
        for sent in portion:
            if self._comes_back(sent):
                arrived.update(dict.fromkeys(silence.delivered(sent), sent.time))
        by_time: defaultdict[int, list[str]] = defaultdict(list)
        for address, time in arrived.items():
            by_time[time].append(address)
        for time, addresses in by_time.items():
            for start in range(0, len(addresses), MOST_ADDRESSES):
                some = tuple(addresses[start : start + MOST_ADDRESSES])
                yield Delivered(some, now, time, _SOURCE)

    def _comes_back(self, sent: Sent) -> bool:
        """Whether a bounce of the message would have come to us."""
        if not self._domains.signs:
            return True
        return bool(self._domains.for_sender(sent.sender.rpartition("@")[2].lower()))


class _Silence:
    """What it proves that no bounce came, as the store is now."""

    def __init__(self, store: Store, ledger: Ledger, now: int, *, log_is_read: bool) -> None:
        self._store = store
        self._ledger = ledger
        self._now = now
        self._log_is_read = log_is_read

    def delivered(self, sent: Sent) -> list[str]:
        """The recipients with failures in a row at which a message has arrived."""
        if sent.queue not in self._enough:
            return []
        failing = [address for address in sent.reported if self._may_change(address)]
        if not failing or self._says_nothing(sent):
            return []
        message = name_of_sent(sent.time, sent.message)
        bounced = self._store.effects.knows(identity(message, address) for address in failing)
        silent = (a for a, has_bounced in zip(failing, bounced, strict=True) if not has_bounced)
        return [a for a in silent if not self._is_deferred(sent, a)]

    @property
    def _enough(self) -> tuple[QueueState, ...]:
        taken = (QueueState.TAKEN,)
        return taken if self._log_is_read else (*taken, QueueState.UNKNOWN)

    def _may_change(self, address: str) -> bool:
        """Whether a delivery makes a difference to an address, and silence is enough for it."""
        state = self._store.addresses.get(address) or EMPTY
        return _fails(state) and (self._log_is_read or not is_locked(state, self._now))

    def _says_nothing(self, sent: Sent) -> bool:
        """Whether a report of the message may be about anybody, or another pass tells its end."""
        if self._unattributed.may_concern(sent.time, message_digests(sent)):
            return True
        later = self._ledger.by_name((sent.message_id,))
        return later is not None and later.message != sent.message

    def _is_deferred(self, sent: Sent, address: str) -> bool:
        return self._store.deliverylog.is_deferred(Delivery(address, sent.time, sent.message))

    @cached_property
    def _unattributed(self) -> Unattributed:
        return self._store.unproven.unattributed()


def _fails(state: State) -> bool:
    """Whether there are failures in a row, for all groups or for one."""
    streaks = (state, *state.groups.values())
    return any(streak.soft_in_row or streak.hard_in_row for streak in streaks)
