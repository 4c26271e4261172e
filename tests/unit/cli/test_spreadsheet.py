"""A sheet goes through LibreOffice and back, and nothing is lost or changed.

Else an import would correct addresses that nobody has touched, or lose the zeros of a name.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from bouncegate.admin.lists.csvfile import CsvWriter, read_csv
from bouncegate.config.text import visible

ROWS: Final = 100_000
# Text in UTF-8, parted by commas, cells in quotes where they need it, in English (US): what a
# person chooses in the dialog; on the way back as shown (LibreOffice, "CSV Filter Parameters").
TEXT: Final = "Text - txt - csv (StarCalc)"
OPENED: Final = f"{TEXT}:44,34,76,1,,0,false,true"
SAVED: Final = f"csv:{TEXT}:44,34,76,1,,0,false,true,false"
CELLS: Final = (
    "=1+1", "+49 170", "-5", "@SUM(A1)", '=HYPERLINK("http://x.test")', "007", "1e5", "May-26",
    "2026-11-25", "31.12.2026", "TRUE", "wahr", "1,5", "3/4", "10%", "$5", "€ 3", "1:30", "0x10",
    "12345678901234567890", "Größe „x“, y; z", 'a "quoted" one', "'quoted", "''two", "two\nlines",
    " in front", "behind ", "١٢", "\uff11\uff12", "#N/A", "", "a,b;c", '"', '""', "\ufeffx", "-",
)  # fmt: skip
LOCAL_PARTS: Final = ("{:06d}", "={:d}+1", "+49{:d}", "-{:d}", '"{:d},x"', "größe{:d}", "o'{:d}")

pytestmark = [
    pytest.mark.xdist_group("spreadsheet"),  # which share the sheet, and half a minute
    pytest.mark.skipif(
        shutil.which("soffice") is None,
        reason="LibreOffice is not installed; ./run test installs it",
    ),
]


def address(number: int) -> str:
    return f"{LOCAL_PARTS[number % len(LOCAL_PARTS)].format(number)}@orchard.example"


def bouncegate(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "bouncegate.cli", "--config", str(config), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A config with a hundred thousand locks, and the sheet of them in `locked.csv`."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "store").mkdir()
    config = folder / "bouncegate.toml"
    config.write_text(f'[store]\npath = "{folder}/store"\nmap_size = "1 GiB"\n')
    with (folder / "given.csv").open("w", encoding="utf-8", newline="") as file:
        writer = CsvWriter(file, ("address", "why"))
        for number in range(ROWS):
            writer.write((address(number), CELLS[number % len(CELLS)]))
    done = bouncegate(config, "import", "--yes", "--locks", str(folder / "given.csv"))
    assert done.returncode == 0, done.stderr
    assert f"{ROWS} to lock" in done.stdout
    done = bouncegate(config, "export", "--with-id", "-o", str(folder / "locked.csv"))
    assert done.returncode == 0, done.stderr
    return config


@pytest.fixture(scope="module", params=["ods", "xlsx"])
def edited(request: pytest.FixtureRequest, site: Path) -> Path:
    """The sheet, opened, saved in a format of spreadsheets, opened, and saved as CSV."""
    folder = site.with_name(request.param)
    convert(folder, site.with_name("locked.csv"), request.param, f"--infilter={OPENED}")
    return convert(folder, folder / f"locked.{request.param}", SAVED)


def convert(folder: Path, path: Path, form: str, *options: str) -> Path:
    """What soffice(1), with a profile of its own, makes of a file."""
    profile = f"-env:UserInstallation=file://{folder}/profile"
    argv = ["soffice", profile, "--headless", *options, "--convert-to", form]
    subprocess.run(
        [*argv, "--outdir", str(folder), str(path)],
        check=True, capture_output=True, timeout=300, env={**os.environ, "HOME": str(folder)},
    )  # fmt: skip
    return folder / f"{path.stem}.{form.partition(':')[0]}"


def rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open("rb") as file:
        yield from read_csv(file)


def test_a_hundred_thousand_rows_come_back_as_they_were(site: Path, edited: Path) -> None:
    before, after = list(rows(site.with_name("locked.csv"))), list(rows(edited))
    assert len(before) == len(after) == ROWS
    assert [(a, b) for a, b in zip(before, after, strict=True) if a != b][:3] == []
    assert {row["address"] for row in after} == {address(number) for number in range(ROWS)}
    remarks = {visible(cell.strip()) for cell in CELLS}
    assert {row["why"] for row in after} == {"imported", *remarks} - {""}


def test_what_nobody_has_touched_is_not_corrected(site: Path, edited: Path) -> None:
    done = bouncegate(site, "import", "--yes", "--corrections", str(edited))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"0 to correct, {ROWS} unchanged\n{ROWS} rows read, 0 corrected")


def test_what_was_corrected_in_the_spreadsheet_is_and_nothing_else(
    site: Path, edited: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(site.parent, copy)
    config = copy / "bouncegate.toml"
    config.write_text(config.read_text().replace(str(site.parent), str(copy)))
    old, new = address(7), "meant@gmail.com"
    text = edited.read_text("utf-8")
    assert f",{old}," in text or f"\n{old}," in text
    sheet = tmp_path / "corrected.csv"
    sheet.write_text(text.replace(old, new, 1), "utf-8")
    done = bouncegate(config, "import", "--force", "--yes", "--corrections", str(sheet))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == f"{old} -> {new}"
    assert f"1 to correct, {ROWS - 1} unchanged" in done.stdout
    assert f"corrected to {new}" in bouncegate(config, "explain", old).stdout
