"""The invariants that fuzzing looks for hold for its seeds, and for a short run from them."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.fuzz.invariants import CHECKS
from tests.fuzz.seeds import seeds

ROOT = Path(__file__).parents[3]
# Beyond the seeds; a second or two. `./run fuzz` is for more.
RUNS = 300


@pytest.mark.parametrize("check", CHECKS)
def test_the_invariants_hold_for_every_seed(check: str) -> None:
    for seed in seeds(check):
        CHECKS[check](seed)
    assert seeds(check)


@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris has no wheel for this platform")
@pytest.mark.parametrize("check", CHECKS)
def test_a_short_run_of_fuzzing_finds_nothing(check: str, tmp_path: Path) -> None:
    """Else a message that anybody can send would stop, mislead or slow down the return path."""
    argv = [
        *(sys.executable, "-m", "tests.fuzz.target", check, "-seed=1", "-verbosity=0"),
        *(f"-runs={len(seeds(check)) + RUNS}", f"-artifact_prefix={tmp_path}/"),
    ]
    run = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    assert not list(tmp_path.iterdir())
