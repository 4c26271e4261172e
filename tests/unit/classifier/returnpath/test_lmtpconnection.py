"""LMTP without I/O: bytes go in, replies and events come out, wherever the bytes are cut."""

import subprocess
import sys

import pytest

from bouncegate.classifier.returnpath.lmtpconnection import Connection, Event, Message

START = b"LHLO x\r\nMAIL FROM:<b@x.test>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n"


def connection() -> Connection:
    made = Connection("mail.example.org", 100, lambda _recipient: "")
    assert made.data_to_send() == b"220 mail.example.org Bouncegate return path\r\n"
    return made


def events(made: Connection) -> list[Message | Event]:
    return list(iter(made.next_event, None))


def test_a_message_is_an_event_with_its_envelope() -> None:
    made = connection()
    made.receive(START + b"..one\r\n.\r\n")
    *commands, message = events(made)
    assert commands == [Event.ANSWERED] * 4
    assert message == Message(b".one\r\n", "b@x.test", ["a@example.org"])


def test_nothing_behind_a_message_is_read_before_its_answer() -> None:
    made = connection()
    made.receive(START + b"1\r\n.\r\nNOOP\r\n")
    assert isinstance(events(made)[-1], Message)
    assert made.awaits_answer
    assert made.waiting == len(b"NOOP\r\n")
    made.data_to_send()
    made.answer(["250 2.0.0 Recorded"])
    assert events(made) == [Event.ANSWERED]
    assert made.data_to_send() == b"250 2.0.0 Recorded\r\n250 2.0.0 OK\r\n"


def test_what_has_been_sent_is_not_sent_again() -> None:
    made = connection()
    made.receive(b"NOOP\r\n")
    assert events(made) == [Event.ANSWERED]
    assert (made.data_to_send(), made.data_to_send()) == (b"250 2.0.0 OK\r\n", b"")


@pytest.mark.parametrize("end", [b"QUIT\r\n", b"?\r\n" * 21])
def test_nothing_is_read_behind_the_last_command(end: bytes) -> None:
    made = connection()
    made.receive(end + b"NOOP\r\n")
    assert events(made)[-1] is Event.CLOSED
    assert made.next_event() is None
    assert made.data_to_send().splitlines()[-1][:3] in {b"221", b"421"}


def test_nothing_is_read_once_the_server_has_closed() -> None:
    made = connection()
    made.receive(b"NOOP\r\n")
    made.close("4.4.2 Timeout exceeded")
    assert events(made) == []
    assert made.data_to_send() == b"421 4.4.2 Timeout exceeded\r\n"


def test_a_connection_is_between_messages_until_data_and_after_the_answer() -> None:
    made = connection()
    made.receive(START.removesuffix(b"DATA\r\n"))
    events(made)
    assert made.is_between_messages
    for octets in (b"DATA\r\n", b"1\r\n.\r\n"):
        made.receive(octets)
        events(made)
        assert not made.is_between_messages
    made.answer(["250 2.0.0 Recorded"])
    assert made.is_between_messages


def test_what_is_held_of_a_message_that_is_too_large_is_bounded() -> None:
    made = connection()
    made.receive(START)
    events(made)
    for _ in range(100):
        made.receive(b"x" * 1000)
        assert events(made) == []
        assert made.waiting <= 100
    made.receive(b"\r\n.\r\n")
    made.data_to_send()
    assert events(made) == [Event.ANSWERED]
    assert made.data_to_send().startswith(b"552")


@pytest.mark.parametrize("cut", range(1, 8))
@pytest.mark.parametrize(("octets", "is_taken"), [(98, True), (99, False)])
def test_a_message_of_the_largest_size_is_taken_wherever_its_end_is_cut(
    octets: int, is_taken: bool, cut: int
) -> None:
    made = connection()
    made.receive(START)
    events(made)
    whole = b"x" * octets + b"\r\n.\r\n"
    found = []
    for piece in (whole[:-cut], whole[-cut:]):
        made.receive(piece)
        found += events(made)
    assert [isinstance(one, Message) for one in found] == [is_taken]


def test_it_does_no_i_o() -> None:
    code = (
        "import sys, bouncegate.classifier.returnpath.lmtpconnection\n"
        "print({'asyncio', 'socket', 'select', 'uvloop'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "set()"
