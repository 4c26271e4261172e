"""Bounce messages compressed: what was written comes back, and what cannot be read says why."""

import random
from hashlib import blake2b, sha256
from typing import Final

import pytest
import zstandard
from bench.dsns import dsn

from bouncegate.store.errors import StoreDamaged, StoreLayout
from bouncegate.store.messageframe import DICTIONARIES, NEWEST, FrameWriter, holds, message_of

DSN: Final = dsn(7).encode()
NOISE: Final = random.Random(7).randbytes(100_000)
MESSAGES: Final = {"empty": b"", "an octet": b"\0", "a DSN": DSN, "noise": NOISE, "long": DSN * 999}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_a_message_comes_back(message: bytes) -> None:
    writer = FrameWriter()
    frames = [writer.frame(message), writer.frame(message)]
    assert [message_of(frame) for frame in frames] == [message, message]
    assert holds(frames[0], blake2b(message, digest_size=12).digest())
    assert not holds(frames[0], blake2b(message + b".", digest_size=12).digest())


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
@pytest.mark.parametrize("level", [1, 3, 19])
def test_a_message_without_a_dictionary_comes_back(message: bytes, level: int) -> None:
    frame = zstandard.ZstdCompressor(level=level).compress(message)
    assert message_of(frame) == message
    assert holds(frame, blake2b(message, digest_size=12).digest())


def test_a_dsn_takes_less_than_half_with_the_dictionary() -> None:
    plain = zstandard.ZstdCompressor(level=3).compress(DSN)
    assert len(FrameWriter().frame(DSN)) < len(plain) / 2


def test_a_dictionary_that_messages_may_need_stays_as_it_is() -> None:
    shipped = {path.name: sha256(path.read_bytes()).hexdigest() for path in DICTIONARIES.iterdir()}
    assert shipped == {
        "40001.zdict": "e47b428edef84feef2b6f0017ef65885810244d0ca25d294bbe877f1b47e639e",
    }
    assert (DICTIONARIES / f"{NEWEST}.zdict").exists()


def test_a_frame_of_a_later_version_says_what_to_do() -> None:
    later = zstandard.train_dictionary(
        1024, [DSN + bytes([n]) * n for n in range(99)], dict_id=40_999
    )
    frame = zstandard.ZstdCompressor(dict_data=later).compress(DSN)
    with pytest.raises(StoreLayout, match="dictionary 40999, and this version has 40001"):
        message_of(frame)
    with pytest.raises(StoreLayout):
        holds(frame, bytes(12))


@pytest.mark.parametrize("frame", [b"", b"no frame", FrameWriter().frame(DSN)[:-9]])
def test_a_damaged_frame_is_an_error_and_holds_nothing(frame: bytes) -> None:
    with pytest.raises(StoreDamaged):
        message_of(frame)
    assert not holds(frame, blake2b(DSN, digest_size=12).digest())
