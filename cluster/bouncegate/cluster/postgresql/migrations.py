"""The schema of the engine: numbered SQL files, applied once each, or printed for whoever may.

What is printed is what is applied. A script knows the number that the database has to be at, and
changes nothing at another one; it is one transaction.
"""

from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from bouncegate.cluster.errors import EngineRefused
from bouncegate.cluster.postgresql.session import Session

_FOLDER: Final = Path(__file__).with_name("migrations")
_EXISTS: Final = "SELECT to_regclass('bouncegate.migrations') IS NOT NULL"
_LEVEL: Final = "SELECT coalesce(max(number), 0)::integer FROM bouncegate.migrations"
_FIRST: Final = """\
CREATE SCHEMA bouncegate;
CREATE TABLE bouncegate.migrations (
    number integer PRIMARY KEY,
    name text NOT NULL,
    digest text NOT NULL,  -- SHA-256 of the file
    at timestamptz NOT NULL DEFAULT now()
);
"""
_LATER: Final = """\
LOCK TABLE bouncegate.migrations IN EXCLUSIVE MODE;
DO $$
BEGIN
    IF (SELECT coalesce(max(number), 0) FROM bouncegate.migrations) <> {level} THEN
        RAISE EXCEPTION 'this script is for a database at number {level}';
    END IF;
END
$$;
"""
_DONE: Final = """\
INSERT INTO bouncegate.migrations (number, name, digest)
VALUES ({one.number}, '{one.name}', '{one.digest}');
"""


class Migration(NamedTuple):
    """One file; its name is its number and a word, such as `001-tables.sql`."""

    number: int
    name: str
    sql: str

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """All of them, in their order."""
    found = []
    for path in sorted(_FOLDER.glob("*.sql")):
        number, _, name = path.stem.partition("-")
        found.append(Migration(int(number), name, path.read_text(encoding="utf-8")))
    return found


LATEST: Final = migrations()[-1].number
"""The number that this version works with."""


def script(level: int = 0) -> str:
    """The SQL that brings a database from a number, 0: an empty one, to `LATEST`."""
    pending = [one for one in migrations() if one.number > level]
    if not pending:
        return ""
    parts = [_FIRST if level == 0 else _LATER.format(level=level)]
    for one in pending:
        parts += [f"-- {one.number:03}-{one.name}\n{one.sql}", _DONE.format(one=one)]
    return "\n".join(["BEGIN;", *parts, "COMMIT;\n"])


def level_of(session: Session) -> int:
    """The number that a database is at; 0: there is nothing of ours. Raises EngineError."""
    ((exists,),) = session.fetch(_EXISTS)
    return int(session.fetch(_LEVEL)[0][0]) if exists else 0


def migrate(session: Session) -> tuple[int, int]:
    """Bring a database to `LATEST`; the number before and after. Raises EngineError.

    It may be newer, when another machine was upgraded first: that is left as it is.
    """
    level = level_of(session)
    text = script(level).encode()
    if text:
        session.call(lambda connection: connection.execute(text))
    return level, max(level, LATEST)


def require(session: Session) -> None:
    """Refuse a database that is older than this version needs; raises EngineError."""
    level = level_of(session)
    if level == 0:
        raise EngineRefused("the database holds no cluster: run `bouncegate cluster init`")
    if level < LATEST:
        raise EngineRefused(
            f"the database is at number {level}, and this version needs {LATEST}: "
            "run `bouncegate cluster init`"
        )
