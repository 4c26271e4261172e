"""What docs/cluster.md asks an administrator of a PostgreSQL to do makes a cluster that works."""

import re
from contextlib import closing
from pathlib import Path

import pytest
from tests.docs.pages import blocks

from bouncegate.cluster.log import MAX_APPEND, MAX_BODY, MAX_ENTRIES, MAX_READ, MAX_READ_OCTETS
from bouncegate.cluster.postgresql.log import PostgresqlLog
from bouncegate.cluster.postgresql.migrations import migrate, script
from bouncegate.cluster.postgresql.session import DEFAULT_TIMEOUTS, LONGEST_PAUSE, Session
from bouncegate.cluster.postgresql.target import CONNECT_TIMEOUT, Target
from bouncegate.cluster.sealing import KEY_OCTETS, MAX_KEYS, Sealer, make_key
from bouncegate.config.loading import loads
from lab import postgresql
from lab.folder import ROOT, LabFolder
from lab.postgresql import PostgreSQL

PAGE = "docs/cluster.md"
TEXT = (ROOT / PAGE).read_text()


def of_language(language: str) -> list[str]:
    return [block.text for block in blocks(PAGE) if block.language == language]


def test_cluster_page_sets_up_a_database_that_a_machine_can_use() -> None:
    if not postgresql.is_installed():
        pytest.skip("postgresql is not installed; ./run test installs it")
    roles, grant = of_language("sql")
    with LabFolder() as folder:
        server = PostgreSQL(folder)
        server.start()
        server.psql("DROP DATABASE bouncegate", database="postgres")
        for statement in filter(str.strip, roles.split(";")):
            server.psql(statement, database="postgres")
        with closing(Session(Target(server.conninfo("bouncegate_owner")))) as owner:
            migrate(owner)
        server.psql(grant)
        with closing(PostgresqlLog(Session(Target(server.conninfo("mx1"))))) as log:
            assert log.append("mx1", [(1, b"\x01")]).position == 1


def test_cluster_page_shows_settings_that_are_taken() -> None:
    (settings,) = of_language("toml")
    cluster = loads(settings).cluster
    assert not Target(cluster.database).is_local
    assert cluster.name == "mx1"


def test_cluster_page_names_the_functions_of_the_schema() -> None:
    made = set(re.findall(r"^CREATE FUNCTION bouncegate\.(\w+)", script(), re.MULTILINE))
    cells = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", TEXT, re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert named == made - {"now_ms", "body_hash"}


def test_cluster_page_names_the_limits_in_force() -> None:
    timeouts = DEFAULT_TIMEOUTS
    limits = [
        f"| a body | {MAX_BODY >> 20} MiB |",
        f"| an append | {MAX_ENTRIES:,} entries, {MAX_APPEND >> 20} MiB |",
        f"| a read | {MAX_READ:,} rows, {MAX_READ_OCTETS >> 20} MiB |",
        f"| a statement | {timeouts.statement:g} s at the server, of which {timeouts.lock:g} s for",
        f"for a lock; {timeouts.answer:g} s until the answer |",
        f"{CONNECT_TIMEOUT} s for each host, then again after 0.5 s, at most {LONGEST_PAUSE:g} s",
        f"{KEY_OCTETS} random octets",
        f"one behind the other, {MAX_KEYS} at most",
    ]
    assert [limit for limit in limits if limit not in TEXT] == []


def test_cluster_page_changes_the_key_without_a_moment_in_which_a_body_does_not_open(
    tmp_path: Path,
) -> None:
    """The four steps, with two machines that are not at the same step at the same time."""
    old, new = tmp_path / "old", tmp_path / "new"
    make_key(old)
    make_key(new)
    one, two = old.read_bytes(), new.read_bytes()
    steps = [[one], [two, one], [one, two], [two]]
    for before, after in [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 3), (3, 3)]:
        here, there = Sealer(steps[before]), Sealer(steps[after])
        for sealing, opening in ((here, there), (there, here)):
            assert opening.open_entry("mx1", 1, sealing.seal_entry("mx1", 1, b"x")) == b"x"
