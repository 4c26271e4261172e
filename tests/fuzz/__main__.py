"""`python -m tests.fuzz [--seconds N] [CHECK...]`: coverage-guided fuzzing of the classifier.

Each check runs for N seconds (60 if nothing is said) in a process of its own; all of them run
if none is named. An input that breaks an invariant is kept in the folder `crashes`.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.fuzz.invariants import CHECKS, LARGEST

_ROOT: Final = Path(__file__).parents[2]
_CRASHES: Final = _ROOT / "crashes"
# An input on which the process hangs so long is a finding, in seconds.
_HANGS: Final = 20
# A reader that took more memory than this would be one, in MB; instrumentation takes its share.
_MEMORY: Final = 1024


def main() -> int:
    """Run the checks one after the other; the exit code of the last one that found something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each check")
    parser.add_argument("checks", nargs="*", choices=[*CHECKS, []], metavar="CHECK")
    options = parser.parse_args()
    _CRASHES.mkdir(exist_ok=True)
    codes = [_run(check, options.seconds) for check in options.checks or CHECKS]
    if not any(_CRASHES.iterdir()):
        _CRASHES.rmdir()
    return max(codes)


def _run(check: str, seconds: int) -> int:
    print(f"fuzzing {check} for {seconds} s", flush=True)
    argv = [
        *(sys.executable, "-m", "tests.fuzz.target", check),
        *(f"-max_total_time={seconds}", f"-timeout={_HANGS}", f"-max_len={LARGEST}"),
        *(f"-rss_limit_mb={_MEMORY}", f"-artifact_prefix={_CRASHES}/{check}-", "-verbosity=0"),
        "-print_final_stats=1",
    ]
    return subprocess.run(argv, cwd=_ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
