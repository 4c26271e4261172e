"""`cluster init` prepares the database of several machines; `check-config` knows its settings."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bouncegate.cli import clusteraccess
from bouncegate.cluster.postgresql.migrations import LATEST, script
from bouncegate.cluster.sealing import Sealer
from lab import postgresql
from lab.folder import LabFolder
from lab.postgresql import PostgreSQL

from .conftest import Command


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    if not postgresql.is_installed():
        pytest.skip("postgresql is not installed; ./run test installs it")
    with LabFolder() as folder:
        server = PostgreSQL(folder)
        server.start()
        server.psql("CREATE ROLE mx1 LOGIN")
        yield server


@pytest.fixture
def engine(server: PostgreSQL) -> PostgreSQL:
    """The server, with an empty database."""
    server.psql("DROP SCHEMA IF EXISTS bouncegate CASCADE")
    return server


def set_cluster(config: Path, database: str) -> None:
    with config.open("a") as file:
        file.write(f'[cluster]\ndatabase = "{database}"\nname = "mx1"\n')


def test_cluster_init_prepares_the_database_and_makes_the_key_once(
    config: Path, bouncegate: Command, engine: PostgreSQL
) -> None:
    set_cluster(config, engine.conninfo())
    key = config.parent / "store/cluster.key"
    key.parent.mkdir(exist_ok=True)
    done = bouncegate("cluster", "init")
    assert done.code == 0, done.err
    assert f": is prepared, at number {LATEST}\n" in done.out
    assert key.stat().st_mode & 0o777 == 0o600
    octets = key.read_bytes()
    assert f"the key is {Sealer.load(key).key_id}: copy it to the other machines" in done.out
    again = bouncegate("cluster", "init")
    assert f": is up to date, at number {LATEST}\n" in again.out
    assert key.read_bytes() == octets
    assert engine.psql("SELECT max(number) FROM bouncegate.migrations") == str(LATEST)


def test_cluster_init_makes_no_second_key_for_a_log_that_has_entries(
    config: Path, bouncegate: Command, engine: PostgreSQL
) -> None:
    set_cluster(config, engine.conninfo())
    (config.parent / "store").mkdir(exist_ok=True)
    engine.psql(script())
    engine.psql("SELECT bouncegate.append('mx2', ARRAY[1]::bigint[], ARRAY['\\x01'::bytea], 0)")
    done = bouncegate("cluster", "init")
    assert "not found: copy it from a machine of the cluster, by hand" in done.out
    assert not (config.parent / "store/cluster.key").exists()


def test_cluster_init_of_a_role_that_may_not_says_so(
    config: Path, bouncegate: Command, engine: PostgreSQL
) -> None:
    set_cluster(config, engine.conninfo("mx1"))
    done = bouncegate("cluster", "init")
    assert done.code == 78
    assert "permission denied for database bouncegate" in done.err
    assert not (config.parent / "store/cluster.key").exists()
    administrator = bouncegate("cluster", "init", "--database", engine.conninfo())
    assert administrator.code == 0


def test_cluster_init_without_a_database_or_with_one_that_is_away_ends_with_a_clear_error(
    config: Path, bouncegate: Command
) -> None:
    unset = bouncegate("cluster", "init")
    assert (unset.code, unset.out) == (78, "")
    assert "[cluster] database is not set" in unset.err
    away = bouncegate("cluster", "init", "--database", "host=127.0.0.1 port=1 dbname=b")
    assert away.code == 75
    assert "b at 127.0.0.1: connection failed" in away.err


def test_cluster_init_prints_what_it_would_apply(bouncegate: Command) -> None:
    assert bouncegate("cluster", "init", "--sql").out == script()
    assert bouncegate("cluster", "init", "--sql", "--at", "1").out == script(1)
    assert bouncegate("cluster", "init", "--sql", "--at", str(LATEST)).out == ""


def test_cluster_without_its_libraries_says_what_to_install(
    config: Path, bouncegate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusteraccess, "find_spec", lambda name: None)
    done = bouncegate("cluster", "init", "--sql")
    assert done.code == 69
    assert "psycopg, cryptography: install bouncegate[cluster] with pip" in done.err
    assert bouncegate("check-config").code == 0
    set_cluster(config, "host=/x")
    assert "install bouncegate[cluster]" in bouncegate("check-config").err


def test_check_config_knows_what_is_no_safe_database(config: Path, bouncegate: Command) -> None:
    set_cluster(config, "host=db.example.com sslmode=require")
    done = bouncegate("check-config")
    assert done.code == 78
    assert "cluster.database: sslmode 'require' is not safe over a network" in done.err


def test_check_config_looks_at_the_key_of_the_cluster(config: Path, bouncegate: Command) -> None:
    set_cluster(config, "host=/x")
    key = config.parent / "store/cluster.key"
    key.parent.mkdir(exist_ok=True)
    done = bouncegate("check-config")
    assert done.code == 0
    key.write_bytes(b"short")
    key.chmod(0o600)
    done = bouncegate("check-config")
    assert done.code == 78
    assert f"{key}: not a key file" in done.err
