"""The scope of a lock, all mail or one group: named wherever a lock is, and kept by a file."""

import csv
import io
import json
import time
from contextlib import closing
from pathlib import Path

import pytest

from bouncegate.config.reasons import REASONS
from bouncegate.config.settings import PolicySettings
from bouncegate.config.taxonomy import Kind, Reason
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Act

from .conftest import Command, store_of
from .test_operator import bounce

NEWS = "news.example.com"


@pytest.fixture(autouse=True)
def known(bouncegate: Command) -> None:
    """One address that is locked for all mail, and one for one group."""
    assert not bouncegate("lock", "ann@orchard.example", "--until", "1 year").code
    assert not bouncegate("lock", "bob@orchard.example", "--group", NEWS, "--until", "1 year").code


def rows(bouncegate: Command, *options: str) -> dict[str, str]:
    out = bouncegate("list", "--json", *options).out
    return {row["address"]: row["scope"] for row in map(json.loads, out.splitlines())}


def test_every_view_of_a_lock_names_its_scope(bouncegate: Command) -> None:
    scopes = {"ann@orchard.example": "global", "bob@orchard.example": f"group:{NEWS}"}
    assert rows(bouncegate) == scopes
    sheet = csv.DictReader(io.StringIO(bouncegate("export").out, newline=""))
    assert {row["address"]: row["scope"] for row in sheet} == scopes
    audit = map(json.loads, bouncegate("audit", "--json").out.splitlines())
    assert {one["addresses"][0]: one["scope"] for one in audit} == scopes
    for address, scope in scopes.items():
        shown = json.loads(bouncegate("show", "--json", address).out)
        assert (shown["state"], shown["locked"], shown["scope"]) == ("locked", True, scope)
        assert f"group:{NEWS}" in bouncegate("list").out


def test_lock_of_a_group_stays_one_of_that_group_in_another_store(
    bouncegate: Command, config: Path, tmp_path: Path
) -> None:
    file = tmp_path / "locks.csv"
    assert not bouncegate("export", "-o", str(file)).code
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other = tmp_path / "other.toml"
    other.write_text(f'[store]\npath = "{elsewhere}"\n')
    config.write_text(other.read_text())
    assert "2 to lock" in bouncegate("import", "--locks", str(file), "--yes").out
    assert rows(bouncegate) == {
        "ann@orchard.example": "global",
        "bob@orchard.example": f"group:{NEWS}",
    }
    (done,) = map(json.loads, bouncegate("audit", "--json").out.splitlines())
    assert done["scope"] == "several"
    assert "0 to lock" in bouncegate("import", "--locks", str(file), "--yes").out


def test_import_joins_a_lock_only_with_that_of_its_own_scope(
    bouncegate: Command, tmp_path: Path
) -> None:
    file = tmp_path / "locks.csv"
    file.write_text(
        f"address,reason,scope\nann@orchard.example,mailbox-full,group:{NEWS}\n"
        "bob@orchard.example,user-unknown,global\nbob@orchard.example,complaint,\n"
    )
    assert not bouncegate("import", "--locks", str(file), "--yes").code
    found = map(json.loads, bouncegate("list", "--json").out.splitlines())
    assert {(row["address"], row["scope"], row["reason"]) for row in found} == {
        ("ann@orchard.example", "global", "operator"),
        ("ann@orchard.example", f"group:{NEWS}", "mailbox-full"),
        ("bob@orchard.example", "global", "complaint"),
        ("bob@orchard.example", f"group:{NEWS}", "operator"),
    }


@pytest.mark.parametrize("scope", ["news", "group:", "everybody"])
def test_scope_that_is_none_is_refused_with_what_would_be_right(
    bouncegate: Command, tmp_path: Path, scope: str
) -> None:
    file = tmp_path / "locks.csv"
    file.write_text(f"address,scope\neve@orchard.example,{scope}\n")
    done = bouncegate("import", "--locks", str(file), "--yes")
    assert done.code == 65
    assert "use global or group:NAME" in done.err


def test_whom_a_group_does_not_reach(bouncegate: Command) -> None:
    assert not bouncegate("lock", "@dead.example").code
    assert not bouncegate("lock", "eve@orchard.example", "--group", "shop.example.com").code
    assert list(rows(bouncegate, "--for-group", NEWS)) == [
        "@dead.example",
        "ann@orchard.example",
        "bob@orchard.example",
    ]
    assert list(rows(bouncegate, "--for-group", "other.example.com")) == [
        "@dead.example",
        "ann@orchard.example",
    ]


def test_export_has_whom_a_group_does_not_reach(bouncegate: Command) -> None:
    assert not bouncegate("lock", "eve@orchard.example", "--group", "shop.example.com").code
    for group, number in ((NEWS, 2), ("other.example.com", 1)):
        found = bouncegate("export", "--for-group", group, "--format", "json").out.splitlines()
        assert [json.loads(one)["address"] for one in found] == list(
            rows(bouncegate, "--for-group", group)
        )
        assert len(found) == number


def test_unlock_lifts_what_stops_mail_of_a_group(bouncegate: Command) -> None:
    for group in (NEWS, "shop.example.com"):
        assert not bouncegate("lock", "eve@orchard.example", "--group", group).code
    seen = bouncegate("unlock", "--all", "--for-group", NEWS, "--yes")
    assert not seen.code
    assert rows(bouncegate) == {"eve@orchard.example": "group:shop.example.com"}
    seen = bouncegate("unlock", "eve@orchard.example", "--for-group", NEWS, "--yes")
    assert "not locked" in seen.out
    assert list(rows(bouncegate)) == ["eve@orchard.example"]


def test_report_of_addresses_names_the_scope_of_their_locks(
    bouncegate: Command, config: Path
) -> None:
    recent = int(time.time()) - 86_400
    for name in ("ann@orchard.example", "bob@orchard.example", "eve@orchard.example"):
        bounce(config, name, Reason.SPAM_BLOCK, first=recent, group=NEWS)
    bounce(config, "uma@dead.example", Reason.SPAM_BLOCK, first=recent, group=NEWS)
    assert not bouncegate("lock", "@dead.example").code
    scopes = {
        "ann@orchard.example": "global",
        "bob@orchard.example": f"group:{NEWS}",
        "eve@orchard.example": None,
        "uma@dead.example": "global",
    }
    for subject in ("mailing", "group"):
        told = bouncegate("report", subject, "--addresses", "--json").out.splitlines()
        assert {one["address"]: one["scope"] for one in map(json.loads, told)} == scopes
        text = io.StringIO(bouncegate("report", subject, "--addresses", "--csv").out, newline="")
        sheet = {row["address"]: row["scope"] or None for row in csv.DictReader(text)}
        assert sheet == scopes


def test_check_names_the_scope_of_what_it_finds(bouncegate: Command) -> None:
    assert not bouncegate("lock", "bob@kernel.org", "--group", NEWS).code
    checked = json.loads(bouncegate("check", "--json", "bob@kernel.org").out)
    assert (checked["verdict"], checked["scope"]) == ("predicted", f"group:{NEWS}")
    checked = json.loads(bouncegate("check", "--json", "--group", NEWS, "bob@kernel.org").out)
    assert (checked["verdict"], checked["scope"]) == ("locked", f"group:{NEWS}")


def test_lock_that_has_ended_is_shown_as_locked_nowhere(bouncegate: Command, config: Path) -> None:
    """The clock frees an address without a write."""
    now = int(time.time())
    ended = Act(("old@orchard.example",), now - 99, "lock", by="root", until=now - 9)
    with closing(store_of(config)) as store:
        store.act([ended], Policy(PolicySettings(), []).fold)
    (row,) = (
        row
        for row in map(json.loads, bouncegate("list", "--ended", "--json").out.splitlines())
        if row["address"] == "old@orchard.example"
    )
    assert (row["state"], row["locked"]) == ("ended", False)
    shown = json.loads(bouncegate("show", "--json", "old@orchard.example").out)
    assert (shown["state"], shown["locked"], shown["until"], shown["locks"]) == (
        "free",
        False,
        None,
        [],
    )


def test_simulate_names_the_scope_of_each_lock_that_would_be_another(
    bouncegate: Command, config: Path, tmp_path: Path
) -> None:
    bounce(config, "gone@orchard.example", first=int(time.time()) - 86_400, group=NEWS)
    other = tmp_path / "other.toml"
    other.write_text(f'{config.read_text()}[policy.hard]\nscope = "group"\n')
    told = map(
        json.loads, bouncegate("simulate", "--json", "--config", str(other)).out.splitlines()
    )
    changes = {(one["scope"], one["what"]) for one in told if "scope" in one}
    assert changes == {("global", "freed"), (f"group:{NEWS}", "locked")}


def test_import_keeps_the_finer_reason_of_an_export(bouncegate: Command, tmp_path: Path) -> None:
    file = tmp_path / "locks.csv"
    finer = next(reason for reason in Reason if reason.is_finer and _locks(reason))
    file.write_text(
        f"address,reason,detail\nfine@orchard.example,{finer.general},{finer}\n"
        f"other@orchard.example,mailbox-full,{finer}\n"
    )
    assert not bouncegate("import", "--locks", str(file), "--yes").code
    rows_ = map(json.loads, bouncegate("list", "--json", "--origin", "imported").out.splitlines())
    assert {row["address"]: row["detail"] for row in rows_} == {
        "fine@orchard.example": str(finer),
        "other@orchard.example": "mailbox-full",
    }


def _locks(reason: Reason) -> bool:
    return REASONS[reason].kind in (Kind.HARD, Kind.SOFT) and reason.general != "mailbox-full"
