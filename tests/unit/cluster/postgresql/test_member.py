"""The daemon of a machine says at the engine that it lives, and lets old entries go."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Event

import pytest
from tests.memorylog import MemoryLog
from tests.unit.cluster.conftest import session_of
from tests.unit.cluster.machines import SEALER, Machine
from tests.unit.store.bounces import bounce_of, record
from tests.unit.store.test_rollback import RULES

from bouncegate.cluster.joining import LEVEL, Cluster
from bouncegate.cluster.member import Member
from bouncegate.cluster.postgresql.log import PostgresqlLog
from bouncegate.cluster.postgresql.machines import PostgresqlRegistry
from bouncegate.config.loading import loads
from bouncegate.config.settings import Settings
from bouncegate.policy.rules import Rules
from bouncegate.store.change import RulesChange
from bouncegate.store.membership import Membership
from lab.postgresql import PostgreSQL

DAY = 86_400


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with closing(Machine(tmp_path / "a", "a", MemoryLog(), RULES)) as machine:
        yield machine


@pytest.fixture
def member(engine: PostgreSQL, machine: Machine) -> Iterator[Member]:
    with ExitStack() as stack:

        def reach() -> Cluster:
            session = stack.enter_context(closing(session_of(engine)))
            return Cluster(PostgresqlLog(session), PostgresqlRegistry(session), SEALER)

        with machine.environment.begin(write=True) as transaction:
            stand = Membership("a", chain=reach().log.head().chain)
            machine.settled.memberships.put(transaction, stand)
        yield Member(machine.settled, reach, Rules.of(Settings()), "0.1.0", keep=2 * DAY)


def one_round(member: Member, *names: str) -> None:
    tasks = {task.name: task for task in member.tasks()}
    for name in names:
        tasks[name].run(Event())


def positions(engine: PostgreSQL) -> list[str]:
    return engine.psql("SELECT position FROM bouncegate.log ORDER BY 1").splitlines()


def test_member_publishes_applies_and_says_how_far_it_is(
    engine: PostgreSQL, machine: Machine, member: Member
) -> None:
    record(machine.store, [bounce_of("ann@example.com", 1)], RULES)
    one_round(member, "publish", "apply", "announce")
    assert positions(engine) == ["1"]
    assert machine.store.outbox.count() == 0
    said = engine.psql("SELECT node, seq, level, version, position FROM bouncegate.nodes")
    assert said == f"a|1|{LEVEL}|0.1.0|1"


@pytest.mark.parametrize(
    ("applied", "left"), [(True, ["3"]), (False, ["1", "2", "3"])], ids=["applied", "not yet"]
)
def test_member_lets_entries_go_that_are_older_than_keep_once_they_are_applied(
    engine: PostgreSQL, machine: Machine, member: Member, applied: bool, left: list[str]
) -> None:
    for message in (1, 2, 3):
        record(machine.store, [bounce_of("ann@example.com", message)], RULES)
        one_round(member, "publish")
    if applied:
        one_round(member, "apply")
    engine.psql(f"UPDATE bouncegate.log SET at = at - {3 * DAY * 1000} WHERE position <= 2")
    one_round(member, "announce")
    assert positions(engine) == left


def test_member_says_once_that_its_rules_are_not_in_force(
    machine: Machine, member: Member, caplog: pytest.LogCaptureFixture
) -> None:
    others = Rules.of(loads("[policy.hard]\nfailures = 2\n"))

    def said() -> int:
        return caplog.text.count("are not those of the cluster")

    one_round(member, "announce")
    assert said() == 0, "none are in force yet"
    machine.store.propose(RulesChange(others))
    one_round(member, "publish", "apply", "announce", "announce")
    assert said() == 1
    machine.store.propose(RulesChange(Rules.of(Settings())))
    one_round(member, "publish", "apply", "announce")
    machine.store.propose(RulesChange(others))
    one_round(member, "publish", "apply", "announce")
    assert said() == 2
