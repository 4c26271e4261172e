"""What `doctor` says of the cluster that this machine is in."""

from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from bouncegate.admin.doctor.findings import Finding, Severity, not_allowed
from bouncegate.config.settings import Settings
from bouncegate.store.errors import StoreError, StoreForbidden
from bouncegate.store.store import Store

if TYPE_CHECKING:
    from bouncegate.cluster.postgresql.session import Session
    from bouncegate.store.membership import Membership

_CHECK: Final = "cluster"
_LIBRARIES: Final = ("psycopg", "cryptography")
_MOST_SKEW: Final = 60_000
"""Milliseconds; times of the log are the engine's, those of bounces the machines' own."""


def check_cluster(settings: Settings) -> Iterator[Finding]:
    """Check key, engine and chain; without `[cluster]` there is nothing to say."""
    if not settings.cluster.database:
        return
    if missing := [name for name in _LIBRARIES if find_spec(name) is None]:
        text = f"not installed: {', '.join(missing)}: this machine is alone"
        yield Finding(_CHECK, Severity.ERROR, text, "install bouncegate[cluster] with pip")
        return
    try:
        yield from _check(settings, _membership(settings))
    except StoreForbidden as error:
        yield not_allowed(_CHECK, error)
    except StoreError as error:
        yield Finding(_CHECK, Severity.ERROR, str(error), "see the check of the store")


def _membership(settings: Settings) -> "Membership | None":
    with closing(Store.open(settings.store, readonly=True)) as store:
        return store.memberships.get()


def _check(settings: Settings, member: "Membership | None") -> Iterator[Finding]:
    from bouncegate.cluster.errors import (  # noqa: PLC0415 - where there is a cluster
        EngineAway,
        EngineError,
        EngineForked,
    )
    from bouncegate.cluster.postgresql.session import Session  # noqa: PLC0415
    from bouncegate.cluster.postgresql.target import Target  # noqa: PLC0415
    from bouncegate.cluster.sealing import KeyFileError, Sealer  # noqa: PLC0415

    try:
        Sealer.load(settings.cluster.key_file(settings.store.path))
        with closing(Session(Target(settings.cluster.database))) as session:
            yield from _check_engine(session, member)
    except KeyFileError as error:
        yield Finding(_CHECK, Severity.ERROR, str(error), "copy it from another machine")
    except EngineAway as error:
        text = f"{error}: bounces bind on this machine alone"
        yield Finding(_CHECK, Severity.WARNING, text, "start the PostgreSQL, or fix the network")
    except EngineForked as error:
        fix = "do not let anybody write to it; see docs/cluster.md"
        yield Finding(_CHECK, Severity.ERROR, f"{error}: nothing of it is applied", fix)
    except EngineError as error:
        yield Finding(_CHECK, Severity.ERROR, str(error), "see docs/cluster.md")


def _check_engine(session: "Session", member: "Membership | None") -> Iterator[Finding]:
    from bouncegate.cluster.chain import verify  # noqa: PLC0415 - where there is a cluster
    from bouncegate.cluster.postgresql.health import faults  # noqa: PLC0415
    from bouncegate.cluster.postgresql.log import PostgresqlLog  # noqa: PLC0415
    from bouncegate.cluster.postgresql.machines import PostgresqlRegistry  # noqa: PLC0415
    from bouncegate.cluster.postgresql.migrations import require  # noqa: PLC0415

    require(session)
    for fault in faults(session):
        text, _, fix = fault.rpartition(": ")
        yield Finding(_CHECK, Severity.WARNING, text, fix)
    if member is None:
        yield Finding(_CHECK, Severity.NOTE, "the engine answers; this machine has not joined")
        return
    log = PostgresqlLog(session)
    verify(log, member.position, member.chain)
    behind = log.head().position - member.position
    text = f"at position {member.position:,} of the log, {behind:,} behind its end"
    yield Finding(_CHECK, Severity.OK, text)
    for one in PostgresqlRegistry(session).machines():
        if one.node == member.name and abs(one.skew) > _MOST_SKEW:
            text = f"the clock differs from the engine's by {one.skew / 1000:,.0f} s"
            yield Finding(_CHECK, Severity.WARNING, text, "let both be set by NTP")
