"""The LMTP session: a DSN arrives as it was sent, and whatever else comes does no harm."""

import asyncio
import socket
from contextlib import suppress

import pytest
import uvloop
from tests.unit.classifier.returnpath.pile import (
    REFUSED,
    SECONDS,
    START,
    TERMS,
    Pile,
    sessions_of_one,
)

from bouncegate.classifier.returnpath.lmtp import Session, Terms
from bouncegate.classifier.returnpath.lmtpdialogue import MOST_RECIPIENTS

QUIT = b"QUIT\r\n"


def talk(*pieces: bytes, pile: Pile | None = None, terms: Terms = TERMS) -> list[bytes]:
    """Send octets, piece by piece, and read until the server hangs up; its last lines of answers.

    Continued lines (`250-...`) are left out.
    """

    async def session() -> bytes:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        register = sessions_of_one()
        register.acquire()
        make = lambda: Session(pile or Pile(), terms, loop, register)  # noqa: E731
        await loop.connect_accepted_socket(make, theirs)
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        with suppress(ConnectionError):  # the server may have hung up
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
        heard = await reader.read()
        while register.row.sessions:
            await asyncio.sleep(0.001)
        writer.close()
        return heard

    heard = uvloop.run(asyncio.wait_for(session(), SECONDS))  # the loop that the daemon has
    return [line for line in heard.splitlines() if line[3:4] != b"-"]


def codes(lines: list[bytes]) -> list[int]:
    return [int(line[:3]) for line in lines]


# As they are sent, and as they must be heard.
BODIES = {
    "": b"",
    "\r\n": b"\r\n",
    "one line\r\n": b"one line\r\n",
    "a\r\n..\r\nb\r\n": b"a\r\n.\r\nb\r\n",
    "..a\r\n...b\r\n": b".a\r\n..b\r\n",
    ".unstuffed\r\n": b"unstuffed\r\n",
    "a\r\n\r\n": b"a\r\n\r\n",
    # What other servers have taken for an end (SMTP smuggling) is none.
    "a\n.\nb\r\n": b"a\n.\nb\r\n",
    "a\r\n.\nb\r\n": b"a\r\n\nb\r\n",
    "a\n.\r\nb\r\n": b"a\n.\r\nb\r\n",
    "a\r.\rb\r\n": b"a\r.\rb\r\n",
}


@pytest.mark.parametrize("sent", BODIES)
@pytest.mark.parametrize("size", [1, 2, 3, 10_000])
def test_a_message_arrives_as_it_was_sent_however_its_octets_are_cut(sent: str, size: int) -> None:
    octets = START + sent.encode() + b".\r\n" + QUIT
    pile = Pile()
    answers = talk(*(octets[i : i + size] for i in range(0, len(octets), size)), pile=pile)
    assert pile.messages == [BODIES[sent]]
    assert codes(answers) == [220, 250, 250, 250, 354, 250, 221]


def test_octets_that_are_no_text_arrive_as_well() -> None:
    pile = Pile()
    talk(START + b"\xff\0\x80\r\n.\r\n" + QUIT, pile=pile)
    assert pile.messages == [b"\xff\0\x80\r\n"]


def test_what_comes_behind_a_message_waits_for_its_answer_and_is_answered_in_order() -> None:
    again = (
        b"MAIL FROM:<b@x.test>\r\nRCPT TO:<c@example.org>\r\nRCPT TO:<d@example.org>\r\nDATA\r\n"
    )
    pile = Pile()
    answers = talk(START + b"1\r\n.\r\n" + again + b"2\r\n.\r\n" + b"NOOP\r\n" + QUIT, pile=pile)
    assert pile.messages == [b"1\r\n", b"2\r\n"]
    assert pile.paths == [("", ["a@example.org"]), ("b@x.test", ["c@example.org", "d@example.org"])]
    assert answers[5] == b"250 2.0.0 message 1"
    assert answers[10:12] == [b"250 2.0.0 message 2"] * 2
    assert codes(answers[12:]) == [250, 221]


@pytest.mark.parametrize("size", [7, 100, 100_000])
def test_what_is_too_large_is_refused_for_each_recipient_and_nothing_of_it_is_a_command(
    size: int,
) -> None:
    start = START.replace(b"DATA", b"RCPT TO:<b@example.org>\r\nDATA")
    trap = b"xxxxxxxx.\r\nRCPT TO:<evil@example.org>\r\n" * 1000
    octets = start + trap + b".\r\n" + START + b"small\r\n.\r\n" + QUIT
    pile = Pile()
    answers = talk(*(octets[i : i + size] for i in range(0, len(octets), size)), pile=pile)
    assert codes(answers[6:8]) == [552, 552]
    assert codes(answers[8:]) == [250, 250, 250, 354, 250, 221]
    assert pile.messages == [b"small\r\n"]
    assert pile.paths == [("", ["a@example.org"])]


def test_a_size_that_is_told_before_is_refused_before() -> None:
    answers = talk(b"LHLO x\r\nMAIL FROM:<> SIZE=10001\r\nMAIL FROM:<> SIZE=10000\r\n" + QUIT)
    assert codes(answers) == [220, 250, 552, 250, 221]


def test_an_endless_command_is_refused_and_the_session_goes_on() -> None:
    answers = talk(b"LHLO x\r\nNOOP ", *[b"x" * 1000] * 100, b"\r\nNOOP\r\n" + QUIT)
    assert codes(answers) == [220, 250, 500, 250, 221]


def test_commands_out_of_order_are_refused() -> None:
    answers = talk(
        b"MAIL FROM:<>\r\nLHLO\r\nLHLO x\r\nRCPT TO:<a@b.test>\r\nDATA\r\nMAIL FROM:<>\r\n"
        b"MAIL FROM:<>\r\nDATA\r\nRCPT TO:<a@b.test>\r\nDATA x\r\nRSET\r\nDATA\r\nEHLO x\r\n" + QUIT
    )
    assert codes(answers) == [
        *(220, 503, 501, 250, 503, 503, 250),
        *(503, 503, 250, 501, 250, 503, 500, 221),
    ]


def test_who_sends_nothing_but_nonsense_is_sent_away() -> None:
    answers = talk(b"LHLO x\r\n" + b"\xff\xfe\r\n" * 1000)
    assert codes(answers)[-1] == 421
    assert len(answers) < 30


def test_recipients_are_bounded() -> None:
    many = b"RCPT TO:<a@example.org>\r\n" * (MOST_RECIPIENTS + 1)
    answers = talk(b"LHLO x\r\nMAIL FROM:<>\r\n" + many + QUIT)
    assert codes(answers)[3:] == [250] * MOST_RECIPIENTS + [452, 221]


@pytest.mark.parametrize("said", [b"", b"LHLO x\r\n", START + b"half a message"])
def test_a_client_that_says_nothing_more_is_let_go(said: bytes) -> None:
    hasty = TERMS._replace(timeout=0.2)
    assert codes(talk(said, terms=hasty))[-1] == 421


@pytest.mark.parametrize(
    ("path", "heard"),
    {
        "<a@example.com>": "a@example.com",
        " <a2345.b-c+d=e@return.example.com>": "a2345.b-c+d=e@return.example.com",
        '<"ann @ <home>"@example.com>': '"ann @ <home>"@example.com',
        '<"a\\"b"@example.com>': '"a\\"b"@example.com',
        "<@relay.example,@other.example:ann@example.com>": "ann@example.com",
        "<ann@[IPv6:2001:db8::1]>": "ann@[IPv6:2001:db8::1]",
        "<jürgen@bücher.example>": "jürgen@bücher.example",
        "<ann>": "ann",
        "<>": None,
        "ann@example.com": None,
        "<ann@example.com": None,
        "<ann@example.com>x": None,
        '<"ann@example.com>': None,
    }.items(),
)
def test_a_path_is_heard_as_it_is_meant(path: str, heard: str | None) -> None:
    pile = Pile()
    talk(START.replace(b"<a@example.org>", path.encode()) + b"1\r\n.\r\n" + QUIT, pile=pile)
    assert [to for _, (to,) in pile.paths] == ([heard] if heard else [])


def test_parameters_of_postfix_are_taken_and_unknown_ones_are_not() -> None:
    answers = talk(
        b"LHLO x\r\nMAIL FROM:<> SIZE=1000 BODY=8BITMIME SMTPUTF8\r\n"
        b"RCPT TO:<a@b.test> NOTIFY=NEVER\r\nRSET\r\nMAIL FROM:<> RET=HDRS\r\n" + QUIT
    )
    assert codes(answers) == [220, 250, 250, 555, 250, 555, 221]


@pytest.mark.parametrize(
    ("parameters", "code"),
    {
        "BODY=7BIT": 250,
        "body=8bitmime smtputf8 size=10000": 250,
        "SIZE=00000000000000000001": 250,
        # RFC 3030 is not offered: a message by DATA cannot be binary.
        "BODY=BINARYMIME": 555,
        "BODY=8BITMIMEX": 555,
        "BODY=": 555,
        "BODY": 555,
        "SIZE=abc": 501,
        "SIZE=-1": 501,
        "SIZE=+1": 501,
        "SIZE=": 501,
        "SIZE": 501,
        "SIZE=000000000000000000001": 501,
        "SIZE=99999999999": 552,
        "SMTPUTF8=1": 501,
        "SIZE=1 SIZE=2": 501,
        "BODY=7BIT BODY=8BITMIME": 501,
        "SMTPUTF8 smtputf8": 501,
        "RET=HDRS": 555,
        "ENVID=x": 555,
        "AUTH=<>": 555,
        "=": 555,
    }.items(),
)
def test_parameters_of_mail_are_served_or_refused(parameters: str, code: int) -> None:
    line = f"MAIL FROM:<> {parameters}\r\n".encode()
    answers = talk(b"LHLO x\r\n" + line + QUIT)
    assert codes(answers) == [220, 250, code, 221]


@pytest.mark.parametrize("command", [b"BDAT 5 LAST", b"BDAT 5", b"HELO x", b"EHLO x", b"STARTTLS"])
def test_commands_that_are_not_offered_are_refused(command: bytes) -> None:
    answers = talk(b"LHLO x\r\n" + command + b"\r\nNOOP\r\n" + QUIT)
    assert codes(answers) == [220, 250, 500, 250, 221]


@pytest.mark.parametrize(
    "path", [b"<\xff@x.test>", b"<a\0b@x.test>", b"<a\rb@x.test>", b"<\x1b@x>"]
)
@pytest.mark.parametrize("command", [b"MAIL FROM:", b"RCPT TO:"])
def test_a_path_that_is_no_text_is_refused(command: bytes, path: bytes) -> None:
    answers = talk(b"LHLO x\r\nMAIL FROM:<>\r\nRSET\r\n" + command + path + b"\r\n" + QUIT)
    assert codes(answers)[-2:] in ([501, 221], [503, 221])


def test_a_path_takes_no_longer_than_its_length() -> None:
    for path in (b"<" + b'"a' * 1000, b'<"' + b"\\" * 1900, b"<" + b'"' * 1900, b"<@" * 900):
        answers = talk(b"LHLO x\r\nMAIL FROM:" + path + b"\r\n" + QUIT)
        assert codes(answers) == [220, 250, 501, 221]


@pytest.mark.parametrize("size", [1, 10_000])
def test_commands_behind_data_are_part_of_the_message(size: int) -> None:
    octets = START + b"QUIT\r\nRSET\r\n.\r\nNOOP\r\n" + QUIT
    pile = Pile()
    answers = talk(*(octets[i : i + size] for i in range(0, len(octets), size)), pile=pile)
    assert pile.messages == [b"QUIT\r\nRSET\r\n"]
    assert codes(answers)[5:] == [250, 250, 221]


def test_a_recipient_that_is_not_taken_is_refused_and_the_others_get_the_message() -> None:
    pile = Pile()
    dialogue = (
        b"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<stranger@example.org>\r\n"
        b"RCPT TO:<a@example.org>\r\nDATA\r\n"
    )
    answers = talk(dialogue, b"one line\r\n.\r\n", QUIT, pile=pile)
    assert answers[3] == REFUSED.encode()
    assert codes(answers) == [220, 250, 250, 550, 250, 354, 250, 221]
    assert pile.paths == [("", ["a@example.org"])]


def test_a_message_without_any_recipient_that_is_taken_has_no_data() -> None:
    dialogue = b"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<stranger@example.org>\r\nDATA\r\n"
    assert codes(talk(dialogue, QUIT)) == [220, 250, 250, 550, 503, 221]
