"""Random histories, played on a store and its model."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, Literal

from msgspec.structs import replace

from bouncegate.admin.lists.corrections import Correction, acts_of, as_seen
from bouncegate.admin.lists.imports import RequestedLock, new_locks
from bouncegate.admin.lists.imports import acts_of as acts_of_import
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.records import (
    NO_END,
    Act,
    Audit,
    Delivered,
    Event,
    Origin,
    Ruling,
    Settled,
)
from bouncegate.store.audit import new_key
from bouncegate.store.intake import Bounce
from bouncegate.store.tools.verify.verification import verify

from .life import (
    DAY,
    OF_NAMES,
    SOFT,
    Arrived,
    Done,
    Lock,
    Purged,
    imported,
    months_after,
    outlasts,
)
from .pair import ADDRESSES, HOUR, TWIN, Difference, Pair, require
from .policies import POLICIES


class Play(Pair):
    """One history."""

    def __init__(self, seed: int, folder: Path) -> None:
        """Nothing has happened yet."""
        super().__init__(folder, *POLICIES[seed % len(POLICIES)], random.Random(seed))
        self.log: list[str] = []
        self.steps: Final[dict[Callable[[], None], float]] = {
            self.bounce: 10,
            self.wait: 5,
            self.by_hand: 2,
            self.alive: 1.5,
            self.deliver: 3,
            self.success_report: 0.7,
            self.old_log_line: 1,
            self.twice: 0.7,
            self.by_wrong_clock: 0.4,
            self.list_locks: 0.7,
            self.list_releases: 0.7,
            self.file_of_locks: 1,
            self.correct: 0.7,
            self.too_late: 0.7,
            self.undo: 1.2,
            self.settle: 1.5,
            self.dns_tells: 1.5,
            self.domain_returns: 0.7,
            self.forget: 2,
            self.purge: 0.7,
        }

    def run(self, steps: int) -> None:
        """Play so many steps; raises Difference."""
        with closing(self.store):
            for _ in range(steps):
                (step,) = self.chance.choices(list(self.steps), list(self.steps.values()))
                self.log.append(f"{step.__name__} at {self.now}")
                step()
                self.compare()
            self.simulate()
        found = list(verify(self.settings, self.policy.fold))
        require(not found, f"verify: {found}")

    # -- the steps ---------------------------------------------------------------------------

    def bounce(self) -> None:
        """Some bounces of messages that were sent up to five days before."""
        for _ in range(self.chance.randint(1, 4)):
            self.now += self.chance.choice([5, 30, 2000])
            reason = self.chance.choice(
                [Reason.USER_UNKNOWN] * 2
                + [Reason.MAILBOX_FULL] * 2
                + [Reason.NO_ANSWER, Reason.SPAM_BLOCK, Reason.HOST_UNKNOWN]
            )
            sent = self.now - self.chance.randint(0, 5) * DAY
            self.record(self.address(), self.now, sent, reason, self.chance.random() < 0.8)

    def old_log_line(self) -> None:
        """A line of Postfix's log that is read days later."""
        told = self.now - self.chance.randint(0, 4) * DAY
        reason = self.chance.choice([Reason.USER_UNKNOWN, Reason.MAILBOX_FULL])
        self.record(self.address(), told, told - self.chance.randint(0, 3) * DAY, reason)

    def by_wrong_clock(self) -> None:
        """A bounce or a delivery that is dated ahead, or behind by less than ten days."""
        told = self.now + self.chance.choice([-9, 2, 40, 740]) * DAY
        address = self.address()
        if self.chance.random() < 0.3:
            self.deliver_to(address, told, self.now)
        else:
            reason = self.chance.choice([Reason.USER_UNKNOWN, Reason.MAILBOX_FULL])
            self.record(address, told, self.now, reason)

    def twice(self) -> None:
        """A bounce comes again: it counts once, unless the first one is no longer kept."""
        if not self.events:
            return
        event = self.chance.choice(self.events)
        kept = {e.identity for _, e in self.store.journal.entries() if isinstance(e, Event)}
        (is_known,) = self.store.effects.knows([event.identity])
        require(is_known is (event.identity in kept), "an identity is known without its entry")
        if is_known:
            before = self.store.journal.last()
            ((recorded,),) = self.store.record([Bounce([event], b"")], self.policy)
            require(not recorded.is_new and self.store.journal.last() == before, "counted twice")

    def wait(self) -> None:
        """Time goes by, and the hourly round looks at the incidents."""
        self.now += self.chance.choice([HOUR, DAY, 20 * DAY, 40 * DAY, 400 * DAY])
        for incident in self.store.close_incidents(self.policy, self.now):
            self.settled(incident.number, counts=False)

    def by_hand(self) -> None:
        """An operator locks or unlocks some addresses; an unlock is of the locks that were seen."""
        both = tuple({self.address(): None, TWIN: None})
        if self.chance.random() < 0.5:
            until = self.chance.choice([NO_END, self.now + 10 * DAY])
            act = Act(both, self.now, "lock", "ann", until=until)
            self.act(act, Done(self.now, "lock", Lock("hard", until, "manual", Reason.OPERATOR)))
        else:
            act = Act(both, self.now, "unlock", "ann", condition="as-seen", seen=self.seen(both))
            lives = {address: self.life(address) for address in both}
            changed = {a for a, one in lives.items() if not one.is_as_seen(one.lock, self.now)}
            self.act(act, Done(self.now, "unlock"), left_out=changed)

    def alive(self) -> None:
        """A sign of life, maybe told late; none frees from a lock that is younger than itself."""
        both = self.address(), TWIN
        at = self.now - self.chance.choice([0, 0, 0, DAY, 9 * DAY])
        lives = {address: self.life(address, at) for address in both}
        younger = {a for a, life in lives.items() if life.lock and life.locked_at > at}
        act = Act(tuple(dict.fromkeys(both)), at, "alive", "clicks")
        self.act(act, Done(at, "alive"), left_out=younger)

    def deliver(self) -> None:
        """The ledger or the log tells that a message has arrived."""
        self.deliver_to(self.address(), self.now, self.now - self.chance.randint(0, 8) * DAY)

    def deliver_to(self, address: str, told: int, sent: int) -> None:
        """One message has arrived."""
        source = self.chance.choice(_SOURCES)
        self.store.act([Delivered((address,), told, sent, source)], self.policy.fold)
        self.lives[address].append(Arrived(told, sent))

    def success_report(self) -> None:
        """A report of RFC 3464 that says "delivered"; one that is not proven says nothing."""
        address, sent = self.address(), self.now - self.chance.randint(0, 3) * DAY
        proven = self.chance.random() < 0.7
        event = replace(
            self.event(address, self.now, sent, Reason.NOT_A_FAILURE, proven=proven),
            action="delivered",
        )
        ((recorded,),) = self.store.record([Bounce([event], b"")], self.policy)
        report = Arrived(self.now, sent, counts=proven)
        self.reports[recorded.number] = report
        self.lives[address].append(report)

    def list_locks(self) -> None:
        """A list refuses an address that nothing locks."""
        address, reason = self.address(), self.chance.choice([Reason.STALE, Reason.INVALID])
        until = self.now + 365 * DAY
        act = Act(
            *((address,), self.now, "lock", "maintenance", "", until, Origin.AUTOMATIC, reason),
            condition="unlocked",
        )
        lock = Lock("soft" if reason in SOFT else "hard", until, "automatic", reason)
        locked = {address} if self.life(address).lock else set()
        self.act(act, Done(self.now, "lock", lock), left_out=locked)

    def list_releases(self) -> None:
        """A list lets go of an address, if it is what locks it."""
        address = self.address()
        act = Act((address,), self.now, "release", "maintenance", condition="by-list")
        lock = self.life(address).lock
        is_of_list = lock is not None and lock.reason in (Reason.STALE, Reason.INVALID)
        self.act(act, Done(self.now, "release"), left_out=set() if is_of_list else {address})

    def file_of_locks(self) -> None:
        """An import; a bounce may come between the question and the answer."""
        address, now = self.address(), self.now
        reasons = [Reason.COMPLAINT, Reason.USER_UNKNOWN, Reason.MAILBOX_FULL]
        reason = self.chance.choice(reasons)
        until = self.chance.choice([NO_END, now + 10 * DAY, months_after(now, 12)])
        life = self.life(address)
        expected = imported(life.lock, life.locked_at, reason, until, now)
        requests = list(new_locks(self.store, [RequestedLock(address, reason, until, "")], now))
        require(
            bool(requests) is (expected is not None), f"{address}: import {requests} {expected}"
        )
        acts = list(acts_of_import(requests, now, "ann", "import"))
        self.maybe_bounces(address)
        present = self.life(address, now).lock
        for act in acts:
            assert expected is not None
            wins = present is None or outlasts(expected, present)
            self.act(act, Done(now, "lock", expected), left_out=set() if wins else {address})

    def correct(self) -> None:
        """An address was mistyped: the one that was meant is counted anew."""
        old, new = self.chance.sample(ADDRESSES, 2)
        correction = as_seen(self.store, Correction(old, new, 1), self.now)
        was = self.life(new).lock
        self.maybe_bounces(new)
        changed = set() if self.life(new).is_as_seen(was, self.now) else {new}
        for act in acts_of([correction], self.now, "ann", ""):
            if act.verb == "renew":
                self.act(act, Done(self.now, "renew"), left_out=changed)
            else:
                acted = self.store.act([act], self.policy.fold)
                require(bool(acted.left_out) is bool(changed), f"correction of {old} to {new}")

    def too_late(self) -> None:
        """A bounce comes between an operator's look and the unlock: another lock stays."""
        address = self.address()
        seen, was = self.seen((address,)), self.life(address).lock
        self.maybe_bounces(address)
        act = Act((address,), self.now, "unlock", "ann", condition="as-seen", seen=seen)
        changed = set() if self.life(address).is_as_seen(was, self.now) else {address}
        self.act(act, Done(self.now, "unlock"), left_out=changed)

    def undo(self) -> None:
        """An operator makes some events void, those that wait or are held as well."""
        numbers = self.store.history.find(lambda _: self.chance.random() < 0.2)
        self.store.void(numbers, Ruling("void", (), self.now, "ann"), self.policy.fold)
        for number in numbers:
            if number in self.bounces:
                self.bounces[number][1].counts = False
            if number in self.reports:
                self.reports[number].counts = False
            self.waiting.discard(number)
            for incident in self.open.values():
                incident.held.discard(number)

    def settle(self) -> None:
        """An operator settles an incident."""
        if self.open:
            number = self.chance.choice(sorted(self.open))
            verb: Literal["confirmed", "dismissed"] = self.chance.choice(_VERDICTS)
            self.store.settle(Settled(number, self.now, verb, "ann"), self.policy.fold)
            self.settled(number, counts=verb == "confirmed")

    def dns_tells(self) -> None:
        """DNS has told of a domain: what waits counts from now on, or never does."""
        domain = self.chance.choice(["gmail.com", "x.test"])
        verb: Literal["release", "void"] = self.chance.choice(_RULINGS)
        numbers = sorted(n for n in self.waiting if self.bounces[n][0].endswith(domain))
        ruling = Ruling(verb, tuple(numbers), self.now, "domain-check")
        ruled = self.store.confirm(ruling, self.policy.fold)
        require(ruled == len(numbers), f"waits for DNS: {ruled}, not {numbers}")
        for number in numbers:
            self.bounces[number][1].counts = verb == "release"
            self.waiting.discard(number)

    def domain_returns(self) -> None:
        """A domain takes mail again, which frees whom its absence has locked."""
        domain = self.chance.choice(["gmail.com", "x.test"])
        locks = {a: self.life(a).lock for a in ADDRESSES if a.endswith(domain)}
        some = tuple(a for a, lock in locks.items() if lock and lock.reason in OF_NAMES)
        if some:
            act = Act(some, self.now, "recover", "domain-check", condition="as-seen")
            self.act(replace(act, seen=self.seen(some)), Done(self.now, "recover"))

    def forget(self) -> None:
        """Retention: no address and no lock is any other for it."""
        before = self.now - self.chance.choice([30, 60, 400]) * DAY
        self.store.retention.expire_entries(before, self.now, self.policy.fold)
        self.store.retention.expire_purged(self.now)
        kept = {number for number, _ in self.store.journal.entries()}
        for number in self.waiting | {n for i in self.open.values() for n in i.held}:
            require(number in kept, f"{number} is held or waits, and is forgotten")

    def purge(self) -> None:
        """All of an address goes but its lock."""
        address = self.address()
        audit = Audit(new_key(self.now), self.now, "purge", "ann")
        self.store.purge.carry_out({address}, audit)
        gone = {number for number, (whose, _) in self.bounces.items() if whose == address}
        self.bounces = {n: one for n, one in self.bounces.items() if n not in gone}
        self.waiting -= gone
        for incident in self.open.values():
            incident.held -= gone
        self.lives[address].append(Purged(self.now))
        self.purged.add(address)


_SOURCES: Final[tuple[Literal["ledger", "log"], ...]] = ("ledger", "log")
_VERDICTS: Final[tuple[Literal["confirmed", "dismissed"], ...]] = ("confirmed", "dismissed")
_RULINGS: Final[tuple[Literal["release", "void"], ...]] = ("release", "void")


def differences(seeds: Iterable[int], steps: int, folder: Path) -> Iterator[tuple[int, Play, str]]:
    """The histories on which store and model do not agree."""
    for seed in seeds:
        own = folder / f"history-{seed}"
        own.mkdir()
        play = Play(seed, own)
        try:
            play.run(steps)
        except Difference as error:
            yield seed, play, str(error)
