"""`doctor` says whether a cluster is reached, safe, and tells what this machine applied."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.stores import open_store, store_settings

from bouncegate.admin.doctor.findings import Finding, Severity
from bouncegate.cli import doctorcluster
from bouncegate.cli.doctorcluster import check_cluster
from bouncegate.cluster.log import Head
from bouncegate.cluster.postgresql.log import PostgresqlLog
from bouncegate.cluster.postgresql.machines import PostgresqlRegistry
from bouncegate.cluster.postgresql.migrations import migrate
from bouncegate.cluster.postgresql.session import Session
from bouncegate.cluster.postgresql.target import Target
from bouncegate.cluster.sealing import make_key
from bouncegate.config.settings import ClusterSettings, Settings
from bouncegate.store.membership import Membership
from lab import postgresql
from lab.folder import LabFolder
from lab.postgresql import PostgreSQL


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    if not postgresql.is_installed():
        pytest.skip("postgresql is not installed; ./run test installs it")
    with LabFolder() as folder:
        server = PostgreSQL(folder, fast=False)
        server.start()
        server.psql("CREATE ROLE owner LOGIN CREATEROLE; CREATE ROLE mx1 LOGIN")
        server.psql("ALTER DATABASE bouncegate OWNER TO owner")
        yield server


@pytest.fixture
def engine(server: PostgreSQL) -> PostgreSQL:
    server.psql("DROP SCHEMA IF EXISTS bouncegate CASCADE")
    with closing(Session(Target(server.conninfo("owner")))) as owner:
        migrate(owner)
    server.psql("GRANT bouncegate_machine TO mx1")
    return server


@pytest.fixture
def settings(tmp_path: Path, engine: PostgreSQL) -> Settings:
    """A store and a key beside it."""
    open_store(tmp_path).close()
    make_key(tmp_path / "cluster.key")
    cluster = ClusterSettings(database=engine.conninfo("mx1"), name="mx1")
    return Settings(store=store_settings(tmp_path), cluster=cluster)


def found(settings: Settings) -> list[Finding]:
    return list(check_cluster(settings))


def stand_at(settings: Settings, head: Head) -> None:
    with (
        closing(open_store(settings.store.path)) as store,
        store.environment.begin(write=True) as transaction,
    ):
        store.memberships.put(transaction, Membership("mx1", head.position, head.chain))


def append(engine: PostgreSQL, many: int) -> Head:
    with closing(PostgresqlLog(Session(Target(engine.conninfo("mx1"))))) as log:
        return log.append("mx1", [(seq, b"\x01") for seq in range(1, many + 1)])


def test_doctor_says_nothing_of_a_cluster_that_is_not_set() -> None:
    assert found(Settings()) == []


def test_doctor_says_how_far_a_machine_is(settings: Settings, engine: PostgreSQL) -> None:
    (one,) = found(settings)
    assert (one.severity, one.text) == (
        Severity.NOTE,
        "the engine answers; this machine has not joined",
    )
    stand_at(settings, append(engine, 2))
    append(engine, 5)
    (one,) = found(settings)
    assert (one.severity, one.text) == (Severity.OK, "at position 2 of the log, 3 behind its end")


def test_doctor_finds_an_engine_that_tells_another_story(
    settings: Settings, engine: PostgreSQL
) -> None:
    append(engine, 3)
    stand_at(settings, Head(2, bytes(32)))
    (one,) = found(settings)
    assert one.severity is Severity.ERROR
    assert "other entries up to position 2" in one.text


def test_doctor_finds_an_engine_that_is_away_refuses_or_loses_entries(
    settings: Settings, engine: PostgreSQL
) -> None:
    engine.psql("REVOKE bouncegate_machine FROM mx1")
    (one,) = found(settings)
    assert one.severity is Severity.ERROR
    assert "GRANT bouncegate_machine TO that role" in one.text
    engine.psql("GRANT bouncegate_machine TO mx1; ALTER ROLE mx1 SET synchronous_commit = off")
    one, _ = found(settings)
    engine.psql("ALTER ROLE mx1 RESET ALL")
    assert (one.severity, one.fix) == (Severity.WARNING, "set it to on")
    assert one.text.startswith("synchronous_commit is off")
    engine.stop()
    try:
        (one,) = found(settings)
    finally:
        engine.start()
    assert one.severity is Severity.WARNING
    assert one.text.endswith(": bounces bind on this machine alone")


def test_doctor_finds_a_clock_that_differs_from_the_engines(
    settings: Settings, engine: PostgreSQL
) -> None:
    stand_at(settings, append(engine, 1))
    with closing(Session(Target(engine.conninfo("mx1")))) as session:
        PostgresqlRegistry(session).announce("mx1", 1, "0.1.0", 1)
    assert len(found(settings)) == 1
    engine.psql("UPDATE bouncegate.nodes SET skew = -90000")
    _, one = found(settings)
    assert (one.severity, one.text) == (
        Severity.WARNING,
        "the clock differs from the engine's by -90 s",
    )


def test_doctor_finds_a_key_that_is_missing_and_libraries_that_are_not_installed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (settings.store.path / "cluster.key").unlink()
    (one,) = found(settings)
    assert one.severity is Severity.ERROR
    assert "cluster.key: not found" in one.text
    monkeypatch.setattr(doctorcluster, "find_spec", lambda name: None)
    (one,) = found(settings)
    assert one.fix == "install bouncegate[cluster] with pip"
