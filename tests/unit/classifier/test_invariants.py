"""The invariants that fuzzing looks for hold for its seeds."""

import pytest
from tests.fuzz.invariants import CHECKS
from tests.fuzz.seeds import seeds


@pytest.mark.parametrize("check", CHECKS)
def test_the_invariants_hold_for_every_seed(check: str) -> None:
    for seed in seeds(check):
        CHECKS[check](seed)
    assert seeds(check)
