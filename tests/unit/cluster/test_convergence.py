"""Machines that share one index come to the same, whatever happens where, and in which order.

Random histories are played on three machines; now and then one of them publishes or applies some.
A fourth is told the log alone.
"""

import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Literal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec.structs import replace
from tests.memorylog import MemoryLog
from tests.unit.cluster.machines import Machine
from tests.unit.store.bounces import NOW, bounce_of, contents, record
from tests.unit.store.test_rollback import ADDRESSES_OF_USERS, REASONS, RULES, SENDERS

from bouncegate.config.taxonomy import Reason
from bouncegate.policy.fold import EMPTY
from bouncegate.policy.records import NO_END, Act, Audit, Delivered, Event, Ruling, Settled
from bouncegate.store.addresses import lock_record
from bouncegate.store.layout import (
    LOCKS,
    OUTBOX,
    OUTBOX_BY_ADDRESS,
    OUTBOX_ONCE,
    OUTBOX_WATCHED,
    SETTLED_LOCKS,
)

NAMES = ("a", "b", "c")
machines = st.sampled_from(NAMES)


class Shared(RuleBasedStateMachine):
    """Bounces, acts, undos, settlements and answers of DNS on any machine, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.log = MemoryLog()
        self.machines = {
            name: Machine(Path(self.folder.name, name), name, self.log, RULES)
            for name in (*NAMES, "told")
        }
        self.now = NOW
        self.messages = 0
        self.acknowledged = set[bytes]()
        self.purged = False
        self.last = list[Event]()

    def teardown(self) -> None:
        try:
            self._come_to_the_same()
        finally:
            for machine in self.machines.values():
                machine.close()
            self.folder.cleanup()

    def _come_to_the_same(self) -> None:
        for name in NAMES:
            while self.machines[name].publisher.publish():
                pass
        everyone = list(self.machines.values())
        for machine in everyone:
            while machine.position() < self.log.head().position:
                machine.applier.apply()
        waiting = (OUTBOX, OUTBOX_ONCE, OUTBOX_BY_ADDRESS, OUTBOX_WATCHED, SETTLED_LOCKS)
        for machine in everyone:
            assert not any(contents(machine.store, *waiting).values())
            assert machine.shared() == everyone[0].shared()
        counted = Counter(
            entry.identity
            for _, entry in everyone[0].store.journal.entries()
            if isinstance(entry, Event)
        )
        assert max(counted.values(), default=1) == 1, "each bounce counts once"
        assert self.purged or counted.keys() == self.acknowledged, "none is lost"

    # -- what happens ------------------------------------------------------------------------

    @rule(
        name=machines,
        addresses=st.lists(st.sampled_from([*ADDRESSES_OF_USERS, ""]), min_size=1, max_size=8),
        reason=st.sampled_from(REASONS),
        sender=st.sampled_from(SENDERS),
        age=st.integers(0, 5),
    )
    def bounce(
        self,
        name: str,
        addresses: list[str],
        reason: Reason,
        sender: str,
        age: int,
    ) -> None:
        self.messages += 1
        self.now += 30
        events = [
            replace(
                bounce_of(address, self.messages * 100 + n, self.now, reason),
                sender=sender,
                group=sender.rpartition("@")[2],
                sent=self.now - age * 86_400,
            )
            for n, address in enumerate(addresses)
        ]
        self.last = events
        self._take_in(name, events)

    @rule(name=machines)
    def the_same_again(self, name: str) -> None:
        self._take_in(name, self.last)

    def _take_in(self, name: str, events: list[Event]) -> None:
        store = self.machines[name].store
        last = {outcome.event.address: outcome for outcome in record(store, events, RULES)}
        self.acknowledged.update(event.identity for event in events)
        for address, outcome in last.items():
            seen = store.addresses.get(address) or EMPTY
            with store.environment.begin() as transaction:  # a later one may have been too many
                is_held = store.ordered.overlay.guard.holds(transaction, outcome.event)
            assert is_held or seen.lock == outcome.after.lock, "in force when it is acknowledged"

    @rule(
        name=machines,
        address=st.sampled_from(ADDRESSES_OF_USERS),
        verb=st.sampled_from(["lock", "unlock", "alive", "recover"]),
        group=st.sampled_from(["", "a.example"]),
        condition=st.sampled_from(["", "unlocked", "shortens-none"]),
    )
    def act(
        self,
        name: str,
        address: str,
        verb: Literal["lock", "unlock", "alive", "recover"],
        group: str,
        condition: Literal["", "unlocked", "shortens-none"],
    ) -> None:
        self.now += 1
        until = self.now + 86_400 if address < "c" else NO_END
        who = (address, "twin@x.test")
        act = Act(who, self.now, verb, by="ann", until=until, group=group, condition=condition)
        audit = Audit(self.now.to_bytes(12, "big"), self.now, verb, "ann", targets=who)
        self.machines[name].store.act([act], RULES.fold, audit=audit)

    @rule(
        name=machines,
        addresses=st.sets(st.sampled_from(ADDRESSES_OF_USERS), min_size=1, max_size=4),
        age=st.integers(0, 9),
    )
    def deliver(self, name: str, addresses: set[str], age: int) -> None:
        sent = self.now - age * 86_400
        proof = Delivered(tuple(sorted(addresses)), self.now, sent, "ledger")
        self.machines[name].store.act([proof], RULES.fold)

    @rule(name=machines, seed=st.integers(0, 2**32), share=st.sampled_from([0.1, 0.5]))
    def undo(self, name: str, seed: int, share: float) -> None:
        chance, store = random.Random(seed), self.machines[name].store
        numbers = store.history.find(lambda _event: chance.random() < share)
        store.void(numbers, Ruling("void", (), self.now, by="ann"), RULES.fold)

    @rule(
        name=machines,
        domain=st.sampled_from(["gmail.com", "x.test"]),
        verb=st.sampled_from(["release", "void"]),
    )
    def dns_tells(self, name: str, domain: str, verb: Literal["release", "void"]) -> None:
        store = self.machines[name].store
        waiting = [
            number
            for portion in store.unconfirmed.portions()
            for number, event in portion
            if event.address.endswith(domain)
        ]
        store.confirm(Ruling(verb, tuple(waiting), self.now, by="domain-check"), RULES.fold)

    @rule(name=machines, verb=st.sampled_from(["confirmed", "dismissed"]))
    def settle(self, name: str, verb: Literal["confirmed", "dismissed"]) -> None:
        store = self.machines[name].store
        for incident in store.incidents.all():
            if incident.settled is None:
                store.settle(Settled(incident.number, self.now, verb, by="ann"), RULES.fold)

    @rule(name=machines, address=st.sampled_from(ADDRESSES_OF_USERS[:4]), often=st.integers(0, 3))
    def purge(self, name: str, address: str, often: int) -> None:
        if often:  # rarely: what is purged can lose nothing any more
            return
        self.now += 1
        self.purged = True
        audit = Audit(self.now.to_bytes(12, "big"), self.now, "purge", "ann", count=1)
        self.machines[name].store.purge_addresses({address}, audit)

    @rule(name=machines, days=st.integers(0, 100), hours=st.integers(0, 3))
    def wait(self, name: str, days: int, hours: int) -> None:
        self.now += days * 86_400 + hours * 1800
        self.machines[name].store.close_incidents(RULES, self.now)

    @rule(name=machines, most=st.integers(1, 5))
    def publish(self, name: str, most: int) -> None:
        self.machines[name].publisher.publish(most)

    @rule(name=st.sampled_from([*NAMES, "told"]), most=st.integers(1, 9))
    def apply(self, name: str, most: int) -> None:
        self.machines[name].applier.apply(most)

    # -- what holds --------------------------------------------------------------------------

    @invariant()
    def the_send_path_sees_what_waits_and_nothing_else(self) -> None:
        for name in NAMES:
            machine = self.machines[name]
            overlay = machine.store.ordered.overlay
            found = dict(contents(machine.store, LOCKS)[LOCKS])
            with machine.environment.begin() as transaction:
                for address in {*ADDRESSES_OF_USERS, "twin@x.test"}:
                    state = overlay.state(transaction, address, RULES.fold)
                    assert found.get(address.encode()) == lock_record(state)

    @invariant()
    def machines_that_stand_at_one_place_hold_the_same(self) -> None:
        at: dict[int, tuple[str, dict[bytes, list[tuple[bytes, bytes]]]]] = {}
        for name, machine in self.machines.items():
            shared = machine.shared()
            settled = dict(contents(machine.store, SETTLED_LOCKS)[SETTLED_LOCKS])
            locks = dict(shared[LOCKS]) | settled
            shared[LOCKS] = sorted((key, record) for key, record in locks.items() if record)
            other, theirs = at.setdefault(machine.position(), (name, shared))
            assert shared == theirs, f"{name} and {other} differ"


Shared.TestCase.settings = settings(
    max_examples=40, stateful_step_count=40, deadline=None, derandomize=True
)
TestShared = Shared.TestCase
