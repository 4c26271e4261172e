"""How commands reach the cluster of this machine, and what they say where they cannot."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import typer

from bouncegate.cli.output import complain
from bouncegate.config.settings import Settings
from bouncegate.store.errors import StoreError

if TYPE_CHECKING:
    from bouncegate.cluster.joining import Cluster

_NEEDED: Final = ("psycopg", "cryptography")


def missing_libraries() -> str:
    """What is not installed, and what to do; "": all is there."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if not missing:
        return ""
    return f"not installed: {', '.join(missing)}: install bouncegate[cluster] with pip"


def require_cluster(settings: Settings) -> None:
    """End the command where no cluster is set up, or cannot be reached from here at all."""
    if text := missing_libraries():
        complain(text)
        raise typer.Exit(os.EX_UNAVAILABLE)
    if not settings.cluster.database:
        complain("[cluster] database is not set: write where the PostgreSQL is")
        raise typer.Exit(os.EX_CONFIG)


@contextmanager
def reach(settings: Settings) -> Iterator["Cluster"]:
    """A connection of its own to the cluster; raises EngineError, KeyFileError."""
    from bouncegate.cluster.joining import Cluster  # noqa: PLC0415 - psycopg is needed here alone
    from bouncegate.cluster.postgresql.log import PostgresqlLog  # noqa: PLC0415
    from bouncegate.cluster.postgresql.machines import PostgresqlRegistry  # noqa: PLC0415
    from bouncegate.cluster.postgresql.session import Session  # noqa: PLC0415
    from bouncegate.cluster.postgresql.target import Target  # noqa: PLC0415
    from bouncegate.cluster.sealing import Sealer  # noqa: PLC0415

    sealer = Sealer.load(settings.cluster.key_file(settings.store.path))
    with closing(Session(Target(settings.cluster.database))) as session:
        yield Cluster(PostgresqlLog(session), PostgresqlRegistry(session), sealer)


@contextmanager
def complaining() -> Iterator[None]:
    """End the command with what went wrong with store, engine, key or seal."""
    from bouncegate.cluster.errors import EngineError  # noqa: PLC0415 - for these commands only
    from bouncegate.cluster.sealing import KeyFileError, SealBroken  # noqa: PLC0415

    try:
        yield
    except (StoreError, EngineError, KeyFileError) as error:
        complain(str(error))
        raise typer.Exit(error.exit_code) from error
    except SealBroken as error:
        complain(str(error))
        raise typer.Exit(os.EX_DATAERR) from error
