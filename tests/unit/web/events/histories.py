"""Histories of a store, made by chance; what is told of them must not depend on when one asks."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from tests.events import event_of
from tests.stores import open_store

from bouncegate.config.settings import GuardSettings, PolicySettings, Trust
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.fold import Policy
from bouncegate.policy.guard import Guard
from bouncegate.policy.records import Act, Delivered, Ruling, Settled
from bouncegate.store.store import Bounce, Store
from bouncegate.web.events.event import Event
from bouncegate.web.events.position import Position
from bouncegate.web.events.source import Source

DAY: Final = 86_400
START: Final = 1_790_000_000
ADDRESSES: Final = tuple(f"user{n}@gmail.com" for n in range(8))
_VERBS: Final[tuple[Literal["lock", "unlock", "alive", "recover"], ...]] = (
    *("lock", "unlock", "alive", "recover"),
)
_SETTLEMENTS: Final[tuple[Literal["confirmed", "dismissed"], ...]] = ("confirmed", "dismissed")
_SIGNED: Final[tuple[Trust, ...]] = ("signed",)


class History:
    """A store to which things happen."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.store: Store = open_store(folder)
        guard = Guard(GuardSettings(addresses=5))
        self.policy = Policy(PolicySettings(), _SIGNED, guard=guard)
        self.now = START
        self._chance = random.Random(seed)

    def source(self) -> Source:
        return Source(self.store, None, self.policy, "mx1")

    def happen(self) -> None:
        """One thing, some time after the one before."""
        self.now += self._chance.choice((1, 60, 3600, DAY, 20 * DAY, 200 * DAY))
        self._chance.choice(
            (
                self._bounce,
                self._bounce,
                self._burst,
                self._arrive,
                self._act,
                self._undo,
                self._settle,
            )
        )()

    def _bounce(self) -> None:
        reason = self._chance.choice((Reason.USER_UNKNOWN, Reason.MAILBOX_FULL, Reason.SPAM_BLOCK))
        self._record(self._chance.choice(ADDRESSES), reason)

    def _burst(self) -> None:
        for number in range(8):
            self._record(f"burst{number}@gmail.com", Reason.USER_UNKNOWN)

    def _record(self, address: str, reason: Reason) -> None:
        identity = self._chance.randbytes(16)
        event = event_of(address, self.now, reason, identity=identity, provider="gmail")
        self.store.record([Bounce([event], b"")], self.policy)

    def _arrive(self) -> None:
        some = tuple(sorted(self._chance.sample(ADDRESSES, 3)))
        self.store.act([Delivered(some, self.now, self.now - 60, "ledger")], self.policy.fold)

    def _act(self) -> None:
        some = tuple(sorted(self._chance.sample(ADDRESSES, 2)))
        verb = self._chance.choice(_VERBS)
        group = self._chance.choice(("", "", "news")) if verb in ("lock", "unlock") else ""
        act = Act(some, self.now, verb, "ann", until=self.now + 30 * DAY, group=group)
        self.store.act([act], self.policy.fold)

    def _undo(self) -> None:
        numbers = self.store.history.find(lambda event: event.reason is Reason.USER_UNKNOWN)
        some = self._chance.sample(numbers, min(2, len(numbers)))
        self.store.void(some, Ruling("void", (), self.now, "ann"), self.policy.fold)

    def _settle(self) -> None:
        for incident in self.store.incidents.all():
            if incident.settled is None:
                verb = self._chance.choice(_SETTLEMENTS)
                self.store.settle(Settled(incident.number, self.now, verb, "ann"), self.policy.fold)


def read_all(
    source: Source, position: Position, now: int, most: int
) -> tuple[list[Event], Position]:
    """All events behind a position, in portions of `most`."""
    found: list[Event] = []
    while True:
        portion = source.read(position, most, now)
        found += [one.event for one in portion.told]
        position = portion.behind
        if portion.is_last:
            return found, position


def locked_by(events: list[Event]) -> set[tuple[str, str | None]]:
    """Which locks a receiver knows that has got these events: the address and the scope."""
    known: set[tuple[str, str | None]] = set()
    change: dict[str, Callable[[tuple[str, str | None]], None]] = {
        "address.locked": known.add,
        "address.changed": known.add,
        "address.unlocked": known.discard,
    }
    for event in events:
        if event.type in change:
            change[event.type]((event.address, event.data["scope"]))
    return known
