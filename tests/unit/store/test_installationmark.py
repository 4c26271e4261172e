"""The mark of an installation: its own, the same for ever, and no other one's."""

import logging
import re
from pathlib import Path

import pytest

from bouncegate.store.installationmark import InstallationMark, known_mark, made_mark
from bouncegate.store.tokens.keys import KEY_FILE, rotate


def test_a_mark_is_short_readable_and_the_same_for_all_who_ask(tmp_path: Path) -> None:
    assert known_mark(tmp_path) == "", "where there is none yet nothing is made"
    assert list(tmp_path.iterdir()) == []
    mark = made_mark(tmp_path)
    assert re.fullmatch(r"\[bouncegate [0-9a-f]{8}\]", mark)
    assert made_mark(tmp_path) == known_mark(tmp_path) == InstallationMark(tmp_path)() == mark


def test_a_mark_outlives_the_rotation_of_keys_and_a_move_of_the_store(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    mark = made_mark(here)
    for day in range(3):
        rotate(here / KEY_FILE, day, 0)
    assert made_mark(here.rename(tmp_path / "there")) == mark


def test_a_mark_is_of_one_installation_alone(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    assert made_mark(tmp_path / "a") != made_mark(tmp_path / "b")


def test_a_mark_that_cannot_be_had_is_told_once_and_asked_for_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    folder = tmp_path / "late"
    mark = InstallationMark(folder)
    assert {mark() for _ in range(5)} == {"[bouncegate]"}
    assert len(caplog.records) == 1
    folder.mkdir()
    assert mark() == known_mark(folder)
    (folder / "salt").chmod(0o644)
    assert known_mark(folder) == ""
