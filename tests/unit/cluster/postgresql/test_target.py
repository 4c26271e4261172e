"""Where the engine is: what leaves the machine is encrypted, and checked by name."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.certificates import Authority
from tests.unit.cluster.conftest import MACHINE

from bouncegate.cluster.errors import EngineAway, EngineRefused
from bouncegate.cluster.postgresql.session import Session
from bouncegate.cluster.postgresql.target import Target
from lab.postgresql import PostgreSQL

SAFE = "sslmode=verify-full"
LOCAL = [
    "dbname=bouncegate",
    "host=/run/postgresql",
    "host=@abstract",
    "host=/a,/b",
    "host=localhost",
    "host=127.0.0.1",
    "host=127.1.2.3",
    "host=::1",
    "host=localhost,127.0.0.1,/run/postgresql",
    "host=db.example.com hostaddr=127.0.0.1",
    "postgresql://[::1]/bouncegate",
    "postgresql:///bouncegate",
    "postgresql://%2Frun%2Fpostgresql/bouncegate",
]
REMOTE = [
    "host=db.example.com",
    "host=192.0.2.1",
    "host=2001:db8::1",
    "host=0.0.0.0",
    "host=localhost.example.com",
    "host=localhost hostaddr=192.0.2.1",
    "host=localhost,db.example.com",
    "host=/run/postgresql,db.example.com",
    "host=a.example.com,b.example.com hostaddr=127.0.0.1,",
    "hostaddr=192.0.2.1",
    "postgresql://db.example.com/bouncegate",
    "postgresql://localhost,db.example.com/bouncegate",
]
UNSAFE_MODES = ["disable", "allow", "prefer", "require", "verify-ca"]


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGHOSTADDR", "PGSSLMODE", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("database", LOCAL)
def test_connection_within_the_machine_needs_no_encryption(database: str) -> None:
    assert Target(database).is_local


@pytest.mark.parametrize("database", REMOTE)
@pytest.mark.parametrize("mode", ["", *UNSAFE_MODES])
def test_connection_that_leaves_the_machine_is_refused_unless_it_is_checked(
    database: str, mode: str
) -> None:
    sep = "?" if "://" in database else " "
    unsafe = f"{database}{sep}sslmode={mode}" if mode else database
    with pytest.raises(EngineRefused, match="is not safe over a network: write sslmode=verify-"):
        Target(unsafe)
    safe = Target(f"{database}{sep}{SAFE}")
    assert not safe.is_local
    assert "sslmode=verify-full" in safe.conninfo
    assert "gssencmode=disable" in safe.conninfo


def test_environment_neither_leads_elsewhere_nor_makes_it_less_safe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGSSLMODE", "disable")
    assert "sslmode=verify-full" in Target(f"host=db.example.com {SAFE}").conninfo
    monkeypatch.setenv("PGHOSTADDR", "192.0.2.1")
    with pytest.raises(EngineRefused, match="sslmode 'disable' is not safe"):
        Target("host=localhost")
    monkeypatch.delenv("PGHOSTADDR")
    monkeypatch.setenv("PGHOST", "db.example.com")
    with pytest.raises(EngineRefused, match="is not safe over a network"):
        Target("dbname=bouncegate")


@pytest.mark.parametrize(
    ("database", "said"),
    [
        ("host", 'missing "="'),
        ("hots=/x", 'invalid connection option "hots"'),
        ("service=bounces", "write host and dbname in place of a service"),
        ("host=/x target_session_attrs=any", "only the primary tells where the log ends"),
        ("host=/x target_session_attrs=standby", "leave it out"),
    ],
)
def test_database_that_cannot_be_meant_is_refused(database: str, said: str) -> None:
    with pytest.raises(EngineRefused, match=said):
        Target(database)


def test_target_asks_for_the_primary_and_for_peers_that_are_gone() -> None:
    conninfo = Target("host=/x connect_timeout=9").conninfo
    for setting in ("target_session_attrs=read-write", "tcp_user_timeout=10000", "keepalives=1"):
        assert setting in conninfo
    assert "connect_timeout=9" in conninfo, "what is set is kept"


def test_messages_name_the_target_without_a_password() -> None:
    target = Target(f"host=a.example,b.example dbname=bounces user=mx1 password=geheim {SAFE}")
    assert str(target) == "bounces at a.example or b.example"
    session = Session(Target("host=127.0.0.1 port=1 password=geheim dbname=b"))
    with pytest.raises(EngineAway) as caught:
        session.fetch("SELECT 1")
    assert str(caught.value).startswith("b at 127.0.0.1: ")
    assert "geheim" not in str(caught.value)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def encrypted(server: PostgreSQL, authority: Authority) -> Iterator[PostgreSQL]:
    """A server with a certificate for `localhost`."""
    certificate, key = authority.issue("localhost")
    server.install("server.crt", certificate.read_text())
    server.install("server.key", key.read_text())
    server.configure(ssl="on")
    server.restart()
    yield server
    server.configure(ssl="off")
    server.restart()


def checked(server: PostgreSQL, host: str, authority: Path) -> Session:
    return Session(
        Target(
            f"host={host} hostaddr=127.0.0.1 port={server.port} dbname=bouncegate user={MACHINE} "
            f"{SAFE} sslrootcert={authority}"
        )
    )


def test_connection_is_made_to_a_server_whose_certificate_has_its_name(
    encrypted: PostgreSQL, authority: Authority
) -> None:
    with closing(checked(encrypted, "localhost", authority.file)) as session:
        ((used,),) = session.fetch("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        assert used


def test_connection_is_refused_to_a_server_of_another_name_or_authority(
    encrypted: PostgreSQL, authority: Authority, tmp_path: Path
) -> None:
    with pytest.raises(EngineAway, match="does not match host name"):
        checked(encrypted, "db.example.com", authority.file).fetch("SELECT 1")
    other = Authority(tmp_path, "another authority")
    with pytest.raises(EngineAway, match="certificate verify failed"):
        checked(encrypted, "localhost", other.file).fetch("SELECT 1")


def test_connection_is_refused_to_a_server_without_encryption(
    server: PostgreSQL, authority: Authority
) -> None:
    with pytest.raises(EngineAway, match="server does not support SSL"):
        checked(server, "localhost", authority.file).fetch("SELECT 1")
