"""`python -m tests.model [--histories N] [--steps N] [--first N]`: random histories of a store."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.model.play import differences


def main() -> int:
    """Play them and show those on which store and model do not agree; 1 if there are any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=100, help="of each history")
    parser.add_argument("--first", type=int, default=0, help="the seed of the first one")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.histories)
    found = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed, play, text in differences(seeds, options.steps, Path(folder)):
            found += 1
            last = "\n  ".join(play.log[-4:])
            print(f"history {seed}, step {len(play.log)}: {text}\n  {last}", flush=True)
    print(f"{found} of {options.histories} histories differ")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
