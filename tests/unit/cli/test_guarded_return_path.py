"""The running handler under an outage: what it locks, what it logs, what the commands then say."""

import json
import re
import signal
import smtplib
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.unit.classifier.test_return_path import SECONDS, Handler, dsn

from .conftest import Command


@pytest.fixture
def handler(tmp_path: Path) -> Iterator[Handler]:
    handler = Handler(tmp_path, "[guard]\naddresses = 5\n[alarm]\nsender_blame = 2\n")
    yield handler
    if handler.process.poll() is None:
        handler.stop(signal.SIGKILL)


@pytest.fixture
def config(handler: Handler) -> Path:
    return handler.config


def test_an_outage_is_held_logged_and_critical_until_it_is_dismissed(
    handler: Handler, bouncegate: Command
) -> None:
    for number in range(8):
        handler.deliver(dsn(f"u{number}@gmail.com", str(number)))
    handler.deliver(dsn("ann@example.com", "other"))
    assert (
        "error: incident=6 opened: 6 addresses at google bounced as user-unknown" in handler.log()
    )
    assert handler.log().count("held, not counted: incident 6") == 3
    locked = [json.loads(line)["address"] for line in bouncegate("list", "--json").out.splitlines()]
    assert locked == ["ann@example.com"]
    assert bouncegate("report", "health").code == 2
    assert bouncegate("incident", "dismiss", "6", "--yes").code == 0
    assert bouncegate("report", "health").code == 0


def test_kill_9_around_the_bounce_that_trips_the_guard_loses_nothing_and_locks_nobody(
    handler: Handler, bouncegate: Command
) -> None:
    for number in range(12):
        bounce = dsn(f"u{number}@gmail.com", str(number))
        if number in (4, 5, 6):
            killer = threading.Timer(0.004 * number, handler.process.kill)
            killer.start()
            with suppress(OSError, smtplib.SMTPException):  # not acknowledged: Postfix sends again
                handler.deliver(bounce)
            killer.join()
            handler.process.wait(SECONDS)
            handler.start()
        handler.deliver(bounce)
    assert len(handler.events()) == 12
    incident = json.loads(bouncegate("incident", "list", "--json").out)
    assert (incident["state"], incident["held"]) == ("open", 12)
    assert bouncegate("list", "--json").out == ""


# Words of a fault of ours, the reason that the alarm names for them, and what it advises.
FAULTS: dict[str, tuple[str, bytes, str, str]] = {
    "SPF": ("5.7.23", b"SPF validation failed", "spf-failed", "the SPF record"),
    "relay": ("5.7.1", b"Relay access denied", "relay-denied", "where your server sends its mail"),
    "relay, by status unknown": ("5.1.1", b"Relaying denied", "relay-denied", "where your server"),
    "login": ("5.7.8", b"authentication failed", "authentication-required", "user, password"),
    "no login": ("5.7.0", b"Authentication required", "authentication-required", "user, password"),
    "account": (
        "5.7.0",
        b"Your account has been suspended",
        "sender-account-blocked",
        "Ask the provider of the sending account",
    ),
    "quota": ("5.4.5", b"Daily sending quota exceeded", "sending-quota", "Wait until the quota"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_burst_of_faults_of_ours_is_named_with_what_to_mend_and_locks_nobody(
    handler: Handler, bouncegate: Command, fault: tuple[str, bytes, str, str]
) -> None:
    status, words, reason, advice = fault
    for number in range(6):  # of which three fall into one hour, even if another begins meanwhile
        refused = dsn(f"u{number}@example.com", str(number), status)
        refused = refused.replace(b"no such user here", words)
        refused = refused.replace(b"From: news", b"Return-Path: <news@example.org>\r\nFrom: news")
        handler.deliver(refused)
    (named,) = re.findall(r"sender=example.org: 3 bounces blame the sender .*", handler.log())
    assert f"mostly for {reason}: " in named
    assert advice in named
    done = bouncegate("report", "health", "--json")
    assert done.code == 1
    (sender,) = json.loads(done.out)["senders"][:1]
    assert (sender["sender"], advice in sender["advice"]) == ("example.org", True)
    assert bouncegate("list", "--json").out == ""


def test_a_complaint_locks_and_the_opposite_does_not(handler: Handler, bouncegate: Command) -> None:
    for name, feedback in (("ann", "abuse"), ("bob", "not-spam"), ("eve", "fraud")):
        handler.deliver(
            f"""From: staff@fbl.example.net
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: message/feedback-report

Feedback-Type: {feedback}
User-Agent: loop/1.0
Version: 1
Original-Rcpt-To: {name}@example.com

--b
Content-Type: text/rfc822-headers

Message-ID: <{name}@example.org>
From: news@example.org
To: {name}@example.com

--b--
""".replace("\n", "\r\n").encode()
        )
    rows = [json.loads(line) for line in bouncegate("list", "--json").out.splitlines()]
    assert [(row["address"], row["kind"], row["until"]) for row in rows] == [
        ("ann@example.com", "complaint", None),
        ("eve@example.com", "complaint", None),
    ]
    assert "counted; locked without end" in handler.log()
    told = json.loads(bouncegate("explain", "--json", "bob@example.com").out)
    assert [(step["effect"], step["kind"]) for step in told["steps"]] == [("no-failure", "none")]
