"""The publisher moves what waits into the log, once and in order, also when that lost some."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.memorylog import MemoryLog
from tests.unit.cluster.machines import SEALER, Machine
from tests.unit.store.bounces import bounce_of, record
from tests.unit.store.test_rollback import RULES

from bouncegate.cluster.log import Head
from bouncegate.cluster.publisher import Publisher


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
def machine(tmp_path: Path, log: MemoryLog) -> Iterator[Machine]:
    with closing(Machine(tmp_path / "a", "a", log, RULES)) as machine:
        yield machine


def bounces(machine: Machine, *messages: int) -> None:
    events = [bounce_of(f"u{one}@example.com", one) for one in messages]
    record(machine.store, events, RULES)


def published(log: MemoryLog) -> list[tuple[str, int]]:
    return [(row.node, row.seq) for row in log.read(0, 100)]


def test_publisher_moves_what_waits_once_and_leaves_it_there_until_it_is_applied(
    log: MemoryLog, machine: Machine
) -> None:
    bounces(machine, 1, 2)
    assert machine.publisher.publish() == 2
    assert machine.publisher.publish() == 0
    assert machine.store.outbox.count() == 2
    machine.applier.apply()
    assert machine.store.outbox.count() == 0
    assert published(log) == [("a", 1), ("a", 2)]


@pytest.mark.parametrize("others", [0, 5], ids=["alone", "others went on"])
def test_publisher_publishes_again_what_a_failover_lost_before_anything_newer(
    log: MemoryLog, machine: Machine, others: int
) -> None:
    """A standby is promoted that lacks two entries, which no machine had applied."""
    bounces(machine, 1)
    machine.publisher.publish()
    machine.applier.apply()
    bounces(machine, 2, 3)
    assert machine.publisher.publish() == 2
    log.lose(1)
    if others:
        log.append("b", [(seq, b"\x01") for seq in range(1, others + 1)])
    bounces(machine, 4)
    while machine.publisher.publish():
        pass
    own = [seq for node, seq in published(log) if node == "a"]
    assert own == list(range(1, machine.store.outbox.last() + 1))


def test_publisher_publishes_again_what_a_failover_lost_where_nothing_newer_comes(
    log: MemoryLog, machine: Machine
) -> None:
    now = 0.0
    publisher = Publisher(machine.store.outbox, log, SEALER, "a", clock=lambda: now)
    bounces(machine, 1, 2)
    assert publisher.publish() == 2
    log.lose(0)
    assert publisher.publish() == 0
    assert published(log) == []
    now = 11.0
    assert publisher.publish() == 0, "it finds out"
    assert publisher.publish() == 2
    assert published(log) == [("a", 1), ("a", 2)]
    machine.applier.apply()
    assert machine.store.outbox.count() == 0


def test_publisher_asks_with_one_entry_whether_all_is_still_there(
    log: MemoryLog, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An applier that cannot go on for days makes no load of what waits."""
    now, appended = 0.0, list[int]()

    def append(node: str, entries: list[tuple[int, bytes]], after: int = 0) -> Head:
        appended.append(len(entries))
        return MemoryLog.append(log, node, entries, after)

    monkeypatch.setattr(log, "append", append)
    publisher = Publisher(machine.store.outbox, log, SEALER, "a", clock=lambda: now)
    bounces(machine, 1, 2)
    while publisher.publish():
        pass
    for _ in range(3):
        now += 11.0
        assert publisher.publish() == 0
    assert appended == [2, 1, 1, 1]
    machine.applier.apply()
    now += 11.0
    assert publisher.publish() == 0
    assert appended == [2, 1, 1, 1], "nothing waits"
