"""A PostgreSQL for each module, and for each test an empty cluster in it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from bouncegate.cluster.postgresql.log import PostgresqlLog
from bouncegate.cluster.postgresql.migrations import migrate
from bouncegate.cluster.postgresql.session import Session
from bouncegate.cluster.postgresql.target import Target
from lab import postgresql
from lab.folder import LabFolder
from lab.postgresql import PostgreSQL

MACHINE = "mx1"
"""A role with the rights of a machine."""

NewLog = Callable[..., PostgresqlLog]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    if not postgresql.is_installed():
        pytest.skip("postgresql is not installed; ./run test installs it")
    with LabFolder() as folder:
        server = PostgreSQL(folder)
        server.start()
        server.psql(f"CREATE ROLE bouncegate_owner LOGIN CREATEROLE; CREATE ROLE {MACHINE} LOGIN")
        server.psql("ALTER DATABASE bouncegate OWNER TO bouncegate_owner")
        yield server


@pytest.fixture
def engine(server: PostgreSQL) -> PostgreSQL:
    """The server, with an empty cluster made by an owner who is no superuser."""
    server.psql("DROP SCHEMA IF EXISTS bouncegate CASCADE")
    with closing(session_of(server, "bouncegate_owner")) as owner:
        migrate(owner)
    server.psql(f"GRANT bouncegate_machine TO {MACHINE}")
    return server


@pytest.fixture
def new_log(engine: PostgreSQL) -> Iterator[NewLog]:
    """Connects as a machine, as often as it is called."""
    with ExitStack() as stack:

        def new(tcp: bool = False) -> PostgresqlLog:
            log = PostgresqlLog(session_of(engine, tcp=tcp))
            stack.callback(log.close)
            return log

        yield new


def session_of(server: PostgreSQL, user: str = MACHINE, *, tcp: bool = False) -> Session:
    """A session of its own; it connects when it is used."""
    return Session(Target(server.conninfo(user, tcp=tcp)))
