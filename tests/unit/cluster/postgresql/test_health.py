"""A server that would lose what it acknowledged is named, with what to do."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.unit.cluster.conftest import session_of

from bouncegate.cluster.postgresql.health import faults
from bouncegate.cluster.postgresql.session import Session
from lab.postgresql import PostgreSQL


@pytest.fixture
def safe(engine: PostgreSQL) -> Iterator[PostgreSQL]:
    """The engine with the settings that PostgreSQL has by itself."""
    engine.configure(fsync="on", full_page_writes="on")
    engine.restart()
    yield engine
    engine.configure(fsync="off", full_page_writes="off", autovacuum="on")
    engine.restart()


@pytest.fixture
def session(safe: PostgreSQL) -> Iterator[Session]:
    with closing(session_of(safe)) as session:
        yield session


def test_health_of_an_engine_with_the_usual_settings_is_good(session: Session) -> None:
    assert faults(session) == []


@pytest.mark.parametrize(
    "setting", ["fsync", "full_page_writes", "synchronous_commit", "autovacuum"]
)
def test_health_names_a_setting_that_loses_entries(
    safe: PostgreSQL, session: Session, setting: str
) -> None:
    safe.psql(f"ALTER SYSTEM SET {setting} = off")
    safe.restart()
    try:
        (text,) = faults(session)
    finally:
        safe.psql("ALTER SYSTEM RESET ALL")
        safe.restart()
    assert text.startswith(f"{setting} is off: ")


def test_health_names_functions_that_run_as_a_superuser(safe: PostgreSQL, session: Session) -> None:
    safe.psql("ALTER FUNCTION bouncegate.blank(bigint[]) OWNER TO postgres")
    (text,) = faults(session)
    assert "belong to a superuser" in text


def test_health_names_a_role_that_may_change_the_log(safe: PostgreSQL, session: Session) -> None:
    safe.psql("GRANT DELETE ON bouncegate.log TO mx1")
    (text,) = faults(session)
    assert "may change the log" in text
    with closing(session_of(safe, "bouncegate_owner")) as owner:
        assert faults(owner) == [text]
