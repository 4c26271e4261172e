"""Backups in a row: the newest stay, and the one just made whatever its name says."""

from pathlib import Path

import pytest

from bouncegate.store.tools.series import next_of, thin_out

DAY = 86_400
NOW = 1_800_000_000


def made(folder: Path, *days: int) -> list[Path]:
    """Backups of these days, the last of them just now."""
    paths = [next_of(folder, NOW + day * DAY) for day in days]
    for path in paths:
        path.touch()
    return paths


def test_backups_beyond_the_newest_go(tmp_path: Path) -> None:
    other = tmp_path / "bouncegate-before-the-move.tar.zst"
    other.touch()
    paths = made(tmp_path, 1, 2, 3, 4)
    assert thin_out(tmp_path, 2, paths[-1]) == paths[:2]
    assert sorted(tmp_path.iterdir()) == sorted([other, *paths[2:]])


@pytest.mark.parametrize("keep", [1, 3])
def test_backup_of_a_clock_that_was_ahead_costs_no_later_one(tmp_path: Path, keep: int) -> None:
    paths = made(tmp_path, 700, 701, 702, 1)
    thin_out(tmp_path, keep, paths[-1])
    assert paths[-1].exists()
    assert len(list(tmp_path.iterdir())) == keep


def test_backup_by_a_clock_that_is_behind_is_kept(tmp_path: Path) -> None:
    paths = made(tmp_path, 1, 2, 3, -9000)
    thin_out(tmp_path, 2, paths[-1])
    assert sorted(tmp_path.iterdir()) == sorted([paths[2], paths[3]])
