"""`check --write-good`: a list is cleaned, each row stays as it was written, nothing is lost."""

import json
from contextlib import closing
from pathlib import Path

import pytest
from tests.unit.admin.lists.histories import POLICY, bounce, record

from bouncegate.config.taxonomy import Reason
from bouncegate.policy.records import NO_END, Act

from .conftest import Command, store_of

HEAD = '\ufeffId;"E-Mail";Name;Note\r\n'
GOOD = (
    '1;ann@kernel.org;"M\u00fcller; Ann";"two\r\nlines"\r\n',
    '2;"zoe@gmial.com";Zoe;=1+1\r\n',
    "\r\n",
    "6;eve@kernel.org;Eve;last",
)
BAD = (
    "3;GONE@kernel.org;;0170\r\n",
    "4;full@kernel.org;;\r\n",
    "5;eve@@kernel.org;;\r\n",
    '"7;open@kernel.org;;\r\n',
)


@pytest.fixture
def site(config: Path) -> Path:
    """A store with a hard and a soft lock, and the folder of it with a list."""
    with closing(store_of(config)) as store:
        record(store, [bounce("sent@kernel.org", Reason.MAILBOX_FULL)])
        for address, reason in (
            ("gone@kernel.org", Reason.USER_UNKNOWN),
            ("full@kernel.org", Reason.MAILBOX_FULL),
        ):
            store.act([Act((address,), 1, "lock", "x", until=NO_END, reason=reason)], POLICY.fold)
    folder = config.parent
    lines = (HEAD, GOOD[0], GOOD[1], *BAD, GOOD[2], GOOD[3])
    (folder / "list.csv").write_bytes("".join(lines).encode())
    return folder


def test_list_is_parted_and_each_row_stays_as_it_was(bouncegate: Command, site: Path) -> None:
    good, bad = site / "good.csv", site / "bad.csv"
    done = bouncegate(
        *("check", str(site / "list.csv"), "--write-good", str(good), "--write-bad", str(bad))
    )
    assert done.code == 0, done.err
    assert good.read_bytes().decode() == HEAD + "".join(GOOD)
    assert bad.read_bytes().decode() == HEAD + "".join(BAD)
    taken_off = "locked/user-unknown 1, locked/mailbox-full 1, invalid 1, unreadable 1"
    assert done.out.splitlines() == [
        f"7 rows read: 3 good, 4 bad ({taken_off})",
        "suspicious, but kept: typo 1",
        f"{good}: 3 rows written",
        f"{bad}: 4 rows written",
    ]
    assert done.err == "bouncegate: line 8: no address can be read in it: taken off\n"


def test_numbers_are_there_for_scripts(bouncegate: Command, site: Path) -> None:
    good = site / "good.csv"
    done = bouncegate("check", "--json", str(site / "list.csv"), "--write-good", str(good))
    found = json.loads(done.out)
    assert (found["read"], found["good"], found["bad"]) == (7, 3, 4)
    assert (found["written"], found["unreadable_lines"]) == ({str(good): 3}, [8])


def test_soft_locks_may_stay_and_suspicious_ones_may_go(bouncegate: Command, site: Path) -> None:
    good = site / "good.csv"
    argv = ["check", str(site / "list.csv"), "--keep-soft", "--also", "typo"]
    done = bouncegate(*argv, "--write-good", str(good))
    kept = good.read_text("utf-8-sig")
    assert "full@kernel.org" in kept
    assert "zoe@gmial.com" not in kept
    assert "typo 1" in done.out
    assert "use one of: typo, predicted" in bouncegate(*argv[:-1], "good", "--write-good", "x").err


def test_a_file_is_never_replaced_by_accident(bouncegate: Command, site: Path) -> None:
    lists = site / "list.csv"
    before = lists.read_bytes()
    done = bouncegate("check", str(lists), "--write-bad", str(lists))
    assert (done.code, lists.read_bytes()) == (2, before)
    assert "already exists: name another file, or --replace" in done.err
    assert bouncegate("check", str(lists), "--write-good", str(lists), "--replace").code == 0
    assert lists.read_bytes().decode() == HEAD + "".join(GOOD)
    left = {path.name for path in site.iterdir()}
    assert left == {"store", "bouncegate.toml", "list.csv"}, "no draft is left"


def test_options_that_contradict_each_other_are_refused(bouncegate: Command, site: Path) -> None:
    for argv, says in (
        (["--write-good", "x", "--write-bad", "x"], "must name two files"),
        (["--keep-soft"], "need --write-good"),
        (["--write-good", "x", "--csv"], "omit --csv"),
        (["--write-good", "x", "ann@kernel.org"], "needs one file"),
    ):
        done = bouncegate("check", str(site / "list.csv"), *argv)
        assert (done.code, says in " ".join(done.err.split())) == (2, True), done.err
    assert not (site / "x").exists()


def test_a_list_without_a_column_of_addresses_is_not_written(
    bouncegate: Command, site: Path
) -> None:
    (site / "list.csv").write_text("Kontakt;Ort\nann@kernel.org;x\n")
    argv = ["check", str(site / "list.csv"), "--write-good", str(site / "good.csv")]
    done = bouncegate(*argv)
    assert (done.code, "there are: kontakt, ort" in done.err) == (65, True)
    assert not (site / "good.csv").exists()
    assert bouncegate(*argv, "--column", "address=Kontakt").code == 0
    assert (site / "good.csv").read_text() == "Kontakt;Ort\nann@kernel.org;x\n"


def test_csv_is_checked_by_its_column_without_being_written(
    bouncegate: Command, site: Path
) -> None:
    done = bouncegate("check", "--json", str(site / "list.csv"))
    found = [json.loads(line) for line in done.out.splitlines()]
    assert [(f["line"], f["verdict"]) for f in found] == [
        *((2, "good"), (4, "typo"), (5, "locked"), (6, "locked"), (7, "invalid")),
        *((8, "invalid"), (10, "good")),
    ]
