"""Make the dictionary that bounce messages are compressed with, or measure what one is worth.

    python -m lab.dictionary NUMBER     write store/bouncegate/store/dictionaries/NUMBER.zdict
    python -m lab.dictionary            measure: made of one half of the samples, tried on the other

It is made of the project's own samples alone. A number that is there already is never written
anew: messages that were compressed with it could not be read any more.
"""

import random
import sys
import time
from pathlib import Path
from statistics import mean
from typing import Final

import zstandard

from bouncegate.store.messageframe import DICTIONARIES, LEVEL

_SAMPLES: Final = Path(__file__).parents[1] / "tests/samples"
# 16 KiB leave a tenth more of each message; 64 KiB are worth 4 % and have to be kept in the caches.
_OCTETS: Final = 32 * 1024
_ROUNDS: Final = 20


def main() -> None:
    """Write one, or measure."""
    messages = [path.read_bytes() for path in sorted(_SAMPLES.rglob("*.eml"))]
    if sys.argv[1:]:
        _write(int(sys.argv[1]), messages)
    else:
        _measure(messages)


def _write(number: int, messages: list[bytes]) -> None:
    path = DICTIONARIES / f"{number}.zdict"
    if path.exists():
        sys.exit(f"{path.name} is there already: choose the next number")
    DICTIONARIES.mkdir(exist_ok=True)
    path.write_bytes(_trained(messages, number).as_bytes())
    print(f"{path}: {path.stat().st_size:,} octets of {len(messages)} messages")


def _trained(messages: list[bytes], number: int) -> zstandard.ZstdCompressionDict:
    return zstandard.train_dictionary(_OCTETS, [*messages], dict_id=number, level=LEVEL)


def _measure(messages: list[bytes]) -> None:
    random.Random(1).shuffle(messages)
    half = len(messages) // 2
    learned, others = messages[:half], messages[half:]
    dictionary = _trained(learned, 1)
    dictionary.precompute_compress(level=LEVEL)
    print(f"{len(others)} messages of {mean(map(len, others)):.0f} octets each")
    for name, compressor in {
        "without": zstandard.ZstdCompressor(level=LEVEL),
        "with one of the other half": zstandard.ZstdCompressor(level=LEVEL, dict_data=dictionary),
    }.items():
        start = time.process_time()
        sizes = [len(compressor.compress(message)) for _ in range(_ROUNDS) for message in others]
        each = (time.process_time() - start) / len(sizes)
        print(f"{name}: {mean(sizes):.0f} octets and {each * 1e6:.1f} us each")


if __name__ == "__main__":
    main()
