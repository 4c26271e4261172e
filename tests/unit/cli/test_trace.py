"""`trace` follows a message through both paths: else four sources are put together by hand."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.events import event_of
from tests.unit.cli.conftest import Command, bouncegate, config

from bouncegate.config.loading import loads
from bouncegate.config.settings import Settings
from bouncegate.policy.fold import Policy
from bouncegate.store.entry import Sent, entry_of
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Bounce, Store

__all__ = ["bouncegate", "config"]

POLICY = Policy(Settings().policy, ("signed", "matched"))
NOW = int(time.time())
SENT = NOW - 12 * 3600
QUEUE_ID = "4jZ5fq4JByzLhNx"
MESSAGE_ID = "<17@news.sender.example>"
CLARA, OTTO = "clara@orchard.example", "otto@orchard.example"
REFUSAL = (
    f"NOQUEUE: reject: RCPT from [192.0.2.5]: 550 5.1.1 <{CLARA.title()}>: locked; "
    f"from=<> to=<{CLARA.title()}> reason=user-unknown"
)


def stamp(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(seconds))


@pytest.fixture
def log(config: Path) -> Path:
    """A message to two, one of whom bounces; and one of somebody else's."""
    settings = loads(config.read_text())
    path = config.parent / "mail.log"
    with config.open("a") as file:
        file.write(f'[maillog]\nfile = "{path}"\n[ledger]\nenabled = true\n')
    sent = Sent(SENT, b"01234567", "news@sender.example", (CLARA, OTTO), QUEUE_ID, MESSAGE_ID)
    other = Sent(SENT + 5, b"76543210", "news@sender.example", (OTTO,), "4jZ5fq4JByzOther")
    with closing(Ledger.open(settings.store, settings.ledger, readonly=False)) as ledger:
        ledger.write([entry_of(sent), entry_of(other)])
    with closing(Store.open(settings.store)) as store:
        event = event_of(
            CLARA, NOW - 60, rule="unknown-user", identity=b"identity-of-16-o", status="5.1.1",
            diagnostic="550 5.1.1 no such user", queue_id=QUEUE_ID, message_id=MESSAGE_ID,
            sent=SENT,
        )  # fmt: skip
        store.record([Bounce((event,), b"raw")], POLICY)
    relay = "relay=mx.orchard.example[192.0.2.9]:25, delay=1, dsn=2.0.0, status=sent (250 ok)"
    path.write_text(
        "".join(
            f"{stamp(when)} mail {line}\n"
            for when, line in (
                (SENT - 9 * 86_400, f"postfix/smtp[1]: OLDOLD: to=<{CLARA}>, {relay}"),
                (SENT, f"postfix/smtpd[1]: {QUEUE_ID}: client=app[192.0.2.5]"),
                (SENT, f"postfix/cleanup[1]: {QUEUE_ID}: message-id={MESSAGE_ID}"),
                (SENT + 1, f"postfix/smtp[1]: {QUEUE_ID}: to=<{CLARA}>, {relay}"),
                (SENT + 1, f"postfix/smtp[1]: {QUEUE_ID}: to=<{OTTO}>, {relay}"),
                (SENT + 2, "postfix/smtpd[1]: 4jZ5fq4JByzOther: client=app[192.0.2.5]"),
                (NOW, f"bouncegate/milter[9]: {REFUSAL}"),
            )
        )
    )  # fmt: skip
    return path


def told(bouncegate: Command, *arguments: str) -> list[dict[str, Any]]:
    done = bouncegate("trace", "--json", *arguments)
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def in_short(lines: list[dict[str, Any]]) -> Iterator[str]:
    for line in lines:
        yield f"{line['source']} {line['who']}"


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize("name", [QUEUE_ID, MESSAGE_ID])
def test_a_message_is_followed_from_its_sending_to_what_its_bounce_did(
    bouncegate: Command, name: str
) -> None:
    lines = told(bouncegate, name)
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)
    assert list(in_short(lines)) == [
        "ledger milter",
        "log postfix/smtpd",
        "log postfix/cleanup",
        "log postfix/smtp",
        "log postfix/smtp",
        "store return-path",
    ]
    assert "locked: 550 5.1.1 no such user" in lines[-1]["said"]
    assert {line["queue_id"] for line in lines} == {QUEUE_ID}


@pytest.mark.usefixtures("log")
def test_of_an_address_the_lines_of_others_are_left_out(bouncegate: Command) -> None:
    lines = told(bouncegate, "Clara@Orchard.example")
    assert list(in_short(lines)) == [
        "ledger milter",
        "log postfix/smtpd",
        "log postfix/cleanup",
        "log postfix/smtp",
        "store return-path",
        "log bouncegate/milter",
    ]
    assert "status=sent" in lines[3]["said"]
    assert not any(OTTO in line["said"] for line in lines[1:])


@pytest.mark.usefixtures("log")
def test_what_is_older_than_asked_for_is_left_out(bouncegate: Command) -> None:
    assert len(told(bouncegate, "--since", "6 hours", CLARA)) == 2
    assert "OLDOLD" in {line["queue_id"] for line in told(bouncegate, "--since", "30 days", CLARA)}


def test_a_rotated_log_is_read_too(bouncegate: Command, log: Path) -> None:
    whole = told(bouncegate, QUEUE_ID)
    log.rename(log.with_name("mail.log.1"))
    log.write_text("")
    assert told(bouncegate, QUEUE_ID) == whole


@pytest.mark.usefixtures("log")
def test_without_the_ledger_s_help_the_store_still_knows_the_message(
    bouncegate: Command, config: Path
) -> None:
    for file in (config.parent / "store" / "ledger").iterdir():
        file.unlink()
    lines = told(bouncegate, QUEUE_ID)
    assert "store return-path" in in_short(lines)


@pytest.mark.usefixtures("log")
def test_who_is_not_known_is_said_with_an_exit_code(bouncegate: Command) -> None:
    done = bouncegate("trace", "nobody@orchard.example")
    assert done.code == 66
    assert "nothing is known of nobody@orchard.example since" in done.err


@pytest.mark.parametrize("name", ["none/mail.log", "none.log"])
def test_a_log_that_cannot_be_read_does_not_hide_the_rest(
    bouncegate: Command, log: Path, name: str
) -> None:
    done = bouncegate("trace", "--log", str(log.parent / name), CLARA)
    assert done.code == 0
    assert "the log was not read" in done.err
    assert "locked: 550 5.1.1 no such user" in done.out
