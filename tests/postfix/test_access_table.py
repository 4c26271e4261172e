"""The third plane on a real Postfix: the locks as a table that no daemon stands behind."""

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.postfix.lines import follow
from tests.unit.milter.locks import put_locks

from bouncegate.store.installationmark import known_mark
from lab.bouncegate import Bouncegate
from lab.postfix import Postfix
from lab.smtp import Client
from lab.system import SENDER, MailSystem
from lab.waiting import wait_for

TYPES = ("texthash", "lmdb", "hash", "cdb")
Export = Callable[..., str]


@pytest.fixture(scope="module")
def system(can_run_postfix: None) -> Iterator[MailSystem]:
    """A lab with neither milter nor map."""
    with MailSystem() as system:
        system.gate.start_return_path()
        system.postfix.set(recipient_delimiter="+")
        system.postfix.start()
        yield system


@pytest.fixture
def gate(system: MailSystem) -> Iterator[Bouncegate]:
    yield system.gate
    system.gate.configure({})


@pytest.fixture
def export(gate: Bouncegate, postfix: Postfix, monkeypatch: pytest.MonkeyPatch) -> Export:
    """`bouncegate map export`, with the postmap(1) of the private Postfix."""
    monkeypatch.setenv("MAIL_CONFIG", str(postfix.config))

    def run(table: str, code: int = os.EX_OK) -> str:
        done = gate.run("map", "export", table)
        assert done.returncode == code, done.stderr
        return (done.stdout + done.stderr).decode()

    return run


@pytest.fixture(params=TYPES)
def table(request: pytest.FixtureRequest, postfix: Postfix, tmp_path: Path) -> str:
    kind = str(request.param)
    if kind not in postfix.command("postconf", "-c", postfix.config, "-m").split():
        pytest.skip(f"this Postfix has no {kind}: tables (package postfix-{kind})")
    folder = postfix.config / tmp_path.name
    folder.mkdir()
    return f"{kind}:{folder}/locks"


def path_of(table: str) -> Path:
    return Path(table.partition(":")[2])


def query(postfix: Postfix, table: str, key: str) -> str:
    try:
        return postfix.command("postmap", "-c", postfix.config, "-q", key, table)
    except RuntimeError:  # exit status 1: not found
        return ""


def codes(postfix: Postfix, *recipients: str) -> list[int]:
    with Client(postfix.port) as client:
        client.say(f"MAIL FROM:<{SENDER}> SMTPUTF8")
        return [client.say(f"RCPT TO:<{recipient}>").code for recipient in recipients]


def test_locks_in_force_are_refused_by_smtpd_alone_in_every_form(
    postfix: Postfix, gate: Bouncegate, export: Export, table: str
) -> None:
    locked = ["ann@t.example", '"john doe"@t.example', "jürgen@bücher.example"]
    gate.lock("@whole.example", "#1@t.example", *locked)
    put_locks(gate.store, "freed@t.example", until=int(time.time()) - 1)
    assert "written" in export(table)
    postfix.set(smtpd_recipient_restrictions=f"check_recipient_access {table}")
    postfix.reload()
    refused = [*locked, "ANN@t.example", "jürgen@xn--bcher-kva.example", "x@whole.example"]
    # No table of Postfix's can hold #1@: a line that begins so is a comment.
    passing = ["bob@t.example", "freed@t.example", "postmaster@whole.example", "#1@t.example"]
    assert codes(postfix, *refused, *passing) == [550] * len(refused) + [250] * len(passing)
    value = r"550 5\.7\.1 locked after an operator's decision without end, ref=\d+ "
    found = query(postfix, table, "ann@t.example").strip()
    assert re.fullmatch(value + re.escape(known_mark(gate.store)), found)
    assert query(postfix, table, "freed@t.example") == ""


def test_what_has_not_changed_is_not_written_and_what_has_is_seen_without_a_reload(
    postfix: Postfix, gate: Bouncegate, export: Export, table: str
) -> None:
    gate.lock("ann@t.example")
    assert gate.run("unlock", "--yes", "--force", "late@t.example").returncode == 0
    export(table)
    files = sorted(path_of(table).parent.iterdir())
    before = [file.stat().st_ino for file in files if file.suffix != ".exported"]
    assert "unchanged" in export(table)
    assert [f.stat().st_ino for f in files if f.suffix != ".exported"] == before
    postfix.set(smtpd_recipient_restrictions=f"check_recipient_access {table}")
    postfix.reload()
    assert codes(postfix, "late@t.example") == [250]
    gate.lock("late@t.example")
    assert "written" in export(table)
    assert sorted(path_of(table).parent.iterdir()) == files, "nothing is left lying about"
    if table.startswith("texthash:"):
        postfix.reload()  # Postfix reads such a table once: the how-to says so
    wait_for("the new lock to hold", lambda: codes(postfix, "late@t.example") == [550])


def test_a_table_that_somebody_has_changed_is_written_again(
    postfix: Postfix, gate: Bouncegate, export: Export
) -> None:
    table = f"texthash:{postfix.config}/changed"
    gate.lock("ann@t.example")
    export(table)
    path_of(table).write_text("ann@t.example DUNNO\n")
    assert gate.run("map", "status", str(path_of(table))).returncode == os.EX_TEMPFAIL
    assert "written" in export(table)
    assert query(postfix, table, "ann@t.example").startswith("550 ")


def test_an_extension_and_a_subdomain_are_refused_too_which_the_how_to_says(
    postfix: Postfix, gate: Bouncegate, export: Export
) -> None:
    """access(5) strips what recipient_delimiter names, and matches subdomains by default."""
    table = f"texthash:{postfix.config}/wider"
    gate.lock("ann@t.example", "@whole.example")
    export(table)
    postfix.set(smtpd_recipient_restrictions=f"check_recipient_access {table}")
    postfix.reload()
    assert codes(postfix, "ann+news@t.example", "x@sub.whole.example") == [550, 550]
    follow("Keep subdomains apart", postfix)
    postfix.reload()
    assert codes(postfix, "x@sub.whole.example", "x@whole.example") == [250, 550]
    postfix.reset("parent_domain_matches_subdomains")


def test_observe_warns_in_postfix_s_log_and_refuses_nobody(
    postfix: Postfix, gate: Bouncegate, export: Export
) -> None:
    gate.configure({"milter": {"mode": "observe"}})
    table = f"texthash:{postfix.config}/observed"
    gate.lock("watched@t.example")
    export(table)
    postfix.set(smtpd_recipient_restrictions=f"check_recipient_access {table}")
    postfix.reload()
    assert codes(postfix, "watched@t.example") == [250]
    mark = re.escape(known_mark(gate.store))
    postfix.wait_for_log(rf"warn: RCPT from .*{mark}; .*to=<watched@t\.example>")


def test_the_lines_of_the_how_to_attach_it(
    postfix: Postfix, gate: Bouncegate, export: Export
) -> None:
    postfix.reset("smtpd_recipient_restrictions")
    gate.lock("ann@t.example")
    table = f"lmdb:{postfix.config}/bouncegate-locks"
    export(table)
    follow("Enable the access table", postfix, **{"lmdb:/var/lib/bouncegate/locks": table})
    postfix.reload()
    assert codes(postfix, "ann@t.example", "bob@t.example") == [550, 250]


def test_the_age_of_the_table_can_be_watched(gate: Bouncegate, export: Export) -> None:
    """A table that nobody refreshes any more refuses people whose locks have ended."""
    folder = gate.config.parent / "watched"
    folder.mkdir()
    table = f"texthash:{folder}/locks"
    assert gate.run("map", "status", f"{folder}/locks").returncode == os.EX_NOINPUT
    gate.lock("ann@t.example")
    export(table)
    assert gate.run("map", "status", f"{folder}/locks").returncode == os.EX_OK
    time.sleep(1.1)
    done = gate.run("map", "status", "--json", "--max-age", "0 hours", f"{folder}/locks")
    assert done.returncode == os.EX_TEMPFAIL
    shown = json.loads(done.stdout)
    assert (shown["state"], shown["type"]) == ("too old", "texthash")
    assert shown["age"] >= 1


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ("lmdb:locks", "write TYPE:/path"),
        ("mysql:/etc/locks", "write TYPE:/path"),
        ("/etc/locks", "write TYPE:/path"),
        ("texthash:/nonexistent/locks", "/nonexistent/"),
    ],
)
def test_a_table_that_cannot_be_written_is_a_clear_error(
    gate: Bouncegate, table: str, complaint: str
) -> None:
    gate.lock("ann@t.example")
    done = gate.run("map", "export", table)
    assert done.returncode in {os.EX_USAGE, os.EX_CANTCREAT}
    assert complaint in done.stderr.decode()


def test_when_postmap_fails_the_old_table_stays(
    postfix: Postfix, gate: Bouncegate, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = f"lmdb:{postfix.config}/kept"
    gate.lock("ann@t.example")
    export(table)
    gate.lock("bob@t.example")
    monkeypatch.setenv("MAIL_CONFIG", "/nonexistent")
    assert "not written" in export(table, os.EX_CANTCREAT)
    monkeypatch.setenv("MAIL_CONFIG", str(postfix.config))
    assert query(postfix, table, "ann@t.example").startswith("550 ")
    assert query(postfix, table, "bob@t.example") == ""
    assert not list(postfix.config.glob(".kept*"))
