"""`anonymize` writes copies without personal data, and says how they are classified."""

import os
import shutil
from pathlib import Path

from bouncegate.classifier.classified import classify

from .conftest import Command

SERVERS = Path(__file__).parents[2] / "samples" / "servers"
BOUNCE = SERVERS / "postfix-3.7-mixed.eml"


def test_copy_of_one_message_goes_to_standard_output(bouncegate: Command) -> None:
    done = bouncegate("anonymize", str(BOUNCE))
    assert done.code == 0
    assert done.err.startswith(f"bouncegate: {BOUNCE}: hard/security spam-block, ")
    assert "recipient.example" not in done.out
    copy, original = classify(done.out.encode()), classify(BOUNCE.read_bytes())
    assert [one.reason for one in copy.reports] == [one.reason for one in original.reports]


def test_copies_of_a_folder_are_numbered_since_names_of_files_may_tell_persons(
    bouncegate: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "bounces"
    folder.mkdir()
    for name in ("jane@firm.example.eml", "joe.eml"):
        shutil.copy(BOUNCE, folder / name)
    done = bouncegate("anonymize", str(folder), "-o", str(tmp_path / "copies"))
    assert (done.code, done.out) == (0, "")
    assert sorted(path.name for path in (tmp_path / "copies").iterdir()) == [
        "0001.eml", "0002.eml",
    ]  # fmt: skip
    again = bouncegate("anonymize", str(folder), "-o", str(tmp_path / "copies"))
    assert again.code == 2
    assert "already exists" in again.err


def test_copies_of_several_messages_need_a_folder(bouncegate: Command) -> None:
    done = bouncegate("anonymize", str(BOUNCE), str(BOUNCE))
    assert done.code == 2
    assert "name a folder with --output" in done.err


def test_copy_that_is_classified_otherwise_is_told(
    config: Path, bouncegate: Command, tmp_path: Path
) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "own.toml").write_text(
        '[[rule]]\nid = "own.host"\nreason = "policy"\nmta = "recipient[.]example"\n'
        'examples = [{ text = "550 no", mta = "mx.recipient.example" }]\n'
    )
    with config.open("a") as file:
        file.write(f'[rules]\nfolder = "{rules}"\n')
    done = bouncegate("anonymize", str(BOUNCE))
    assert done.code == 1
    assert "but the copy is classified otherwise: " in done.err


def test_file_that_cannot_be_read_is_told_after_the_others(
    bouncegate: Command, tmp_path: Path
) -> None:
    done = bouncegate("anonymize", str(tmp_path / "none.eml"), str(BOUNCE))
    assert done.code == os.EX_NOINPUT
    assert "none.eml: no such file" in done.err
    assert "Undelivered Mail" in done.out
