"""What an engine has to keep: the same tests for PostgreSQL, and for the log in memory."""

import time
from collections.abc import Callable

import pytest
from tests.memorylog import MemoryLog

from bouncegate.cluster.chain import follow, verify
from bouncegate.cluster.errors import EngineForked, EngineRefused, EntriesLost, NodeConflict
from bouncegate.cluster.log import MAX_APPEND, MAX_BODY, MAX_ENTRIES, MAX_READ_OCTETS, Log

BODIES = [(seq, b"\x01 body %d" % seq) for seq in range(1, 11)]
DAY = 86_400_000


@pytest.fixture(params=["memory", "postgresql"])
def log(request: pytest.FixtureRequest) -> Log:
    if request.param == "memory":
        return MemoryLog()
    new: Callable[[], Log] = request.getfixturevalue("new_log")
    return new()


def test_log_begins_empty_at_position_0(log: Log) -> None:
    head = log.head()
    assert head.position == 0
    assert len(head.chain) == 32
    assert log.read(0, 10) == []
    verify(log, *head)


def test_append_gives_positions_from_1_on_in_the_order_of_the_call(log: Log) -> None:
    before = time.time_ns() // 1_000_000
    start = log.head()
    head = log.append("mx1", BODIES)
    rows = log.read(0, 100)
    assert [(row.position, row.node, (row.seq, row.body)) for row in rows] == [
        (seq, "mx1", (seq, body)) for seq, body in BODIES
    ]
    assert all(before <= row.at <= time.time_ns() // 1_000_000 for row in rows)
    assert head == log.head() == follow(start, rows)


def test_append_of_two_nodes_makes_one_log(log: Log) -> None:
    start = log.head()
    log.append("mx1", BODIES[:2])
    log.append("mx2", BODIES[:1])
    log.append("mx1", BODIES[4:])
    assert [(row.node, row.seq) for row in log.read(0, 100)] == [
        *(("mx1", 1), ("mx1", 2), ("mx2", 1)),
        *(("mx1", seq) for seq in range(5, 11)),
    ]
    assert follow(start, log.read(0, 100)) == log.head()


def test_append_that_is_repeated_changes_nothing(log: Log) -> None:
    head = log.append("mx1", BODIES)
    assert log.append("mx1", BODIES) == head
    assert log.append("mx1", BODIES[3:5]) == head
    after = log.append("mx1", [*BODIES[8:], (11, b"\x01 new")])
    assert after.position == 11
    assert [row.seq for row in log.read(9, 10)] == [10, 11]


def test_append_of_another_body_under_a_number_is_a_conflict_and_all_of_it_is_refused(
    log: Log,
) -> None:
    head = log.append("mx1", BODIES[:2])
    with pytest.raises(NodeConflict):
        log.append("mx1", [(2, b"\x01 other"), (3, b"\x01 new")])
    assert log.head() == head


def test_append_of_a_number_that_was_passed_over_is_a_conflict(log: Log) -> None:
    log.append("mx1", [BODIES[0], BODIES[4]])
    with pytest.raises(NodeConflict):
        log.append("mx1", [BODIES[2]])
    assert log.head().position == 2


def test_append_behind_an_entry_that_the_log_lost_is_refused_before_it_passes_it_over(
    log: Log,
) -> None:
    log.append("mx1", BODIES[:3], 0)
    log.append("mx1", BODIES[3:4], 3)
    log.append("mx1", BODIES[4:5], 2)
    with pytest.raises(EntriesLost, match="up to 5 and lost those up to 7"):
        log.append("mx1", BODIES[7:8], 7)
    with pytest.raises(EntriesLost):
        log.append("mx2", BODIES[:1], 1)
    assert log.append("mx1", BODIES[5:8], 0).position == 8


@pytest.mark.parametrize(
    ("node", "entries"),
    [
        ("mx1", []),
        ("mx1", [(seq, b"\x01") for seq in range(1, MAX_ENTRIES + 2)]),
        ("mx1", [(0, b"\x01")]),
        ("mx1", [(2, b"\x01"), (1, b"\x01")]),
        ("mx1", [(1, b"\x01"), (1, b"\x01")]),
        ("mx1", [(1, b"")]),
        ("mx1", [(1, b"\x00 looks blanked")]),
        ("mx1", [(1, b"\x01" * (MAX_BODY + 1))]),
        ("mx1", [(seq, b"\x01" * MAX_BODY) for seq in range(1, MAX_APPEND // MAX_BODY + 2)]),
        ("", [(1, b"\x01")]),
        ("Mx1", [(1, b"\x01")]),
        ("m" * 65, [(1, b"\x01")]),
        ("mx\u0661", [(1, b"\x01")]),
    ],
    ids=[
        *("none", "too many", "zero", "descending", "twice", "empty", "unsealed", "large"),
        *("large together", "no name", "capital", "long name", "digit of another script"),
    ],
)
def test_append_refuses_what_is_no_append(
    log: Log, node: str, entries: list[tuple[int, bytes]]
) -> None:
    with pytest.raises(EngineRefused):
        log.append(node, entries)
    assert log.head().position == 0


def test_read_gives_as_many_rows_as_asked_for(log: Log) -> None:
    log.append("mx1", BODIES)
    assert [row.position for row in log.read(3, 4)] == [4, 5, 6, 7]
    assert log.read(10, 4) == []
    assert [row.position for row in log.read(0, 0)] == [1], "one at least"


def test_read_is_bounded_in_octets_and_goes_on_where_it_ended(log: Log) -> None:
    large = b"\x01" * MAX_BODY
    for first in (1, 8, 15):
        log.append("mx1", [(seq, large) for seq in range(first, first + 7)])
    rows = log.read(0, 100)
    assert len(rows) == MAX_READ_OCTETS // MAX_BODY
    assert len(rows) + len(log.read(rows[-1].position, 100)) == 21


def test_read_behind_the_end_is_a_fork(log: Log) -> None:
    log.append("mx1", BODIES)
    with pytest.raises(EngineForked):
        log.read(11, 10)


def test_wait_ends_at_once_where_something_is_there_and_in_time_where_not(log: Log) -> None:
    assert not log.wait(0, 0.0)
    log.append("mx1", BODIES)
    assert log.wait(0, 600.0)
    assert not log.wait(10, 0.05)
