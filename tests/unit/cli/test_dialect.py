"""`--dialect excel-de`: CSV that a German Excel or LibreOffice opens, with dates that are dates."""

import csv
import io
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Final

import pytest

from bouncegate.config.taxonomy import Reason

from .conftest import Command
from .reported import event, record, send
from .test_operator import bounce

FIRST: Final = int(time.time()) - 86_400
GERMAN: Final = ("--dialect", "excel-de")
# A mark of UTF-8, semicolons, German (1031); special numbers are recognised, as in the dialog.
OPENED: Final = "Text - txt - csv (StarCalc):59,34,76,1,,1031,false,true"


def german(seconds: int) -> str:
    return time.strftime("%d.%m.%Y %H:%M:%S", time.gmtime(seconds))


def sheet(text: str) -> list[dict[str, str]]:
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:], newline=""), delimiter=";"))


@pytest.mark.parametrize("command", [["list", "--csv"], ["export"]])
def test_dialect_of_a_list_has_semicolons_a_mark_and_german_times(
    config: Path, bouncegate: Command, command: list[str]
) -> None:
    bounce(config, "ann@kernel.org", first=FIRST)
    (row,) = sheet(bouncegate(*command, *GERMAN).out)
    assert (row["address"], row["since"]) == ("ann@kernel.org", german(FIRST))
    assert re.fullmatch(r"\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d", row["until"])


def test_dialect_of_a_report_has_decimal_commas_and_days(config: Path, bouncegate: Command) -> None:
    readers = [f"reader{n}@b.example" for n in range(8)]
    send(config, *readers)
    record(config, event(readers[0], sent_ago=120))
    (row,) = sheet(bouncegate("report", "mailing", "--csv", *GERMAN).out)
    assert (row["bounces"], row["rate"]) == ("1", "0,125")
    (row,) = sheet(bouncegate("report", "rate", "--csv", *GERMAN).out)
    assert re.fullmatch(r"\d\d\.\d\d\.\d{4}", row["day"])
    (row,) = sheet(bouncegate("report", "mailing", "spring", "--addresses", "--csv", *GERMAN).out)
    assert row["time"] == german(event("", ago=60).time)


def test_dialect_leaves_the_words_of_others_as_they_are(bouncegate: Command) -> None:
    for why in ("2027-01-31", "2027-01-31T00:00:00Z", "0.5", "a;b"):
        bouncegate("lock", "ann@kernel.org", "--why", why)
        (row,) = sheet(bouncegate("list", "--csv", *GERMAN).out)
        assert row["why"].removeprefix("'") == why


def test_dialect_of_a_cleaned_list(bouncegate: Command, tmp_path: Path) -> None:
    bouncegate("lock", "bad@kernel.org")
    given = tmp_path / "list.csv"
    given.write_text('Email,Name\nann@kernel.org,"Ann; B\u00e4r"\nbad@kernel.org,Eve\n', "utf-8")
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    wanted = ("--write-good", str(good), "--write-bad", str(bad))
    assert bouncegate("check", str(given), *wanted, *GERMAN).code == 0
    assert sheet(good.read_bytes().decode()) == [
        {"Email": "ann@kernel.org", "Name": "Ann; B\u00e4r"}
    ]
    assert sheet(bad.read_bytes().decode()) == [{"Email": "bad@kernel.org", "Name": "Eve"}]


def test_sheet_in_the_dialect_is_imported_again(
    config: Path, bouncegate: Command, tmp_path: Path
) -> None:
    bounce(config, "ann@kernel.org", Reason.MAILBOX_FULL, times=3, first=FIRST - 3 * 86_400)
    file = tmp_path / "locked.csv"
    assert not bouncegate("export", "-o", str(file), *GERMAN).code
    until = bouncegate("list", "--json").out
    assert "1 unchanged" in bouncegate("import", "--locks", str(file), "--dry-run").out
    bouncegate("unlock", "ann@kernel.org", "--yes")
    assert "imported" in bouncegate("import", "--locks", str(file), "--yes").out
    end = re.compile(r'"until":"([^"]*)"')
    assert end.findall(bouncegate("list", "--json").out) == end.findall(until)


@pytest.mark.xdist_group("spreadsheet")
@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_german_spreadsheet_shows_dates_as_dates_and_shares_as_numbers(
    config: Path, bouncegate: Command, tmp_path: Path
) -> None:
    readers = [f"reader{n}@kernel.org" for n in range(8)]
    send(config, *readers)
    record(config, event(readers[0], sent_ago=120))
    for name, command in {
        "locks": ["list", "--csv"],
        "shares": ["report", "mailing", "--csv"],
    }.items():
        path = tmp_path / f"{name}.csv"
        path.write_bytes(bouncegate(*command, *GERMAN).out.encode())
        argv = ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless"]
        argv += [f"--infilter={OPENED}", "--convert-to", "fods", "--outdir", str(tmp_path)]
        home = {**os.environ, "HOME": str(tmp_path)}
        subprocess.run([*argv, str(path)], check=True, capture_output=True, timeout=300, env=home)
    locks = (tmp_path / "locks.fods").read_text("utf-8")
    day = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(event("", ago=60).time))
    assert f'office:value-type="date" office:date-value="{day}' in locks
    assert ">address<" in locks, "the mark is no part of the first name"
    shares = (tmp_path / "shares.fods").read_text("utf-8")
    assert 'office:value-type="float" office:value="0.125"' in shares
