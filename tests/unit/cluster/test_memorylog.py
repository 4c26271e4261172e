"""The log in memory, on which other tests rely, does what PostgreSQL does."""

from contextlib import closing
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.memorylog import MemoryLog
from tests.unit.cluster.conftest import session_of

from bouncegate.cluster.errors import EngineError
from bouncegate.cluster.log import Log
from bouncegate.cluster.postgresql.log import PostgresqlLog
from bouncegate.cluster.postgresql.machines import PostgresqlRegistry
from lab.postgresql import PostgreSQL

SEQS = st.lists(st.integers(0, 8), max_size=4)
BODIES = st.sampled_from([b"\x01", b"\x01 other", b"\x02", b"\x00", b"", b"\x01" + bytes(32)])
APPENDS = st.tuples(
    st.just("append"), st.sampled_from(["mx1", "mx2", "MX"]), SEQS.flatmap(
        lambda seqs: st.tuples(*(st.tuples(st.just(seq), BODIES) for seq in seqs))
    ),
)  # fmt: skip
READS = st.tuples(st.just("read"), st.integers(0, 12), st.integers(0, 12))
BLANKS = st.tuples(st.just("blank"), st.lists(st.integers(1, 6), max_size=2), st.none())
CALLS = st.lists(st.one_of(APPENDS, APPENDS, READS, BLANKS), max_size=15)


def outcome(log: Log, name: str, one: Any, two: Any) -> object:
    """What a call says, without times and chains, which differ."""
    try:
        if name == "append":
            return log.append(one, two).position
        return [row[:3] + row[4:5] for row in log.read(one, two)]
    except EngineError as error:
        return type(error)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=CALLS)
def test_memory_log_answers_as_postgresql_does(
    engine: PostgreSQL, calls: list[tuple[str, Any, Any]]
) -> None:
    engine.psql(
        "TRUNCATE bouncegate.log, bouncegate.nodes; "
        "UPDATE bouncegate.head SET position = 0, forgotten = 0"
    )
    memory = MemoryLog()
    with closing(session_of(engine)) as session:
        real, registry = PostgresqlLog(session), PostgresqlRegistry(session)
        for name, one, two in calls:
            if name == "blank":
                end = memory.head().position
                positions = [position for position in one if position <= end]
                registry.blank(positions)
                memory.blank(positions)
            else:
                assert outcome(memory, name, one, two) == outcome(real, name, one, two)
        assert outcome(memory, "read", 0, 100) == outcome(real, "read", 0, 100)
