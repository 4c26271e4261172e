"""How records lie in the store, apart from locks: MessagePack, with the names of their fields.

A field that is new in a later version reads as its default where it is missing, and one that
is no longer known is passed over, so that most changes need no new layout.
"""

from typing import Final

import msgspec
import zstandard

from bouncegate.policy.records import Act, Audit, Entry, State, Summary

_NUMBER: Final = 8
# A value of more than about 2 KiB takes whole pages of its own. MessagePack cannot begin with the
# first octet of a zstd frame, since every entry is a map (RFC 8878, 3.1.1).
_LONG_ENTRY: Final = 1500
_LARGEST_ENTRY: Final = 1 << 20
_LEVEL: Final = 3
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"

_RULING: Final = b"ruling"
_TAG: Final = 16

_ENTRIES: Final[msgspec.msgpack.Decoder[Entry]] = msgspec.msgpack.Decoder(Entry)

_DECIDED: Final[msgspec.msgpack.Decoder[Act | Audit]] = msgspec.msgpack.Decoder(Act | Audit)

encode: Final = msgspec.msgpack.Encoder().encode
decode_state: Final = msgspec.msgpack.Decoder(State).decode
"""The state that `encode` wrote; raises msgspec.DecodeError."""
decode_summary: Final = msgspec.msgpack.Decoder(Summary).decode
"""The same of a summary."""


def decode_entry(octets: bytes) -> Entry:
    """The journal entry that `encode_entry` wrote; raises msgspec.DecodeError, ZstdError."""
    return _ENTRIES.decode(unpacked(octets))


def may_be_ruling(octets: bytes) -> bool:
    """Whether an entry is a ruling, or compressed: the tag stands at the beginning."""
    return _RULING in octets[:_TAG] or octets.startswith(_ZSTD_MAGIC)


def decode_decided(octets: bytes) -> Act | Audit:
    """The same of a record of a change of many addresses."""
    return _DECIDED.decode(unpacked(octets))


def unpacked(octets: bytes) -> bytes:
    """An entry without its compression; raises ZstdError."""
    if octets.startswith(_ZSTD_MAGIC):
        return zstandard.ZstdDecompressor().decompress(octets, max_output_size=_LARGEST_ENTRY)
    return octets


def encode_entry(entry: Entry | Audit) -> bytes:
    """A journal entry; a long one, such as an act on a thousand addresses, is compressed."""
    return packed(encode(entry))


def packed(octets: bytes) -> bytes:
    """An entry that is encoded, compressed if it is long."""
    if len(octets) < _LONG_ENTRY:
        return octets
    return zstandard.ZstdCompressor(level=_LEVEL).compress(octets)


def octets_of(number: int) -> bytes:
    """The key of a journal entry: big-endian, so that keys run in the order of numbers."""
    return number.to_bytes(_NUMBER, "big")


def number_of(octets: bytes) -> int:
    """The number that `octets_of` wrote."""
    return int.from_bytes(octets, "big")
