"""Corrections, exports and imports: what the model services promise of mistyped addresses."""

import csv
import io
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from bouncegate.config.taxonomy import Reason

from .conftest import Command
from .test_operator import bounce

TYPO, MEANT = "ann@gmial.com", "ann@gmail.com"


@pytest.fixture(autouse=True)
def known(config: Path) -> None:
    """A mistyped address and another one, locked by hard bounces of last week."""
    first = int(time.time()) - 7 * 86_400
    bounce(config, TYPO, first=first)
    bounce(config, "bob@gmial.com", first=first)
    bounce(config, MEANT, Reason.MAILBOX_FULL, times=3, first=first)


def shown(bouncegate: Command, address: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(bouncegate("show", "--json", address).out)
    return told


def exported(bouncegate: Command, path: Path) -> list[dict[str, str]]:
    assert bouncegate("export", "--with-id", "-o", str(path)).code == os.EX_OK
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8"), newline="")))


def write(path: Path, rows: list[dict[str, str]], delimiter: str = ",") -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def test_a_correction_frees_the_corrected_one_and_starts_its_statistics_anew(
    bouncegate: Command,
) -> None:
    assert shown(bouncegate, MEANT)["locked"] is True
    assert bouncegate("correct", TYPO, MEANT, "--why", "asked").code == os.EX_OK
    meant = shown(bouncegate, MEANT)
    assert (meant["locked"], meant["soft"], meant["times_locked"]) == (False, 0, 0)
    typo = shown(bouncegate, TYPO)
    assert (typo["locked"], typo["hard"]) == (True, 1), "nobody mails it again by accident"
    explained = bouncegate("explain", TYPO).out
    assert "correct" in explained
    assert "asked" in explained


def test_a_correction_to_an_address_that_is_dead_itself_needs_force(
    bouncegate: Command,
) -> None:
    done = bouncegate("correct", TYPO, "bob@gmial.com")
    assert done.code == os.EX_NOPERM
    assert "use --force" in done.err
    assert bouncegate("correct", TYPO, "bob@gmial.com", "--force").code == os.EX_OK


def test_a_correction_frees_nobody_whom_an_operator_has_locked(bouncegate: Command) -> None:
    bouncegate("lock", "zoe@gmx.de", "--why", "asked not to be mailed")
    done = bouncegate("correct", TYPO, "zoe@gmx.de")
    assert (done.code, "use --force" in done.err) == (os.EX_NOPERM, True)
    assert shown(bouncegate, "zoe@gmx.de")["locked"] is True


def test_what_was_corrected_itself_is_no_address_that_was_meant(bouncegate: Command) -> None:
    assert bouncegate("correct", "bob@gmial.com", "bob@gmail.com").code == os.EX_OK
    done = bouncegate("correct", TYPO, "bob@gmial.com")
    assert done.code == os.EX_NOPERM
    assert "was itself corrected, to bob@gmail.com" in done.err
    assert shown(bouncegate, "bob@gmial.com")["locked"] is True, "its lock stays"


def test_a_sheet_that_corrects_in_a_chain_is_refused(bouncegate: Command, tmp_path: Path) -> None:
    sheet = tmp_path / "locked.csv"
    rows = exported(bouncegate, sheet)
    meant = {"bob@gmial.com": "bob@gmail.com", TYPO: "bob@gmial.com"}
    for row in rows:
        row["address"] = meant.get(row["address"], row["address"])
    write(sheet, rows)
    done = bouncegate("import", "--corrections", str(sheet), "--yes", "--force")
    assert done.code == os.EX_DATAERR
    assert "corrects bob@gmial.com to bob@gmail.com: use that" in done.err
    assert shown(bouncegate, "bob@gmial.com")["locked"] is True


def test_many_are_corrected_by_export_spreadsheet_and_import_by_id(
    bouncegate: Command, tmp_path: Path
) -> None:
    sheet = tmp_path / "locked.csv"
    rows = exported(bouncegate, sheet)
    assert {row["address"] for row in rows} == {TYPO, "bob@gmial.com", MEANT}
    for row in rows:
        row["address"] = row["address"].replace("gmial.com", "gmail.com")
    write(sheet, rows, delimiter=";")
    dry = bouncegate("import", "--corrections", str(sheet), "--dry-run")
    assert "2 to correct, 1 unchanged" in dry.out
    assert shown(bouncegate, MEANT)["locked"] is True, "a dry run changes nothing"
    assert bouncegate("import", "--corrections", str(sheet), "--yes").code == os.EX_OK
    assert shown(bouncegate, MEANT)["locked"] is False
    again = bouncegate("import", "--corrections", str(sheet), "--yes")
    assert "0 to correct, 3 unchanged" in again.out, "the same file twice changes nothing"


def test_one_bad_line_and_nothing_is_corrected(bouncegate: Command, tmp_path: Path) -> None:
    sheet = tmp_path / "locked.csv"
    rows = exported(bouncegate, sheet)
    rows[0]["address"], rows[1]["address"] = "no address", MEANT
    rows.append({**rows[2], "id": "bcdfghjklmnpqr", "address": "x@gmx.de"})
    write(sheet, rows)
    done = bouncegate("import", "--corrections", str(sheet), "--yes")
    assert done.code == os.EX_DATAERR
    assert "line 2: invalid address 'no address'" in done.err
    assert "line 5: no address has this id" in done.err
    assert "2 bad lines: nothing was imported" in done.err
    assert shown(bouncegate, MEANT)["locked"] is True


def test_a_suppression_list_of_another_service_is_imported_once(
    bouncegate: Command, tmp_path: Path
) -> None:
    sheet = tmp_path / "suppressed.csv"
    sheet.write_text("Recipient,Reason,Note\neve@example.com,Hard Bounce,x\nann@gmial.com,spam,\n")
    argv = ["import", "--locks", str(sheet), "--column", "address=Recipient", "--until", "1 year"]
    assert "2 to lock, 0 unchanged (locked as long already" in bouncegate(*argv, "--yes").out
    eve = shown(bouncegate, "eve@example.com")
    assert (eve["locked"], eve["origin"], eve["reason"]) == (True, "imported", "user-unknown")
    assert shown(bouncegate, TYPO)["reason"] == "complaint", "it says more than the bounce"
    time.sleep(1.1)  # a year from now ends later then
    assert "0 to lock, 2 unchanged (locked as long already" in bouncegate(*argv, "--yes").out
    longer = bouncegate(*argv[:-1], "2 years", "--yes").out
    assert "2 to lock, 0 unchanged (locked as long already" in longer, (
        "a longer time is another wish"
    )


def test_of_a_lock_and_a_line_of_a_file_the_stronger_and_the_longer_is_taken(
    config: Path, bouncegate: Command, tmp_path: Path
) -> None:
    """Whoever complained must not be mailed again when a shorter lock ends."""
    first = int(time.time()) - 3 * 86_400
    bounce(config, "full@example.com", Reason.MAILBOX_FULL, times=3, first=first)
    bouncegate("lock", "hand@example.com", "--until", "5 days")
    sheet = tmp_path / "complaints.csv"
    names = ("full@example.com", "hand@example.com", TYPO)
    lines = [f"{name},complaint,\n" for name in names]
    lines.append("eve@example.com,soft,2 years\neve@example.com,spam,1 year\n")
    sheet.write_text("address,reason,until\n" + "".join(lines))
    assert "4 to lock" in bouncegate("import", "--locks", str(sheet), "--yes").out
    for name in names:
        assert shown(bouncegate, name)["reason"] == "complaint"
        assert shown(bouncegate, name)["until"] is None
    eve = shown(bouncegate, "eve@example.com")
    assert eve["reason"] == "complaint"
    assert eve["until"] > shown(bouncegate, "bob@gmial.com")["until"], "two years, not one"
    sheet.write_text(f"address,reason\n{TYPO},soft\nbob@gmial.com,soft\n")
    assert "1 to lock, 1 unchanged" in bouncegate("import", "--locks", str(sheet), "--yes").out
    bob = shown(bouncegate, "bob@gmial.com")
    assert (bob["kind"], bob["reason"], bob["until"]) == ("hard", "user-unknown", None)


def test_hard_ones_can_be_taken_off_a_list(bouncegate: Command, tmp_path: Path) -> None:
    sheet = tmp_path / "subscribers.csv"
    sheet.write_text(f"Email\n{TYPO}\nzoe@gmx.de\n")
    done = bouncegate("import", "--addresses", str(sheet))
    assert done.code == 1
    assert TYPO in done.out
    assert "zoe@gmx.de" not in done.out, "only who must go is named"


def test_locked_addresses_are_kept_so_that_a_new_import_cannot_mail_them_again(
    bouncegate: Command, tmp_path: Path
) -> None:
    bouncegate("unlock", "--yes", MEANT)
    listed = [json.loads(line)["address"] for line in bouncegate("list", "--json").out.splitlines()]
    assert listed == ["ann@gmial.com", "bob@gmial.com"]
    assert bouncegate("check", *listed).code == 1
    assert shown(bouncegate, MEANT)["times_locked"] == 1, "history stays"


def test_the_overview_shows_type_reason_and_the_day_it_is_freed(bouncegate: Command) -> None:
    head, *rows = bouncegate("list").out.splitlines()
    assert {"kind", "reason", "until"} <= set(head.split())
    row = next(row for row in rows if row.startswith(TYPO))
    until = shown(bouncegate, TYPO)["until"]
    assert {"hard", "user-unknown", until} <= set(row.split())


def test_a_sheet_without_its_columns_is_refused_with_what_is_there(
    bouncegate: Command, tmp_path: Path
) -> None:
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("mail\nann@example.com\n")
    done = bouncegate("import", "--locks", str(sheet))
    assert done.code == os.EX_DATAERR
    assert "no column 'address'; there are: mail: use --column address=NAME" in done.err
