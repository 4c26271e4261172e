"""A real store and the model of tests/model/life.py, to which the same happens."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.events import event_of

from bouncegate.admin.lists.listing import Listing
from bouncegate.admin.lists.row import RowFilters
from bouncegate.config.durations import Duration
from bouncegate.config.loading import loads
from bouncegate.config.settings import GuardSettings, StoreSettings, Trust
from bouncegate.config.taxonomy import Reason
from bouncegate.config.values import Size
from bouncegate.policy.conditions import locks_of, locks_seen
from bouncegate.policy.fold import EMPTY, Policy
from bouncegate.policy.guard import Guard
from bouncegate.policy.providers import Providers
from bouncegate.policy.records import UNCONFIRMED, Act, Event
from bouncegate.policy.simulation import Simulation
from bouncegate.store.intake import Bounce
from bouncegate.store.store import Store

from .life import DAY, OF_NAMES, Arrived, Bounced, Done, Happened, Life, Rules, life_of

BEGIN: Final = 1_770_000_000
ADDRESSES: Final = [f"{user}@{domain}" for user in "abcde" for domain in ("gmail.com", "x.test")]
TWIN: Final = "twin@x.test"
HOUR: Final = 3600
# What trips the guard of these histories.
TOO_MANY: Final = 3
SIGNED: Final[tuple[Trust, ...]] = ("signed",)

Number = int


class Difference(AssertionError):
    """The store and the model do not agree."""


@dataclass
class Open:
    """An incident, as far as the model follows it."""

    provider: str
    reason: Reason
    held: set[Number] = field(default_factory=set)


class Pair:
    """Both of them, by one policy; the store lies in `folder`."""

    def __init__(self, folder: Path, policy: str, rules: Rules, chance: random.Random) -> None:
        """Nothing has happened yet."""
        self.rules = rules
        guard = GuardSettings(window=Duration(seconds=HOUR), addresses=TOO_MANY, slow=())
        self.policy = Policy(loads(policy).policy, SIGNED, guard=Guard(guard))
        self.chance = chance
        self.settings = StoreSettings(path=folder, map_size=Size(64 * 2**20))
        self.store = Store.open(self.settings)
        self.now = BEGIN
        self.messages = 0
        self.lives: defaultdict[str, list[Happened]] = defaultdict(list)
        self.bounces: dict[Number, tuple[str, Bounced]] = {}
        self.reports: dict[Number, Arrived] = {}
        self.waiting: set[Number] = set()
        self.open: dict[Number, Open] = {}
        self.once_held: set[Number] = set()
        self.purged: set[str] = set()
        self.events: list[Event] = []

    # -- what they are made of ---------------------------------------------------------------

    def address(self) -> str:
        """Any address."""
        return self.chance.choice(ADDRESSES)

    def life(self, address: str, now: int = 0) -> Life:
        """What the model knows of an address."""
        return life_of(self.lives[address], self.rules).at(now or self.now)

    def seen(self, addresses: Sequence[str]) -> tuple[int, ...]:
        """What an operator sees of the locks of addresses."""
        states = [self.store.addresses.get(address) or EMPTY for address in addresses]
        return tuple(locks_seen(locks_of(state), self.now) for state in states)

    def maybe_bounces(self, address: str) -> None:
        """A bounce comes, or does not."""
        if self.chance.random() < 0.5:
            self.record(address, self.now, self.now, Reason.USER_UNKNOWN)

    def act(self, act: Act, done: Done, left_out: Collection[str] = ()) -> None:
        """Let an act be carried out, on all but these."""
        said = set(self.store.act([act], self.policy.fold).left_out)
        require(said == set(left_out), f"{act.verb}: left out {said}, not {left_out}")
        for address in set(act.addresses) - said:
            self.lives[address].append(done)

    def event(
        self, address: str, told: int, sent: int, reason: Reason, *, proven: bool = True
    ) -> Event:
        """The report of one message."""
        self.messages += 1
        return event_of(
            address,
            told,
            reason,
            trust="signed" if proven else "unverified",
            identity=self.messages.to_bytes(16, "big"),
            sender="news@a.example",
            group="a.example",
            provider="google" if address.endswith("gmail.com") else "x.test",
            sent=sent,
        )

    def record(
        self, address: str, told: int, sent: int, reason: Reason, proven: bool = True
    ) -> None:
        """A bounce comes in."""
        event = self.event(address, told, sent, reason, proven=proven)
        ((recorded,),) = self.store.record([Bounce([event], b"")], self.policy)
        require(recorded.is_new, "a bounce that is new is said to be known")
        self.events.append(event)
        bounce = Bounced(told, sent, reason, event.provider, proven)
        self.bounces[recorded.number] = address, bounce
        self.guarded(recorded.number, recorded.event.held, event)
        self.lives[address].append(bounce)

    # -- the guard ---------------------------------------------------------------------------

    def guarded(self, number: Number, held: int, event: Event) -> None:
        """What the guard does with a bounce; the model says where it must hold, and must not."""
        _, bounce = self.bounces[number]
        waits = bounce.proven and bounce.reason in OF_NAMES
        if waits:
            require(held == UNCONFIRMED, f"{number} does not wait for DNS")
            self.waiting.add(number)
            bounce.counts = False
            return
        for incident in self.store.incidents.all():
            if incident.settled is None and incident.number not in self.open:
                self.opened(incident.number, event)
        if held:
            require(held in self.open, f"{number} is held for no open incident")
            held_for = self.open[held]
            same = (held_for.provider, held_for.reason) == (event.provider, event.reason)
            require(same and bounce.proven and bounce.kind == "hard", f"{number} is held")
            self.hold(held, {number})
        elif bounce.proven and bounce.kind == "hard":
            self.stays_closed(event)

    def stays_closed(self, event: Event) -> None:
        """Where no incident opened, no more addresses had bounced than is normal."""
        series = event.provider, event.reason
        is_open = any((one.provider, one.reason) == series for one in self.open.values())
        if is_open or abs(event.time - self.now) > DAY / 2:  # what is older may be forgotten
            return
        addresses = {
            address
            for number, (address, bounce) in self.bounces.items()
            if (bounce.provider, bounce.reason) == series
            and event.time - HOUR < bounce.told <= event.time
            and bounce.proven
            and bounce.counts
            and number not in self.once_held
            and not self.has_bounced_hard_before(number)
        }
        require(len(addresses) <= TOO_MANY, f"no incident by {addresses}")

    def opened(self, incident: Number, event: Event) -> None:
        """An incident opens: by too many addresses within an hour, which it takes back."""
        self.open[incident] = Open(event.provider, event.reason)
        held = set(self.store.incidents.held(incident))
        near = {
            number
            for number, (_, bounce) in self.bounces.items()
            if (bounce.provider, bounce.reason) == (event.provider, event.reason)
            and abs(bounce.told - event.time) < HOUR
            and bounce.proven
        }
        require(held <= near, f"incident {incident} holds {held - near}")
        addresses = {self.bounces[number][0] for number in near}
        require(len(addresses) > TOO_MANY, f"incident {incident} opened by {addresses}")
        fresh = {n for n in near if self.bounces[n][1].counts and n not in self.once_held}
        first = {n for n in fresh if not self.has_bounced_hard_before(n)}
        require(first <= held, f"incident {incident} does not hold {first - held}")
        self.hold(incident, held)

    def has_bounced_hard_before(self, number: Number) -> bool:
        """Whether an address may be no known one to the guard."""
        address = self.bounces[number][0]
        return any(
            isinstance(one, Bounced) and one.kind == "hard" and one is not self.bounces[number][1]
            for one in self.lives[address]
        )

    def hold(self, incident: Number, numbers: set[Number]) -> None:
        """Bounces count for nobody until the incident is settled."""
        self.open[incident].held |= numbers
        self.once_held |= numbers
        for number in numbers:
            self.bounces[number][1].counts = False

    def settled(self, incident: Number, *, counts: bool) -> None:
        """An incident is over: what was held counts, in its place, or never does."""
        for number in self.open.pop(incident).held:
            self.bounces[number][1].counts = counts
        require(
            not self.store.incidents.held(incident), f"incident {incident} still holds something"
        )

    # -- what must be equal ------------------------------------------------------------------

    def compare(self) -> None:
        """Hold the store against the model; raises Difference."""
        lives = {address: self.life(address) for address in [*ADDRESSES, TWIN]}
        for address, life in lives.items():
            expected, found = self.told(life), self.shown(address)
            require(found == expected, f"{address}: {found}, expected {expected}")
        rows = Listing(self.store, _PROVIDERS, self.policy, self.now, Duration(months=3))
        locked = {a for a, life in lives.items() if life.lock}
        listed = {row.address for row in rows.rows("locked", RowFilters())}
        # A purged address is listed once something has come of it again.
        require(locked - self.purged <= listed <= locked, f"locked: {listed}, expected {locked}")
        detected = {a for a, life in lives.items() if life.totals.total() and not life.lock}
        listed = {row.address for row in rows.rows("detected", RowFilters())}
        require(listed == detected, f"detected: {listed}, expected {detected}")

    def told(self, life: Life) -> dict[str, object]:
        """What the model says."""
        return {
            "lock": life.lock,
            "hard": life.totals["hard"],
            "soft": life.totals["soft"],
            "hard in a row": len(life.row("hard")),
            "soft in a row": len(life.row("soft")),
            "locked by hard": life.times["hard"],
            "locked by soft": life.times["soft"],
        }

    def shown(self, address: str) -> dict[str, object]:
        """What the store says."""
        state = self.store.addresses.get(address) or EMPTY
        lock = state.lock
        shown = None
        counts = True
        if lock is not None and lock.in_force(self.now):
            kind, origin = str(lock.kind), str(lock.origin)
            shown = (kind, lock.until, origin, lock.reason)
        elif lock is not None:
            counts = lock.reason in (Reason.STALE, Reason.INVALID)
        return {
            "lock": shown,
            "hard": state.hard,
            "soft": state.soft,
            "hard in a row": state.hard_in_row if counts else 0,
            "soft in a row": state.soft_in_row if counts else 0,
            "locked by hard": state.times_locked_hard,
            "locked by soft": state.times_locked - state.times_locked_hard,
        }

    def simulate(self) -> None:
        """The policy in force changes nothing; raises Difference."""
        simulation = Simulation(self.policy, self.policy, self.now)
        changes = [c for h in self.store.history.by_address() for c in simulation.replay(*h)]
        require(not changes and not simulation.totals.differing, f"simulate: {changes}")


_PROVIDERS: Final = Providers.of()


def require(holds: bool, text: str) -> None:
    """Raise Difference unless it holds."""
    if not holds:
        raise Difference(text)
