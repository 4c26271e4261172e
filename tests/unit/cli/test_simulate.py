"""What if: an operator sees what a change would do before anybody's mail feels it."""

import json
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from tests.unit.store.bounces import SIGNED, bounce_of

from bouncegate.config.settings import PolicySettings
from bouncegate.config.taxonomy import Kind, Reason
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Event
from bouncegate.store.intake import Bounce
from bouncegate.store.recording import identity

from .conftest import Command, store_of

DAY = 86_400
NOTICE = b"""From: MAILER-DAEMON@mx.example.net
To: news@example.org
Subject: Undelivered
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b

The stocktaking is not over.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; eve@example.net
Action: failed
Status: 5.0.0
Diagnostic-Code: smtp; 550 no
--b--
"""


def bounces(config: Path, *events: Event, raw: bytes = b"") -> None:
    with closing(store_of(config)) as store:
        store.record([Bounce([event], raw) for event in events], Policy(PolicySettings(), SIGNED))


def event(address: str, days_ago: int, reason: Reason = Reason.USER_UNKNOWN) -> Event:
    when = int(time.time()) - days_ago * DAY
    name = identity(f"{when}", address)
    return replace(bounce_of(address, 0, when, reason), identity=name, final_recipient=address)


def simulated(bouncegate: Command, *arguments: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    done = bouncegate("simulate", "--json", *arguments)
    assert done.code == 0, done.err
    *changes, totals = [json.loads(line) for line in done.out.splitlines()]
    return changes, totals


def other(config: Path, text: str) -> str:
    path = config.parent / "other.toml"
    path.write_text(config.read_text() + text)
    return str(path)


def test_the_config_in_force_changes_nothing(config: Path, bouncegate: Command) -> None:
    bounces(config, event("ann@example.com", 3), event("bob@example.com", 2, Reason.MAILBOX_FULL))
    changes, totals = simulated(bouncegate)
    assert changes == []
    assert (totals["addresses"], totals["events"], totals["differing"]) == (2, 2, 0)
    assert (totals["locks_before"], totals["locks_after"]) == (1, 1)


def test_who_would_be_locked_freed_or_end_on_another_day_is_told(
    config: Path, bouncegate: Command
) -> None:
    bounces(
        config,
        event("ann@example.com", 3),
        event("bob@example.com", 2, Reason.MAILBOX_FULL),
        event("eve@gmx.de", 3),
    )
    toml = (
        '[policy.hard]\nlock = "1 month"\n[policy.soft]\nfailures = 1\n'
        '[[policy.row]]\nprovider = "gmx"\nkind = "hard"\nfailures = 2\nlock = "1 year"\n'
    )
    changes, totals = simulated(bouncegate, "--config", other(config, toml))
    assert {change["address"]: change["what"] for change in changes} == {
        "ann@example.com": "ends",
        "bob@example.com": "locked",
        "eve@gmx.de": "freed",
    }
    assert (totals["locked"], totals["freed"], totals["ends"]) == (1, 1, 1)
    shown = bouncegate("simulate", "--config", other(config, toml)).out
    assert "1 would be locked, 1 freed, 1 would end on another day" in shown
    assert [line.split()[0] for line in shown.splitlines() if "@" in line] == sorted(
        ["ann@example.com", "bob@example.com", "eve@gmx.de"]
    )
    assert json.loads(bouncegate("show", "--json", "bob@example.com").out)["locked"] is False, (
        "nothing was changed"
    )


def test_what_came_before_since_stays_as_it_was_decided(config: Path, bouncegate: Command) -> None:
    bounces(config, event("ann@example.com", 30), event("bob@example.com", 3))
    toml = other(config, "[policy.hard]\nfailures = 2\n")
    assert [c["address"] for c in simulated(bouncegate, "--config", toml)[0]] == [
        "ann@example.com",
        "bob@example.com",
    ]
    changes, _ = simulated(bouncegate, "--config", toml, "--since", "10 days")
    assert [change["address"] for change in changes] == ["bob@example.com"]


def test_other_rules_are_tried_on_the_messages_that_are_kept(
    config: Path, bouncegate: Command
) -> None:
    known = replace(event("eve@example.net", 3), action="failed", diagnostic="550 no")
    bounces(config, known, raw=NOTICE)
    rules = config.parent / "rules.d"
    rules.mkdir()
    (rules / "own.toml").write_text(
        '[[rule]]\nid = "own.stocktaking"\nreason = "system-error"\nsource = "their postmaster"\n'
        "text = 'stocktaking'\nexamples = [\"450 stocktaking\"]\n"
    )
    changes, totals = simulated(
        bouncegate, "--config", other(config, f'[rules]\nfolder = "{rules}"\n')
    )
    assert totals["rejudged"] == 1
    assert [(c["address"], c["what"]) for c in changes] == [("eve@example.net", "freed")]


def test_a_config_that_is_wrong_is_told_and_nothing_is_replayed(
    config: Path, bouncegate: Command
) -> None:
    bounces(config, event("ann@example.com", 3))
    done = bouncegate("simulate", "--config", other(config, "[policy.hard]\nfailures = 0\n"))
    assert done.code == 78
    assert "policy.hard.failures" in done.err


def test_simulate_tells_who_would_wait_for_a_second_bounce_from_another_day(
    config: Path, bouncegate: Command
) -> None:
    unclear = [
        replace(one, kind=Kind.HARD, rule="none")
        for one in (
            event("ann@example.com", 3, Reason.UNDEFINED),
            event("bob@example.com", 5, Reason.UNDEFINED),
            event("bob@example.com", 2, Reason.UNDEFINED),
        )
    ]
    bounces(config, *unclear)
    _, totals = simulated(bouncegate)
    assert (totals["locks_before"], totals["locks_after"], totals["needs_another_day"]) == (1, 1, 1)
    assert "1 address would not be locked yet" in bouncegate("simulate").out
    at_once = other(config, "[policy.hard]\ndays = 1\n")
    changes, totals = simulated(bouncegate, "--config", at_once)
    assert [(change["address"], change["what"]) for change in changes][:1] == [
        ("ann@example.com", "locked")
    ]
    assert totals["needs_another_day"] == 0
