"""One fuzz target in a process of its own: `python -m tests.fuzz.target CHECK [libFuzzer options]`.

Atheris instruments the classifier, so that libFuzzer sees which inputs reach new code.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["bouncegate"]):
    from tests.fuzz.invariants import CHECKS
    from tests.fuzz.seeds import seeds


def main() -> None:
    """Fuzz until libFuzzer's options say stop; it exits by itself, non-zero for a finding."""
    name, *options = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as corpus:
        for number, seed in enumerate(seeds(name)):
            (Path(corpus) / f"seed-{number:04}").write_bytes(seed)
        atheris.Setup([sys.argv[0], *options, corpus], CHECKS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
