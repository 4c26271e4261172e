"""Unlocking, sentence by sentence: who is freed, how, and what it takes."""

import csv
import os
from pathlib import Path

import pytest
from tests.product.views import listed, rows, shown
from tests.unit.cli.conftest import Command
from tests.unit.cli.reported import DAY, NOW
from tests.unit.cli.test_operator import bounce

from bouncegate.config.taxonomy import Reason

SOFT = ["ann@kernel.org", "bob@kernel.org"]
HARD = "gone@kernel.org"


@pytest.fixture(autouse=True)
def known(config: Path) -> None:
    """Two soft locks and a hard one."""
    bounce(config, HARD, first=NOW - 5 * DAY)
    for address in SOFT:
        bounce(config, address, Reason.MAILBOX_FULL, times=3, first=NOW - 5 * DAY)


def test_soft_locks_can_be_lifted_at_once_one_or_all(bouncegate: Command) -> None:
    assert bouncegate("unlock", "--yes", SOFT[0]).code == 0
    assert listed(bouncegate) == [SOFT[1], HARD]
    assert bouncegate("unlock", "--yes", "--all", "--kind", "soft").code == 0
    assert listed(bouncegate) == [HARD]


def test_soft_locks_are_lifted_after_a_confirmation(bouncegate: Command) -> None:
    for what in ([SOFT[0]], ["--all", "--kind", "soft"]):
        assert bouncegate("unlock", *what).code == os.EX_USAGE, "nobody is there to confirm it"
        assert listed(bouncegate) == [*SOFT, HARD]


def test_who_asked_for_an_unlock_gets_a_mail_when_it_is_done(
    bouncegate: Command, mailed: Path
) -> None:
    asked = ("unlock", "--all", "--kind", "soft", "--notify", "desk@kernel.org")
    bouncegate(*asked)
    assert not mailed.exists(), "nothing is done yet"
    assert bouncegate(*asked, "--yes").code == 0
    mail = mailed.read_text()
    assert mail.partition("\n")[0].endswith("desk@kernel.org")
    assert all(address in mail for address in SOFT)


def test_hard_locks_cannot_be_lifted_unless_the_operators_config_says_so(
    config: Path, bouncegate: Command
) -> None:
    """On purpose, --force lifts one too: docs/policy.md says so, and the audit keeps who did it."""
    assert bouncegate("unlock", "--yes", HARD).code == os.EX_NOPERM
    assert HARD in listed(bouncegate)
    with config.open("a") as file:
        file.write("[policy]\nunlock_hard = true\n")
    assert bouncegate("unlock", "--yes", HARD).code == 0
    assert HARD not in listed(bouncegate)


def test_hard_ones_can_be_taken_off_a_list(bouncegate: Command, tmp_path: Path) -> None:
    file, good = tmp_path / "list.csv", tmp_path / "good.csv"
    file.write_text(f"id,address\n1,eve@kernel.org\n2,{HARD}\n")
    assert bouncegate("check", str(file), "--write-good", str(good)).code == 0
    assert good.read_text() == "id,address\n1,eve@kernel.org\n"


def test_correction_of_the_address_frees_the_corrected_one_and_starts_its_statistics_anew(
    bouncegate: Command,
) -> None:
    assert bouncegate("correct", HARD, SOFT[0]).code == 0
    meant = shown(bouncegate, SOFT[0])
    assert (meant["locked"], meant["soft"], meant["soft_in_row"]) == (False, 0, 0)
    assert shown(bouncegate, HARD)["locked"] is True


def test_many_are_corrected_at_once_by_export_with_an_id_spreadsheet_and_import_by_that_id(
    bouncegate: Command, tmp_path: Path
) -> None:
    sheet = tmp_path / "locked.csv"
    assert bouncegate("export", "--with-id", "-o", str(sheet)).code == 0
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        exported = list(csv.DictReader(file))
    assert [row["address"] for row in exported] == [*SOFT, HARD]
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["address", "id"], delimiter=";", extrasaction="ignore")
        writer.writeheader()
        writer.writerows({**row, "address": f"right-{row['address']}"} for row in exported)
    assert bouncegate("import", "--corrections", str(sheet), "--yes").code == 0
    for wrong in (*SOFT, HARD):
        assert f"right-{wrong}" in bouncegate("show", wrong).out
        assert shown(bouncegate, f"right-{wrong}")["locked"] is False


def test_reaction_of_the_recipient_frees_a_soft_lock_and_resets_its_statistics(
    bouncegate: Command,
) -> None:
    assert bouncegate("alive", SOFT[0], HARD).code == 0
    assert listed(bouncegate) == [SOFT[1], HARD], "a hard lock stays"
    freed = shown(bouncegate, SOFT[0])
    assert (freed["soft"], freed["soft_in_row"], freed["times_locked"]) == (0, 0, 0)


def test_any_proof_of_life_that_an_operators_system_reports_frees(
    bouncegate: Command, tmp_path: Path
) -> None:
    reported = tmp_path / "clicks.txt"
    reported.write_text("".join(f"{address}\n" for address in SOFT))
    (told,) = rows(bouncegate, "alive", "--file", str(reported))
    assert told["freed"] == 2
    assert listed(bouncegate) == [HARD]
