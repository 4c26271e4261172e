"""What an error of the server means for who calls, and that a session survives it."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.unit.cluster.conftest import session_of

from bouncegate.cluster.errors import (
    EngineAway,
    EngineError,
    EngineRefused,
    EntriesLost,
    NodeConflict,
    SecretConflict,
)
from bouncegate.cluster.postgresql.session import Session
from lab.postgresql import PostgreSQL


@pytest.fixture
def session(engine: PostgreSQL) -> Iterator[Session]:
    with closing(session_of(engine)) as session:
        yield session


@pytest.mark.parametrize(
    ("state", "meaning"),
    [
        ("53100", EngineAway),  # disk full
        ("53200", EngineAway),  # out of memory
        ("53300", EngineAway),  # too many connections
        ("55P03", EngineAway),  # lock not available
        ("57014", EngineAway),  # query canceled: a timeout
        ("57P01", EngineAway),  # admin shutdown
        ("57P03", EngineAway),  # cannot connect now
        ("40001", EngineAway),  # serialization failure
        ("40P01", EngineAway),  # deadlock
        ("25006", EngineAway),  # read-only transaction: a standby
        ("58030", EngineAway),  # I/O error
        ("XX001", EngineAway),  # data corrupted
        ("42501", EngineRefused),  # insufficient privilege
        ("42P01", EngineRefused),  # undefined table
        ("42883", EngineRefused),  # undefined function
        ("3F000", EngineRefused),  # invalid schema name
        ("23514", EngineRefused),  # check violation
        ("22023", EngineRefused),  # invalid parameter value
        ("BG002", EngineRefused),
        ("BG001", NodeConflict),
        ("BG003", SecretConflict),
        ("BG004", EntriesLost),
    ],
)
def test_error_of_the_server_is_passed_on_by_what_there_is_to_do(
    session: Session, state: str, meaning: type[EngineError]
) -> None:
    with pytest.raises(EngineError, match="the words of the server") as caught:
        session.run(
            "DO $$ BEGIN RAISE EXCEPTION 'the words of the server' "
            f"USING ERRCODE = '{state}'; END $$"
        )
    assert type(caught.value) is meaning
    assert "bouncegate at " in str(caught.value), "which database"
    assert session.fetch("SELECT 1") == [(1,)]


def test_text_of_an_error_is_one_line(session: Session) -> None:
    with pytest.raises(EngineRefused) as caught:
        session.fetch("SELECT nothing\nFROM nowhere")
    assert "\n" not in str(caught.value)


def test_transaction_that_was_left_open_does_not_stay(session: Session) -> None:
    with pytest.raises(EngineRefused):
        session.run("BEGIN; SELECT 1/0")
    assert session.pause == 0
    assert session.fetch("SELECT 1") == [(1,)]


def test_session_runs_with_settings_of_its_own(engine: PostgreSQL, session: Session) -> None:
    """An administrator's defaults do not change what an append sees, nor where names lead."""
    engine.psql(
        "ALTER ROLE mx1 SET default_transaction_isolation = 'serializable';"
        "ALTER ROLE mx1 SET statement_timeout = 0;"
        "ALTER ROLE mx1 SET search_path = public"
    )
    try:
        names = ("default_transaction_isolation", "statement_timeout", "search_path")
        found = [session.fetch(f"SHOW {name}")[0][0] for name in names]
    finally:
        engine.psql("ALTER ROLE mx1 RESET ALL")
    assert found == ["read committed", "10s", "pg_catalog"]
