"""The order in which small messages are read: a flood of large ones holds up no small one."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bouncegate.classifier.classified import ClassifiedMessage, unreadable
from bouncegate.classifier.returnpath.messagereader import MOST_HERE, InProgress, MessageReader

Classify = Callable[[bytes], Awaitable[ClassifiedMessage]]


def reader(read: list[bytes], longest_wait: float = 0) -> MessageReader:
    """One that notes what it reads here, in order, and reads nothing apart."""

    def here(raw: bytes) -> ClassifiedMessage:
        if raw.startswith(b"broken"):
            raise ValueError("a fault of ours")
        read.append(raw)
        return unreadable(raw)

    def apart(raw: bytes) -> ClassifiedMessage:
        raise AssertionError(f"{len(raw)} octets are read apart")

    return MessageReader(here, apart, InProgress(1).of_worker(0), lambda: None, longest_wait)


def test_a_small_message_that_comes_behind_many_large_ones_is_read_first() -> None:
    read: list[bytes] = []
    large = [bytes([n]) * (MOST_HERE - 1) for n in range(20)]

    async def come() -> None:
        classify = reader(read).classify
        await asyncio.gather(*map(classify, large), classify(b"small"))

    asyncio.run(come())
    assert read == [b"small", *large]


def test_the_loop_goes_on_between_two_messages() -> None:
    read: list[bytes] = []
    seen: list[int] = []

    async def look() -> None:
        while len(read) < 5:
            seen.append(len(read))
            await asyncio.sleep(0)

    async def come() -> None:
        classify = reader(read).classify
        await asyncio.gather(look(), *(classify(bytes([n])) for n in range(5)))

    asyncio.run(come())
    assert set(seen) >= {1, 2, 3, 4}, "it was never kept from the loop for two messages at once"


def test_messages_that_were_read_in_turns_go_on_in_the_same_one() -> None:
    read: list[bytes] = []
    went_on: list[int] = []

    async def go(classify: Classify, raw: bytes) -> None:
        await classify(raw)
        went_on.append(len(read))

    async def come() -> None:
        classify = reader(read, longest_wait=20).classify
        await asyncio.gather(*(go(classify, bytes([n])) for n in range(5)))

    asyncio.run(come())
    assert went_on == [5] * 5, "all were read before the first went on"


def test_a_message_that_was_read_does_not_wait_for_others_for_long() -> None:
    read: list[bytes] = []
    went_on: list[int] = []

    async def go(classify: Classify, raw: bytes) -> None:
        await classify(raw)
        went_on.append(len(read))

    async def come() -> None:
        classify = reader(read, longest_wait=0).classify
        await asyncio.gather(*(go(classify, bytes([n])) for n in range(5)))

    asyncio.run(come())
    assert went_on[0] < 5


def test_a_message_that_cannot_be_read_fails_alone() -> None:
    read: list[bytes] = []

    async def come() -> tuple[object, object]:
        classify = reader(read).classify
        return await asyncio.gather(classify(b"broken"), classify(b"good"), return_exceptions=True)

    broken, good = asyncio.run(come())
    assert isinstance(broken, ValueError)
    assert isinstance(good, ClassifiedMessage)
    with pytest.raises(ValueError, match="a fault of ours"):
        asyncio.run(reader(read).classify(b"broken once more"))
