"""Sorting on the disk: whole and in order however much it is, and clear where there is no room."""

import errno
import os
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import pytest

from bouncegate.admin.lists import externalsort as module
from bouncegate.admin.lists.externalsort import SortedRuns, TemporaryFileError


class Item(NamedTuple):
    """Something with a rank, and how it came."""

    rank: int
    number: int


ITEMS = [Item(n * 7919 % 101, n) for n in range(5000)]
BY_RANK = itemgetter(0)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run be ten items."""
    monkeypatch.setattr(module, "_RUN", 10)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("number", [0, 1, 9, 10, 11, 100, 5000])
def test_all_come_in_order_and_those_of_one_rank_as_they_came(
    number: int, descending: bool
) -> None:
    items = ITEMS[:number]
    with SortedRuns(iter(items), Item, BY_RANK, descending=descending) as runs:
        assert list(runs) == sorted(items, key=BY_RANK, reverse=descending)
        assert list(runs) == list(runs), "they can be read again"


@pytest.mark.usefixtures("short")
def test_hundreds_of_runs_take_one_descriptor() -> None:
    before = descriptors()
    with SortedRuns(ITEMS, Item, BY_RANK) as runs:
        for _ in runs:
            assert descriptors() == before + 1
    assert descriptors() == before


def test_what_is_little_needs_no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    with SortedRuns(ITEMS, Item, BY_RANK) as runs:
        assert len(list(runs)) == len(ITEMS)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOSPC, os.EX_TEMPFAIL), (errno.EIO, os.EX_IOERR)]
)
def test_a_disk_that_is_full_or_broken_is_named_with_an_exit_code(
    number: int, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fake of the system, which refuses the file; a disk that is full is tried elsewhere."""

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(module, "TemporaryFile", refuse)
    with pytest.raises(TemporaryFileError, match="TMPDIR") as raised:
        SortedRuns(ITEMS, Item, BY_RANK)
    assert raised.value.exit_code == code
