"""LMTP sessions are limited in time and memory, and idle ones give up their places."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import cast

import pytest
from tests.unit.classifier.returnpath.pile import (
    START,
    TERMS,
    Pile,
    sessions_of_one,
)

from bouncegate.classifier.returnpath.lmtp import Session


class Clock:
    """A loop whose time is told by the test."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.now = 0.0
        self.due: list[Callable[[], None]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, _delay: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        self.due.append(callback)
        return self._loop.call_later(3600.0, callback)

    def create_task(self, work: Coroutine[object, object, None]) -> "asyncio.Task[None]":
        return self._loop.create_task(work)

    def advance(self, seconds: float) -> None:
        self.now += seconds
        due, self.due = self.due, []
        for callback in due:
            callback()


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.said = b""
        self.closed = False
        self.unread = 0
        self.paused = False

    def write(self, octets: bytes) -> None:
        self.said += octets

    def get_write_buffer_size(self) -> int:
        return self.unread

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        assert not self.unread, "it would wait for the client"
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


class Opened:
    """Sessions that have begun at a clock of the test's own, by number."""

    def __init__(self, loop: asyncio.AbstractEventLoop, count: int, *, scarce: bool = True) -> None:
        self.clock = Clock(loop)
        self.sessions = sessions_of_one()
        self.pile = Pile()
        terms = TERMS._replace(timeout=300.0, is_scarce=lambda: scarce)
        self.all = [
            Session(self.pile, terms, cast("asyncio.AbstractEventLoop", self.clock), self.sessions)
            for _ in range(count)
        ]
        self.wires = [Wire() for _ in self.all]
        for session, wire in zip(self.all, self.wires, strict=True):
            session.connection_made(cast("asyncio.Transport", wire))
            self.clock.now += 0.01

    def closed(self) -> list[int]:
        return [number for number, wire in enumerate(self.wires) if wire.closed]


def at_a_clock(
    check: Callable[[asyncio.AbstractEventLoop], Coroutine[object, object, None]],
) -> None:
    async def run() -> None:
        await check(asyncio.get_running_loop())

    asyncio.run(run())


def test_the_session_that_is_idle_for_the_longest_time_gives_up_its_place() -> None:
    async def check(loop: asyncio.AbstractEventLoop) -> None:
        opened = Opened(loop, 4)
        # The first speaks: a message of its own makes it the last of those that are idle.
        opened.all[0].data_received(START + b"x\r\n.\r\n")
        while not opened.pile.messages:
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        # Commands without a message are no reason to keep a place.
        opened.all[1].data_received(b"LHLO x\r\n" + b"NOOP\r\n" * 9)
        assert [opened.sessions.make_room() for _ in range(5)] == [True] * 4 + [False]
        assert opened.wires[1].said.endswith(b"421 4.3.2 Idle, and others need the connection\r\n")

    at_a_clock(check)


def test_sessions_with_a_message_on_its_way_keep_their_places() -> None:
    async def check(loop: asyncio.AbstractEventLoop) -> None:
        opened = Opened(loop, 3)
        opened.all[0].data_received(START + b"half of a mess")
        opened.all[1].data_received(START + b"whole\r\n.\r\n")  # being recorded
        assert opened.sessions.can_make_room
        assert opened.sessions.make_room()
        assert opened.closed() == [2]
        assert not opened.sessions.can_make_room
        assert not opened.sessions.make_room()
        opened.all[0].data_received(b"age\r\n.\r\n")
        while not all(wire.said.count(b"250 2.0.0 message") for wire in opened.wires[:2]):
            await asyncio.sleep(0)
        assert opened.pile.messages == [b"whole\r\n", b"half of a message\r\n"]

    at_a_clock(check)


def test_a_client_that_does_not_read_its_answers_gives_up_its_place_all_the_same() -> None:
    async def check(loop: asyncio.AbstractEventLoop) -> None:
        opened = Opened(loop, 1)
        opened.all[0].pause_writing()
        opened.wires[0].unread = 1
        assert opened.sessions.make_room()
        assert opened.closed() == [0]

    at_a_clock(check)


def test_reading_pauses_while_more_than_64_kib_wait_behind_a_message() -> None:
    async def check(loop: asyncio.AbstractEventLoop) -> None:
        opened = Opened(loop, 1)
        session, wire = opened.all[0], opened.wires[0]
        session.data_received(START + b"whole\r\n.\r\n" + b"NOOP\r\n" * 10)
        assert not wire.paused
        session.data_received(b"NOOP\r\n" * 11_000)
        assert wire.paused
        while wire.paused:
            await asyncio.sleep(0)
        assert wire.said.count(b"250 2.0.0 OK\r\n") == 11_010

    at_a_clock(check)


def test_a_client_that_does_not_read_its_answers_gets_no_more_of_them() -> None:
    async def check(loop: asyncio.AbstractEventLoop) -> None:
        opened = Opened(loop, 1)
        session, wire = opened.all[0], opened.wires[0]
        session.pause_writing()
        session.data_received(b"NOOP\r\n" * 11_000)
        assert (wire.said.count(b"250"), wire.paused) == (0, True)
        session.resume_writing()
        assert (wire.said.count(b"250"), wire.paused) == (11_000, False)

    at_a_clock(check)


@pytest.mark.parametrize("start", [b"", b"LHLO x\r\n", START], ids=["first", "command", "message"])
@pytest.mark.parametrize(("scarce", "seconds"), [(True, 10), (False, 300)])
def test_an_octet_a_second_does_not_keep_a_place(
    start: bytes, *, scarce: bool, seconds: int
) -> None:
    """Neither within a command nor within a message, and sooner where places are scarce."""

    async def check(loop: asyncio.AbstractEventLoop) -> None:
        opened = Opened(loop, 1, scarce=scarce)
        opened.all[0].data_received(start)
        dripped = 0
        while not opened.closed() and dripped < 2 * seconds:
            opened.all[0].data_received(b"N")
            opened.clock.advance(1.0)
            dripped += 1
        assert abs(dripped - seconds) <= 1
        assert opened.wires[0].said.endswith(b"421 4.4.2 Timeout exceeded\r\n")

    at_a_clock(check)


def test_a_message_that_comes_fast_enough_is_heard_to_its_end_where_places_are_scarce() -> None:
    async def check(loop: asyncio.AbstractEventLoop) -> None:
        opened = Opened(loop, 1)
        opened.all[0].data_received(START)
        for _ in range(15):
            opened.all[0].data_received(b"x" * 500)
            opened.clock.advance(1.0)
        assert opened.closed() == []

    at_a_clock(check)


def test_a_message_that_is_being_recorded_is_waited_for_however_long_it_takes() -> None:
    async def check(loop: asyncio.AbstractEventLoop) -> None:
        opened = Opened(loop, 1)
        opened.all[0].data_received(START + b"whole\r\n.\r\n")
        opened.clock.advance(100_000.0)
        assert opened.closed() == []

    at_a_clock(check)
