"""What an address has come to, told from docs/policy.md and nothing else.

Neither the fold nor the policy of the store is used here, so that no fault of theirs is repeated.
What happened to an address is a list, kept for good; each question reads it from the beginning.
"""

from __future__ import annotations

import calendar
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from bouncegate.config.taxonomy import Reason

DAY: Final = 86_400

Kind = Literal["hard", "soft", "complaint"]
Origin = Literal["automatic", "manual", "imported"]

SOFT: Final = frozenset({Reason.MAILBOX_FULL, Reason.NO_ANSWER, Reason.STALE, Reason.UNDEFINED})
BLAMES_SENDER: Final = frozenset({Reason.SPAM_BLOCK})
OF_LISTS: Final = frozenset({Reason.STALE, Reason.INVALID, Reason.PREDICTED})
OF_NAMES: Final = frozenset({Reason.HOST_UNKNOWN, Reason.NO_MX})


class Rule(NamedTuple):
    """How many failures lock, within how many days of sends, for how many months each time."""

    failures: int
    months: tuple[int, ...]
    """None: such a bounce does not count at all."""
    days: int = 0
    """0: as far back as there was no delivery in between."""


class Rules(NamedTuple):
    """A policy: what the rows name, and what holds where none does."""

    hard: Rule
    soft: Rule
    of_reason: Mapping[Reason, Rule] = MappingProxyType({})
    of_provider: Mapping[tuple[str, Kind], Rule] = MappingProxyType({})

    def of(self, bounce: Bounced) -> Rule:
        """The rule that says the most; a provider comes before a reason."""
        default = self.hard if bounce.kind == "hard" else self.soft
        by_reason = self.of_reason.get(bounce.reason, default)
        return self.of_provider.get((bounce.provider, bounce.kind), by_reason)


class Lock(NamedTuple):
    """A lock, as an operator sees it."""

    kind: Kind
    until: int
    origin: Origin
    reason: Reason


@dataclass
class Bounced:
    """A failure: of a message that was sent at one time, told at another."""

    told: int
    sent: int
    reason: Reason
    provider: str
    proven: bool = True
    counts: bool = True
    """Not while it is held for an incident or waits for DNS, nor once it is void."""

    @property
    def kind(self) -> Kind:
        """Hard or soft."""
        return "soft" if self.reason in SOFT else "hard"


@dataclass
class Arrived:
    """A message of a time is known to have arrived."""

    told: int
    sent: int
    counts: bool = True


@dataclass
class Done:
    """What an operator, a list, an import or a sign of life did."""

    told: int
    verb: Literal["lock", "unlock", "alive", "release", "renew", "recover"]
    lock: Lock | None = None


@dataclass
class Purged:
    """All was removed but the lock in force."""

    told: int


Happened = Bounced | Arrived | Done | Purged


@dataclass
class Life:
    """What is known of an address after some of what happened."""

    rules: Rules
    lock: Lock | None = None
    locked_at: int = 0
    needed: int = 0
    """How many soft failures in a row the lock rests on."""
    failures: list[Bounced] = field(default_factory=list)
    """Since the count last began."""
    arrived: int = 0
    """When the last message that arrived was sent."""
    has_bounced: bool = False
    last_bounce: int = 0
    """When the last bounce that counts was told."""
    totals: Counter[str] = field(default_factory=Counter)
    times: Counter[str] = field(default_factory=Counter)
    """How often bounces of each kind have locked it."""

    def at(self, now: int) -> Life:
        """A lock whose time is up is none; the count begins anew, but not for a list's lock."""
        if self.lock is not None and self.lock.until <= now:
            is_of_list = self.lock.reason in OF_LISTS
            self.lock = None
            if not is_of_list:
                self.failures.clear()
        return self

    def is_as_seen(self, lock: Lock | None, now: int) -> bool:
        """Whether the lock is the one that an operator saw, and hides no bounce that came since.

        A bounce leaves an operator's lock as it is.
        """
        is_manual = lock is not None and lock.origin == "manual"
        return self.lock == lock and not (is_manual and self.last_bounce >= now)

    def row(self, kind: Kind) -> list[int]:
        """When the messages were sent whose failures are in a row."""
        return sorted(f.sent for f in self.failures if f.kind == kind and f.sent > self.arrived)

    # -- what happens ------------------------------------------------------------------------

    def then(self, happened: Happened) -> None:
        """Let something happen."""
        match happened:
            case Bounced():
                self._bounced(happened)
            case Arrived():
                if happened.counts:
                    self.at(happened.told)
                    self._arrived(happened.sent)
            case Done():
                self.at(happened.told)
                self._done(happened)
            case Purged(told):
                kept = self.at(told).lock
                at = self.locked_at
                self._begin_anew(arrived=0)
                self.lock, self.locked_at = kept, at

    def _bounced(self, bounce: Bounced) -> None:
        rule = self.rules.of(bounce)
        no_fault = bounce.reason in BLAMES_SENDER
        if not (bounce.counts and bounce.proven and rule.months) or no_fault:
            return
        late = bounce.sent <= self.arrived
        if late and bounce.kind == "soft":
            return
        self.at(bounce.told)
        self.has_bounced = True
        self.last_bounce = max(self.last_bounce, bounce.told)
        self.totals[bounce.kind] += 1
        if not late:
            self.failures.append(bounce)
        enough = rule.failures == 1 if late else self._is_enough(bounce, rule)
        if enough and (self.lock is None or self._gives_way_to(bounce)):
            times = self.times[bounce.kind]
            months = rule.months[min(times, len(rule.months) - 1)]
            until = months_after(bounce.told, months)
            self.lock = Lock(bounce.kind, until, "automatic", bounce.reason)
            self.locked_at = bounce.told
            self.needed = rule.failures
            self.times[bounce.kind] += 1

    def _is_enough(self, bounce: Bounced, rule: Rule) -> bool:
        """Whether so many in a row, this one among them, were sent within the window."""
        row = self.row(bounce.kind)
        if not rule.days:
            return len(row) >= rule.failures
        runs = (row[start : start + rule.failures] for start in range(len(row)))
        return any(
            len(run) == rule.failures
            and run[0] <= bounce.sent <= run[-1]
            and run[-1] < run[0] + rule.days * DAY
            for run in runs
        )

    def _gives_way_to(self, bounce: Bounced) -> bool:
        lock = self.lock
        assert lock is not None
        return bounce.kind == "hard" and (lock.kind, lock.origin) == ("soft", "automatic")

    def _arrived(self, sent: int) -> None:
        if not self.has_bounced:  # no trace of it is left
            return
        before = len(self.failures)
        self.failures = [f for f in self.failures if f.sent > sent]
        self.arrived = max(self.arrived, sent)
        lock = self.lock
        if lock is None or len(self.failures) == before or lock.reason in OF_LISTS:
            return
        by_failures = (lock.kind, lock.origin) == ("soft", "automatic")
        if by_failures and len(self.row("soft")) < self.needed:
            self.lock = None
            self.times["soft"] -= 1

    def _done(self, done: Done) -> None:
        lock = self.lock
        match done.verb:
            case "lock":
                self.lock, self.locked_at = done.lock, done.told
            case "unlock":
                self.lock = None
                self.failures.clear()
            case "renew":
                self._begin_anew(self.arrived)
            case "alive" if lock is None or (lock.kind, lock.origin) == ("soft", "automatic"):
                self._begin_anew(self.arrived)
            case "alive":
                self.failures = [f for f in self.failures if f.kind == "hard"]
            case "release" if lock is not None and lock.reason in OF_LISTS:
                self.lock = None
            case "recover" if (
                lock is not None and lock.origin == "automatic" and lock.reason in OF_NAMES
            ):
                self.lock = None
                self.failures.clear()
                self.times[lock.kind] = max(self.times[lock.kind] - 1, 0)
            case _:
                pass

    def _begin_anew(self, arrived: int) -> None:
        self.lock = None
        self.failures, self.arrived, self.has_bounced = [], arrived, False
        self.last_bounce = 0
        self.totals.clear()
        self.times.clear()


def life_of(all_that_happened: Iterable[Happened], rules: Rules) -> Life:
    """What an address has come to."""
    life = Life(rules)
    for happened in all_that_happened:
        life.then(happened)
    return life


# -- what an import makes of a lock that is there ------------------------------------------------


def imported(lock: Lock | None, made_at: int, reason: Reason, until: int, now: int) -> Lock | None:
    """The lock that a row of an import leads to; None: it changes nothing.

    The stronger reason and the later end win. A lock that was imported for as long is left alone:
    the same file twice changes nothing.
    """
    kind: Kind = "soft" if reason in SOFT else "hard"
    if reason is Reason.COMPLAINT:
        kind = "complaint"
    if lock is None or lock.until <= now:
        return Lock(kind, until, "imported", reason)
    new, old = _strength(reason, "imported"), _strength(lock.reason, lock.origin)
    as_long = abs((until - now) - (lock.until - made_at)) <= 2 * DAY
    longer = until > lock.until and not (lock.origin == "imported" and as_long)
    if new <= old and not longer:
        return None
    until = max(until, lock.until)
    if new >= old:
        return Lock(kind, until, "imported", reason)
    origin: Origin = "imported" if lock.reason in OF_LISTS else lock.origin
    return lock._replace(until=until, origin=origin)


def outlasts(new: Lock, old: Lock) -> bool:
    """Whether a lock of an import takes the place of one that came after the file was read."""
    weaker = _strength(new.reason, new.origin) < _strength(old.reason, old.origin)
    return not weaker and new.until >= old.until


def _strength(reason: Reason, origin: Origin) -> int:
    if reason is Reason.COMPLAINT or origin == "manual":
        return 4
    if reason in OF_LISTS:
        return 1
    if reason is Reason.OPERATOR:
        return 2
    return 0 if reason in SOFT else 3


def months_after(time: int, months: int) -> int:
    """The same time of day so many months later, on the last day of a month that is too short."""
    then = datetime.fromtimestamp(time, UTC)
    years, month = divmod(then.month - 1 + months, 12)
    year, month = then.year + years, month + 1
    day = min(then.day, calendar.monthrange(year, month)[1])
    return int(then.replace(year=year, month=month, day=day).timestamp())
