"""Random histories: the store holds what the rules in docs/policy.md say, and is sound at the end.

BOUNCEGATE_HISTORIES says how many are played; `./run model` plays any number of them, for longer.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from .life import Rule
from .play import differences
from .policies import BY_DEFAULT

_HISTORIES: Final = int(os.environ.get("BOUNCEGATE_HISTORIES", "160"))
_STEPS: Final = 60
_PARTS: Final = 8
# Thousands of transactions, each of which a disk would have to write at once.
_MEMORY: Final = Path("/dev/shm")


@pytest.fixture
def folder() -> Iterator[Path]:
    where = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=where) as folder:
        yield Path(folder)


@pytest.mark.parametrize("part", range(_PARTS))
def test_the_store_holds_what_the_rules_make_of_any_history(folder: Path, part: int) -> None:
    seeds = range(part, _HISTORIES, _PARTS)
    found = {seed: text for seed, _, text in differences(seeds, _STEPS, folder)}
    assert found == {}


@pytest.mark.parametrize(
    "rules",
    [
        BY_DEFAULT._replace(hard=Rule(1, (12, 24, 60))),
        BY_DEFAULT._replace(hard=Rule(2, (12,))),
        BY_DEFAULT._replace(soft=Rule(3, (1,), days=30)),
        BY_DEFAULT._replace(soft=Rule(2, (1,))),
    ],
)
def test_a_store_that_goes_by_other_rules_is_found_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, rules: object
) -> None:
    monkeypatch.setattr("tests.model.play.POLICIES", (("", rules),))
    assert next(differences(range(20), _STEPS, folder), None) is not None
