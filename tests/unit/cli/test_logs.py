"""No sender can forge a log line, or write to the terminal of who reads it."""

import logging

from bouncegate.cli.lineformat import JournalFormatter, LineFormatter
from bouncegate.config.text import printable


def test_control_characters_are_shown_and_never_sent() -> None:
    assert printable("a\r\nNOQUEUE: b\x1b[2J\x9b\u202e") == (
        "a\\x0d\\x0aNOQUEUE: b\\x1b[2J\\x9b\\u202e"
    )
    assert printable("Grüße, 日本 \U0001f600") == "Grüße, 日本 \U0001f600"


def record(level: int, text: str) -> logging.LogRecord:
    return logging.LogRecord("bouncegate.milter", level, "", 0, text, (), None)


def test_a_record_is_one_line_whatever_it_holds() -> None:
    assert LineFormatter().format(record(logging.INFO, "to=<a\n@b>")) == "to=<a\\x0a@b>"
    assert LineFormatter().format(record(logging.ERROR, "x")) == "error: x"
    assert JournalFormatter().format(record(logging.WARNING, "x")) == "<4>warning: x"


def test_a_traceback_is_folded_into_its_line() -> None:
    failed = record(logging.ERROR, "deferred")
    try:
        raise ValueError("odd\nnews")
    except ValueError as error:
        failed.exc_info = (ValueError, error, error.__traceback__)
    line = LineFormatter().format(failed)
    assert "\n" not in line
    assert "ValueError: odd | news" in line
