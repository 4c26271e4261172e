"""How a bounce message is compressed: a zstd frame that leans on a dictionary of bounces.

Most DSNs are short and say what every DSN says, so little is left for a frame once the words are
known: of our own samples 163 octets in place of 497, in less than half the time, where the
dictionary was made from the other half of them (`python -m lab.dictionary`); of a DSN of 2.4 kB
by Postfix, whose names are in no sample, 245 in place of 587. A frame names the dictionary that it
needs (RFC 8878, 3.1.1.1.3), and one that names none, as older versions wrote them, is read
without. So a dictionary is never changed: a better one is one more file here.
"""

from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Final

import zstandard

from bouncegate.store.errors import StoreDamaged, StoreLayout

LEVEL: Final = 3
DICTIONARIES: Final = Path(__file__).parent / "dictionaries"
NEWEST: Final = 40_001
"""The dictionary that new frames are written with. Numbers from 32,768 on are for private use
(RFC 8878, 5.2)."""
# What was taken in is bounded by [return_path] max_size; this bounds what a damaged file claims.
_LARGEST_MESSAGE: Final = 1 << 30
_PORTION: Final = 2**20


class FrameWriter:
    """Compresses one message after the other; one thread at a time uses it."""

    def __init__(self) -> None:
        """Load the dictionary, which takes as long as compressing hundreds of DSNs."""
        # A copy of its own: what is precomputed for a level belongs to the dictionary's object.
        known = zstandard.ZstdCompressionDict(_octets(NEWEST))
        known.precompute_compress(level=LEVEL)
        self._compressor = zstandard.ZstdCompressor(level=LEVEL, dict_data=known)

    def frame(self, raw: bytes) -> bytes:
        """The frame of a message."""
        return self._compressor.compress(raw)


def message_of(frame: bytes) -> bytes:
    """The message in a frame; raises StoreDamaged, StoreLayout."""
    try:
        return _reader(frame).decompress(frame, max_output_size=_LARGEST_MESSAGE)
    except zstandard.ZstdError as error:
        raise StoreDamaged(f"a bounce message cannot be read: {error}") from error


def holds(frame: bytes, digest: bytes) -> bool:
    """Whether a frame holds the message whose BLAKE2b digest this is; raises StoreLayout."""
    hashed, left = blake2b(digest_size=len(digest)), _LARGEST_MESSAGE
    try:
        with _reader(frame).stream_reader(frame) as reader:
            # By portions: what a damaged or forged frame says of its size is not allocated.
            while portion := reader.read(_PORTION):
                hashed.update(portion)
                left -= len(portion)
                if left < 0:
                    return False
    except zstandard.ZstdError:
        return False
    return hashed.digest() == digest


def _reader(frame: bytes) -> zstandard.ZstdDecompressor:
    """What reads a frame. One that names no dictionary must be read without: the first offsets
    of a frame are the dictionary's where there is one.
    """
    number = zstandard.get_frame_parameters(frame).dict_id
    return zstandard.ZstdDecompressor(dict_data=_dictionary(number) if number else None)


@cache
def _dictionary(number: int) -> zstandard.ZstdCompressionDict:
    try:
        return zstandard.ZstdCompressionDict(_octets(number))
    except FileNotFoundError:
        known = ", ".join(sorted(path.stem for path in DICTIONARIES.glob("*.zdict")))
        raise StoreLayout(
            f"a bounce message is compressed with dictionary {number}, and this version"
            f" has {known}: use the version that wrote it"
        ) from None


def _octets(number: int) -> bytes:
    return (DICTIONARIES / f"{number}.zdict").read_bytes()
