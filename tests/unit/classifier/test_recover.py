"""The return path and the author have not failed where a report names them for a recipient."""

import pytest
from tests.unit.classifier.builder import dsn, failed

from bouncegate.classifier.parse import read
from bouncegate.classifier.report import MessageType

PATH = "bounce-7@bounces.sender.example"


def returned(**fields: str) -> str:
    known = {"From": "News <news@sender.example>", "To": "ann@recipient.example"} | fields
    return "".join(f"{name}: {value}\n" for name, value in known.items()) + "\nHello.\n"


def recipients(final: str, notice: str, original: str) -> list[str]:
    raw = dsn([failed(final)], notice=notice, returned=original, header={"To": PATH})
    return [report.recipient for report in read(raw).reports]


@pytest.mark.parametrize(
    "notice", ["Rejected.\n", "Mail to <ann@recipient.example> was rejected.\n"]
)
def test_the_recipient_is_read_elsewhere(notice: str) -> None:
    assert recipients(PATH, notice, returned()) == ["ann@recipient.example"]


def test_the_envelope_sender_has_not_failed() -> None:
    original = returned(**{"Return-Path": "<owner@sender.example>"})
    assert recipients("owner@sender.example", "Rejected.\n", original) == ["ann@recipient.example"]


def test_nobody_has_failed_where_nothing_names_a_recipient() -> None:
    original = returned(To="ann@recipient.example, bob@recipient.example")
    raw = dsn([failed(PATH)], notice="Rejected.\n", returned=original, header={"To": PATH})
    assert (read(raw).type, read(raw).reports) == (MessageType.BROKEN, ())


def test_who_mails_to_himself_can_fail() -> None:
    assert recipients(PATH, "Rejected.\n", returned(To=PATH)) == [PATH]


def test_the_return_path_is_left_out_among_others() -> None:
    raw = dsn(
        [failed(PATH), failed("ann@recipient.example")], returned=returned(), header={"To": PATH}
    )
    assert [report.recipient for report in read(raw).reports] == ["ann@recipient.example"]


def test_the_author_has_not_failed_where_the_notice_names_another() -> None:
    words = "Your message to ann@recipient.example could not be delivered.\n"
    assert recipients("news@sender.example", words, returned()) == ["ann@recipient.example"]


def test_the_author_can_fail_who_sends_a_copy_to_himself() -> None:
    for words in ("Rejected.\n", "Could not be delivered to news@sender.example.\n"):
        assert recipients("news@sender.example", words, returned()) == ["news@sender.example"]


@pytest.mark.parametrize(("notice", "expected"), [
    ("Your message to ann@recipient.example could not be delivered.\n", "ann@recipient.example"),
    ("Rejected.\n", PATH),
])  # fmt: skip
def test_a_notice_that_returns_nothing_has_to_name_another(notice: str, expected: str) -> None:
    assert recipients(PATH, notice, "-") == [expected]


@pytest.mark.parametrize(
    "command",
    [
        "|/usr/bin/filter ann@recipient.example /home/ann/.rules",
        '"|/usr/bin/vacation -f bob@other.example ann"',
        "| /usr/bin/tickets --queue=help@desk.example",
    ],
)
def test_the_arguments_of_a_command_are_no_recipient(command: str) -> None:
    notice = "The following address failed:\n\n  pipe to a command\n"
    assert recipients(command, notice, returned()) == ["ann@recipient.example"]


def test_an_address_may_begin_like_a_command() -> None:
    assert recipients("|ann@other.example", "Rejected.\n", returned()) == ["|ann@other.example"]
