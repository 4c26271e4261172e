"""How records lie in the store, apart from locks: MessagePack, with the names of their fields.

A field that is new in a later version reads as its default where it is missing, and one that
is no longer known is passed over, so that most changes need no new layout.
"""

from typing import Final

import msgspec

from bouncegate.policy.records import Entry, State

_NUMBER: Final = 8

_ENCODER: Final = msgspec.msgpack.Encoder()
_STATES: Final = msgspec.msgpack.Decoder(State)
_ENTRIES: Final[msgspec.msgpack.Decoder[Entry]] = msgspec.msgpack.Decoder(Entry)

encode = _ENCODER.encode


def decode_state(octets: bytes) -> State:
    """The state that `encode` wrote; raises msgspec.DecodeError."""
    return _STATES.decode(octets)


def decode_entry(octets: bytes) -> Entry:
    """The journal entry that `encode` wrote; raises msgspec.DecodeError."""
    return _ENTRIES.decode(octets)


def octets_of(number: int) -> bytes:
    """The key of a journal entry: big-endian, so that keys run in the order of numbers."""
    return number.to_bytes(_NUMBER, "big")


def number_of(octets: bytes) -> int:
    """The number that `octets_of` wrote."""
    return int.from_bytes(octets, "big")
