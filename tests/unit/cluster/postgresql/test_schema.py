"""The schema gives machines the least rights, and what is printed for an administrator is it."""

import re
from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.unit.cluster.conftest import session_of

from bouncegate.cluster.errors import EngineRefused
from bouncegate.cluster.log import Head
from bouncegate.cluster.postgresql import migrations as module
from bouncegate.cluster.postgresql.log import PostgresqlLog
from bouncegate.cluster.postgresql.migrations import (
    LATEST,
    level_of,
    migrate,
    migrations,
    require,
    script,
)
from bouncegate.cluster.postgresql.session import Session
from lab.postgresql import PostgreSQL

TABLES = ("log", "head", "nodes", "rates", "secrets", "migrations")


@pytest.fixture
def machine(engine: PostgreSQL) -> Iterator[Session]:
    with closing(session_of(engine)) as session:
        yield session


def dumped(server: PostgreSQL) -> str:
    """The schema as pg_dump writes it, without what differs from run to run."""
    text = server.run("pg_dump", "--schema-only", "bouncegate")
    return re.sub(r"^\\(un)?restrict .*$", "", text, flags=re.MULTILINE)


def test_printed_sql_is_what_is_applied(server: PostgreSQL) -> None:
    """An administrator's psql and our own connection make the same schema, by the same owner."""
    server.psql("DROP SCHEMA IF EXISTS bouncegate CASCADE")
    with closing(session_of(server, "bouncegate_owner")) as owner:
        assert migrate(owner) == (0, LATEST)
    applied = dumped(server)
    assert applied.count("CREATE FUNCTION") >= 8
    assert applied.count("CREATE TABLE") == len(TABLES)
    server.psql("DROP SCHEMA bouncegate CASCADE")
    server.psql(script(), user="bouncegate_owner")
    assert dumped(server) == applied


def test_script_for_a_later_number_makes_the_same_as_all_at_once(
    engine: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once, whole = dumped(engine), migrations()
    engine.psql("DROP SCHEMA bouncegate CASCADE")
    with closing(session_of(engine, "bouncegate_owner")) as owner:
        for one in whole:
            monkeypatch.setattr(module, "migrations", lambda upto=one.number: whole[:upto])
            monkeypatch.setattr(module, "LATEST", one.number)
            assert migrate(owner) == (one.number - 1, one.number)
        assert migrate(owner) == (LATEST, LATEST)
        rows = owner.fetch("SELECT number, name, digest FROM bouncegate.migrations ORDER BY 1")
    assert dumped(engine) == at_once
    assert rows == [(one.number, one.name, one.digest) for one in whole]


def test_script_changes_nothing_at_another_number(engine: PostgreSQL) -> None:
    before = dumped(engine)
    with pytest.raises(RuntimeError, match='schema "bouncegate" already exists'):
        engine.psql(script())
    with pytest.raises(RuntimeError, match="this script is for a database at number 1"):
        engine.psql(script(1))
    assert dumped(engine) == before
    assert script(LATEST) == ""


def test_migrations_have_numbers_without_gaps() -> None:
    assert [one.number for one in migrations()] == list(range(1, LATEST + 1))


def test_database_without_a_cluster_or_with_an_older_one_is_refused_with_what_to_do(
    engine: PostgreSQL, machine: Session
) -> None:
    require(machine)
    engine.psql(f"DELETE FROM bouncegate.migrations WHERE number = {LATEST}")
    with pytest.raises(EngineRefused, match=f"at number {LATEST - 1}, and this version needs"):
        require(machine)
    engine.psql("DROP SCHEMA bouncegate CASCADE")
    with pytest.raises(EngineRefused, match="holds no cluster: run `bouncegate cluster init`"):
        require(machine)
    with pytest.raises(EngineRefused, match="`bouncegate cluster init` makes it"):
        PostgresqlLog(machine).head()


def test_database_of_a_newer_version_is_left_as_it_is(engine: PostgreSQL) -> None:
    engine.psql(
        "INSERT INTO bouncegate.migrations (number, name, digest) VALUES (999, 'later', 'x')"
    )
    with closing(session_of(engine, "bouncegate_owner")) as owner:
        require(owner)
        assert level_of(owner) == 999
        assert migrate(owner) == (999, 999)


def test_init_by_a_role_that_may_not_is_refused_and_the_session_goes_on(
    server: PostgreSQL,
) -> None:
    server.psql("DROP SCHEMA IF EXISTS bouncegate CASCADE")
    with closing(session_of(server)) as session:
        with pytest.raises(EngineRefused, match="permission denied for database bouncegate"):
            migrate(session)
        assert level_of(session) == 0


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO bouncegate.{} SELECT * FROM bouncegate.{}",
        "UPDATE bouncegate.{} SET {column} = {column}",
        "DELETE FROM bouncegate.{}",
        "TRUNCATE bouncegate.{}",
        "SELECT FROM bouncegate.{} FOR UPDATE",
        "SELECT FROM bouncegate.{} FOR KEY SHARE",
        "BEGIN; LOCK TABLE bouncegate.{} IN SHARE MODE",
        "DROP TABLE bouncegate.{}",
        "ALTER TABLE bouncegate.{} DISABLE TRIGGER ALL",
        "CREATE INDEX ON bouncegate.{} ({column})",
    ],
    ids=lambda sql: " ".join(sql.split()[:2]).replace("bouncegate.{}", "").strip(),
)
def test_machine_may_change_no_table(machine: Session, table: str, sql: str) -> None:
    column = {
        "log": "body",
        "head": "position",
        "nodes": "seq",
        "rates": "sends",
        "secrets": "body",
        "migrations": "name",
    }[table]
    with pytest.raises(EngineRefused, match=r"permission denied|must be owner"):
        machine.run(sql.format(table, table, column=column))


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE bouncegate.mine ()",
        "CREATE FUNCTION bouncegate.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE OR REPLACE FUNCTION bouncegate.now_ms() RETURNS bigint LANGUAGE sql AS 'SELECT 1'",
        "ALTER FUNCTION bouncegate.now_ms() SECURITY INVOKER",
        "DROP FUNCTION bouncegate.now_ms()",
        "DROP SCHEMA bouncegate CASCADE",
        "CREATE SCHEMA mine",
        "ALTER ROLE bouncegate_machine SUPERUSER",
        "GRANT bouncegate_machine TO bouncegate_owner",
        "SET ROLE bouncegate_owner",
        "COPY bouncegate.log FROM PROGRAM 'true'",
    ],
)
def test_machine_may_make_and_take_away_nothing(machine: Session, sql: str) -> None:
    with pytest.raises(EngineRefused, match=r"permission denied|must be|must have"):
        machine.run(sql)


def test_stranger_may_neither_read_nor_call(engine: PostgreSQL) -> None:
    engine.psql("DROP ROLE IF EXISTS stranger; CREATE ROLE stranger LOGIN")
    with closing(session_of(engine, "stranger")) as stranger:
        log = PostgresqlLog(stranger)
        with pytest.raises(EngineRefused, match="GRANT bouncegate_machine TO that role"):
            log.head()
        with pytest.raises(EngineRefused, match="permission denied"):
            log.append("mx1", [(1, b"\x01")])


def test_functions_run_by_a_path_of_their_own_and_are_for_machines_alone(
    engine: PostgreSQL,
) -> None:
    """Who could put a function in front of another's path would act with the owner's rights."""
    rows = engine.psql(
        "SELECT proname, prosecdef, proconfig, has_function_privilege('public', oid, 'EXECUTE') "
        "FROM pg_proc WHERE pronamespace = 'bouncegate'::regnamespace"
    ).splitlines()
    assert len(rows) >= 8
    for row in rows:
        _, _, config, public = row.split("|")
        assert config == '{"search_path=pg_catalog, pg_temp"}', row
        assert public == "f", row


def test_tables_of_the_callers_own_are_not_taken_for_ours(machine: Session) -> None:
    machine.run("CREATE TEMPORARY TABLE head AS SELECT * FROM bouncegate.head")
    machine.run("UPDATE pg_temp.head SET position = 4711")
    machine.run("SET search_path = pg_temp, bouncegate")
    assert PostgresqlLog(machine).append("mx1", [(1, b"\x01")]).position == 1


def test_append_checks_by_itself_what_the_client_checks(machine: Session) -> None:
    """Another client, or a changed one, gets no further."""
    for node, seqs, bodies in [
        ("mx1", [], []),
        ("mx1", [1], []),
        ("mx1", [1], [b""]),
        ("mx1", [1], [b"\x00"]),
        ("mx1", [0], [b"\x01"]),
        ("mx1", [2, 1], [b"\x01", b"\x01"]),
        ("mx1", [None], [b"\x01"]),
        ("mx1", [1], [None]),
        ("mx1", list(range(1, 1_002)), [b"\x01"] * 1_001),
        ("mx1", [1], [b"\x01" * 1_048_577]),
        ("Not A Name", [1], [b"\x01"]),
        (None, [1], [b"\x01"]),
    ]:
        with pytest.raises(EngineRefused):
            machine.fetch(
                "SELECT bouncegate.append(%s, %s::bigint[], %b::bytea[], NULL)",
                (node, seqs, bodies),
            )
    assert PostgresqlLog(machine).head().position == 0


def test_chain_of_an_empty_log_differs_from_that_of_another(engine: PostgreSQL) -> None:
    heads = set[Head]()
    for _ in range(2):
        engine.psql("DROP SCHEMA IF EXISTS bouncegate CASCADE")
        with closing(session_of(engine, "bouncegate_owner")) as owner:
            migrate(owner)
            heads.add(PostgresqlLog(owner).head())
    assert len(heads) == 2


def test_engines_clock_that_runs_back_does_not_take_the_log_with_it(
    engine: PostgreSQL, machine: Session
) -> None:
    ahead = 4_000_000_000_000
    log = PostgresqlLog(machine)
    log.append("mx1", [(1, b"\x01")])
    engine.psql(f"UPDATE bouncegate.head SET at = {ahead}")
    log.append("mx1", [(2, b"\x01")])
    assert [row.at >= ahead for row in log.read(0, 10)] == [False, True]
    assert log.read(1, 1)[0].at == ahead
