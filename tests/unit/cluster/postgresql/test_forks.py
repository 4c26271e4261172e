"""An engine that tells another story, or holds what was changed by hand, is found before use."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.unit.cluster.conftest import MACHINE, NewLog, session_of

from bouncegate.cluster.chain import follow, is_blanked, verify
from bouncegate.cluster.errors import EngineForked, EntriesForgotten
from bouncegate.cluster.log import Head, Log
from bouncegate.cluster.postgresql.log import PostgresqlLog
from bouncegate.cluster.postgresql.machines import PostgresqlRegistry
from bouncegate.cluster.postgresql.migrations import migrate
from bouncegate.cluster.postgresql.session import Session
from bouncegate.cluster.postgresql.target import Target
from bouncegate.cluster.sealing import SealBroken, Sealer
from lab.folder import LabFolder
from lab.postgresql import PostgreSQL

SEALER = Sealer([bytes(range(32))])
DAY = 86_400_000


def sealed(first: int, many: int) -> list[tuple[int, bytes]]:
    return [
        (seq, SEALER.seal_entry("mx1", seq, b"bounce %d" % seq))
        for seq in range(first, first + many)
    ]


def apply_all(log: Log, stand: Head) -> Head:
    """As an applier does it: compare, read and follow, until nothing is left."""
    verify(log, *stand)
    while rows := log.read(stand.position, 2):
        stand = follow(stand, rows)
    return stand


@pytest.fixture
def log(new_log: NewLog) -> PostgresqlLog:
    return new_log()


@pytest.fixture
def registry(engine: PostgreSQL) -> Iterator[PostgresqlRegistry]:
    with closing(session_of(engine)) as session:
        yield PostgresqlRegistry(session)


def test_engine_restored_from_an_older_copy_is_found_at_once_and_later(
    engine: PostgreSQL, log: PostgresqlLog
) -> None:
    common = log.append("mx1", sealed(1, 5))
    engine.stop()
    copy = engine.copy("older")
    engine.start()
    stand = log.append("mx1", sealed(6, 5))
    engine.stop()
    engine.restore(copy)
    engine.start()
    with pytest.raises(EngineForked, match="ends at position 5, and this machine has applied 10"):
        verify(log, *stand)
    with pytest.raises(EngineForked, match="ends at position 5"):
        log.read(stand.position, 100)
    assert log.wait(stand.position, 0.0), "who waits is woken to find out"
    verify(log, *common)
    # Another machine goes on before ours connects: the position is there, with another chain.
    log.append("mx2", [(seq, b"\x01 other") for seq in range(1, 9)])
    with pytest.raises(EngineForked, match="other entries up to position 10"):
        verify(log, *stand)
    with pytest.raises(EngineForked):
        follow(stand, log.read(stand.position, 100))
    verify(log, *common)


def test_engine_that_was_made_anew_is_found_by_who_had_applied_nothing_yet(
    engine: PostgreSQL, log: PostgresqlLog
) -> None:
    stand = log.head()
    engine.psql("DROP SCHEMA bouncegate CASCADE")
    with closing(session_of(engine, "bouncegate_owner")) as owner:
        migrate(owner)
    with pytest.raises(EngineForked):
        verify(log, *stand)


def test_promoted_standby_is_used_and_a_tail_that_it_lacks_is_found() -> None:
    """One machine had applied what is lost, another one had not."""
    with LabFolder() as folder:
        primary = PostgreSQL(folder, "primary")
        primary.start()
        primary.psql(f"CREATE ROLE {MACHINE} LOGIN")
        with closing(session_of(primary, "postgres")) as owner:
            migrate(owner)
        primary.psql(f"GRANT bouncegate_machine TO {MACHINE}")
        standby = PostgreSQL(folder, "standby", follows=primary)
        standby.start()
        both = Target(
            f"host={primary.base},{standby.base} port={primary.port},{standby.port} "
            f"dbname=bouncegate user={MACHINE}"
        )
        with closing(PostgresqlLog(Session(both))) as log:
            common = log.append("mx1", sealed(1, 3))
            primary.psql("SELECT pg_switch_wal()")
            standby.wait_for_rows("bouncegate.log", 3)
            standby.psql("ALTER SYSTEM SET primary_conninfo = ''")
            standby.psql("SELECT pg_reload_conf()")
            standby.wait_for_rows("pg_stat_wal_receiver", 0)
            lost = log.append("mx1", sealed(4, 2))
            primary.kill()
            standby.promote()
            assert log.head() == common, "the new primary is found without a setting"
            verify(log, *common)
            with pytest.raises(EngineForked, match="ends at position 3"):
                verify(log, *lost)
            assert log.append("mx1", sealed(4, 2)).position == 5


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE bouncegate.log SET body = '\\x01aa' WHERE position = 3",
        "UPDATE bouncegate.log SET node = 'mx2' WHERE position = 3",
        "UPDATE bouncegate.log SET seq = 99 WHERE position = 3",
        "UPDATE bouncegate.log SET at = at + 1 WHERE position = 3",
        "UPDATE bouncegate.log SET chain = sha256('x') WHERE position = 3",
        "DELETE FROM bouncegate.log WHERE position = 3",
        "DELETE FROM bouncegate.log WHERE position <= 3",
        "DELETE FROM bouncegate.log WHERE position = 5",
    ],
    ids=["body", "node", "seq", "at", "chain", "taken out", "cut at the front", "cut at the end"],
)
def test_log_that_was_changed_by_hand_is_found(
    engine: PostgreSQL, log: PostgresqlLog, sql: str
) -> None:
    start = log.head()
    log.append("mx1", sealed(1, 5))
    engine.psql(sql)
    with pytest.raises(EngineForked):
        apply_all(log, start)


def test_body_that_was_put_in_with_a_chain_that_fits_does_not_open(
    engine: PostgreSQL, log: PostgresqlLog
) -> None:
    """Who owns the database can make a chain and no seal; here it is entry 2 once more, as 3."""
    start = log.head()
    log.append("mx1", sealed(1, 2))
    engine.psql(
        "SELECT bouncegate.append('mx1', ARRAY[3]::bigint[], ARRAY[body], 2) "
        "FROM bouncegate.log WHERE seq = 2"
    )
    rows = log.read(0, 10)
    follow(start, rows)
    assert SEALER.open_entry("mx1", 2, rows[1].body) == b"bounce 2"
    with pytest.raises(SealBroken):
        SEALER.open_entry("mx1", 3, rows[2].body)


def test_engine_holds_no_address_in_any_file(engine: PostgreSQL, log: PostgresqlLog) -> None:
    address = b"a-person-of-this-name@recipient.example"
    log.append("mx1", [(1, SEALER.seal_entry("mx1", 1, address))])
    plain = b"\x01 not-sealed-at-all@recipient.example"
    log.append("mx1", [(2, plain)])
    engine.psql("CHECKPOINT")
    found = [path.read_bytes() for path in engine.data.rglob("*") if path.is_file()]
    assert any(plain in octets for octets in found), "this would be found"
    assert not any(address in octets for octets in found)


def test_blanked_rows_keep_the_chain_and_a_repeated_append_is_still_the_same(
    log: PostgresqlLog, registry: PostgresqlRegistry
) -> None:
    start = log.head()
    head = log.append("mx1", sealed(1, 5))
    assert registry.blank([2, 4, 99]) == 2
    assert registry.blank([2, 4]) == 0
    rows = log.read(0, 10)
    assert [is_blanked(row.body) for row in rows] == [False, True, False, True, False]
    assert follow(start, rows) == head
    assert log.append("mx1", sealed(1, 5)) == head
    verify(log, 1, rows[0].chain)


def test_forgotten_rows_are_no_gap_and_who_needs_them_is_told(
    engine: PostgreSQL, log: PostgresqlLog, registry: PostgresqlRegistry
) -> None:
    log.append("mx1", sealed(1, 6))
    stands = {row.position: Head(row.position, row.chain) for row in log.read(0, 10)}
    engine.psql(f"UPDATE bouncegate.log SET at = at - {2 * DAY} WHERE position <= 4")
    assert registry.forget(DAY, 3) == 3, "as many as asked for"
    assert registry.forget(DAY, 100) == 1
    assert registry.forget(DAY, 100) == 0
    assert [row.position for row in log.read(4, 10)] == [5, 6]
    with pytest.raises(EntriesForgotten, match="has applied 3: let it join anew"):
        log.read(3, 10)
    with pytest.raises(EntriesForgotten):
        verify(log, *stands[2])
    with pytest.raises(EngineForked):
        verify(log, 4, bytes(32))
    # What comes again after it is forgotten is still known, and what is new follows.
    assert log.append("mx1", sealed(3, 5)).position == 7
    assert [row.seq for row in log.read(4, 10)] == [5, 6, 7]


def test_log_that_is_forgotten_to_its_end_still_tells_where_it_is(
    engine: PostgreSQL, log: PostgresqlLog, registry: PostgresqlRegistry
) -> None:
    head = log.append("mx1", sealed(1, 3))
    engine.psql(f"UPDATE bouncegate.log SET at = at - {2 * DAY}")
    assert registry.forget(DAY, 100) == 3
    assert log.head() == head
    verify(log, *head)
    assert log.read(3, 10) == []
    with pytest.raises(EntriesForgotten):
        log.read(2, 10)
    assert follow(head, [*log.read(3, 1)]) == head
    log.append("mx1", sealed(4, 1))
    assert follow(head, log.read(3, 1)) == log.head()


def test_forgetting_waits_for_machines_that_live_and_for_no_others(
    engine: PostgreSQL, log: PostgresqlLog, registry: PostgresqlRegistry
) -> None:
    log.append("mx1", sealed(1, 5))
    engine.psql(f"UPDATE bouncegate.log SET at = at - {3 * DAY}")
    for node, position in (("mx1", 5), ("mx2", 2), ("mx3", 0), ("mx4", 1)):
        registry.announce(node, 1, "0.1.0", position)
    engine.psql(f"UPDATE bouncegate.nodes SET seen = seen - {2 * DAY} WHERE node = 'mx3'")
    assert registry.leave("mx4")
    assert registry.forget(DAY, 100) == 2, "up to where mx2 is"
    assert registry.forget(DAY, 100) == 0
    assert registry.leave("mx2")
    assert registry.forget(DAY, 100) == 3
