"""After an outage: what an operator sees, decides and undoes, and what monitoring is told."""

import json
import os
import time
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.events import event_of

from bouncegate.config.reasons import REASONS
from bouncegate.config.settings import GuardSettings, PolicySettings, Trust
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.fold import Policy
from bouncegate.policy.guard import Guard
from bouncegate.policy.providers import Providers
from bouncegate.policy.records import Event, Ruling
from bouncegate.store.store import Bounce

from .conftest import Command, store_of

NOW = int(time.time())
PROVIDERS = Providers.of()
SIGNED: tuple[Trust, ...] = ("signed",)
POLICY = Policy(PolicySettings(), SIGNED, guard=Guard(GuardSettings(addresses=5)))


def event(address: str, reason: Reason = Reason.USER_UNKNOWN, ago: int = 60) -> Event:
    return event_of(
        address,
        NOW - ago,
        reason,
        rule="the-rule",
        identity=os.urandom(16),
        sender="news@example.org",
        diagnostic="550 5.1.1 gone",
        provider=PROVIDERS.provider_of(address),
    )


def record(config: Path, *events: Event) -> None:
    with closing(store_of(config)) as store:
        store.record([Bounce([event], b"") for event in events], POLICY)


def break_google(config: Path, addresses: int = 30) -> int:
    """Let the guard trip; tells the number of the incident."""
    record(config, *(event(f"u{n}@gmail.com") for n in range(addresses)))
    with closing(store_of(config)) as store:
        return store.incidents.all()[-1].number


def locked(bouncegate: Command) -> list[str]:
    return [json.loads(line)["address"] for line in bouncegate("list", "--json").out.splitlines()]


def test_an_incident_is_listed_and_shown_with_what_it_holds(
    config: Path, bouncegate: Command
) -> None:
    assert bouncegate("incident", "list", "--json").out == ""
    number = break_google(config)
    listed = json.loads(bouncegate("incident", "list", "--json").out)
    assert listed["id"] == number
    assert (listed["state"], listed["provider"]) == ("open", "google")
    assert (listed["reason"], listed["addresses"], listed["held"]) == ("user-unknown", 6, 30)
    assert "google" in bouncegate("incident", "list").out
    shown = json.loads(bouncegate("incident", "show", str(number), "--json").out)
    assert len(shown["events"]) == 30
    assert shown["events"][0]["address"] == "u0@gmail.com"
    table = bouncegate("incident", "show", str(number)).out
    assert "550 5.1.1 gone" in table
    assert "and 10 more" in table
    assert locked(bouncegate) == []


def test_confirming_locks_and_dismissing_does_not(config: Path, bouncegate: Command) -> None:
    number = str(break_google(config))
    refused = bouncegate("incident", "confirm", number)
    assert refused.code == os.EX_USAGE
    assert "stays open" in refused.err
    assert bouncegate("incident", "confirm", number, "--yes", "--why", "an old list").code == 0
    assert len(locked(bouncegate)) == 30
    settled = json.loads(bouncegate("incident", "show", number, "--json").out)
    assert (settled["state"], settled["why"], settled["held"]) == ("confirmed", "an old list", 0)
    assert bouncegate("incident", "confirm", number, "--yes").code == 0, "done is done"
    too_late = bouncegate("incident", "dismiss", number, "--yes")
    assert too_late.code == os.EX_DATAERR
    assert "confirmed already" in too_late.err


def test_dismissing_leaves_nobody_locked(config: Path, bouncegate: Command) -> None:
    number = str(break_google(config))
    assert bouncegate("incident", "dismiss", number, "--yes").code == 0
    assert locked(bouncegate) == []
    view = json.loads(bouncegate("show", "--json", "u1@gmail.com").out)
    assert view["state"] == "bounced", "the bounce is on record, but counts for nothing"
    assert (view["hard"], view["soft"]) == (0, 0)


def test_an_incident_that_there_is_not_is_an_error(config: Path, bouncegate: Command) -> None:
    break_google(config)
    for verb in ("show", "confirm", "dismiss"):
        done = bouncegate("incident", verb, "99999")
        assert done.code == os.EX_DATAERR
        assert "incident list" in done.err


def test_health_is_fine_where_nothing_came_and_nothing_is_wrong(
    config: Path, bouncegate: Command
) -> None:
    assert bouncegate("report", "health").code == 0
    record(config, event("ann@example.com"))
    done = bouncegate("report", "health", "--json")
    assert done.code == 0
    health = json.loads(done.out)
    assert (health["status"], health["incidents"], health["senders"]) == ("fine", [], [])


def test_health_is_critical_as_long_as_an_incident_is_open(
    config: Path, bouncegate: Command
) -> None:
    number = break_google(config)
    done = bouncegate("report", "health")
    assert done.code == 2
    assert f"bouncegate incident show {number}" in done.out
    assert json.loads(bouncegate("report", "health", "--json").out)["incidents"][0]["id"] == number
    bouncegate("incident", "dismiss", str(number), "--yes")
    assert bouncegate("report", "health").code == 0


def test_health_warns_of_a_sender_that_is_blamed_and_says_what_to_mend(
    config: Path, bouncegate: Command
) -> None:
    blamed = [event(f"u{n}@example.com", Reason.SENDER_INVALID) for n in range(21)]
    record(config, *blamed[:20])
    assert bouncegate("report", "health").code == 0
    record(config, *blamed[20:])
    done = bouncegate("report", "health", "--json")
    assert done.code == 1
    (sender,) = json.loads(done.out)["senders"]
    assert (sender["sender"], sender["bounces"]) == ("example.org", 21)
    assert sender["advice"] == REASONS[Reason.SENDER_INVALID].advice
    assert "Check the DNS records" in bouncegate("report", "health").out
    with config.open("a") as file:
        file.write("[alarm]\nsender_blame = 50\n")
    assert bouncegate("report", "health").code == 0


def test_health_warns_of_many_dsns_that_prove_nothing(config: Path, bouncegate: Command) -> None:
    forged = [replace(event(f"u{n}@example.com"), trust="unverified") for n in range(101)]
    record(config, *forged[:100])
    assert bouncegate("report", "health").code == 0
    record(config, *forged[100:])
    done = bouncegate("report", "health", "--json")
    assert done.code == 1
    health = json.loads(done.out)
    assert (health["status"], health["unverified"]) == ("warning", 101)
    assert (health["unverified_limit"], locked(bouncegate)) == (100, [])


def test_undo_tells_asks_and_does(config: Path, bouncegate: Command) -> None:
    record(config, event("ann@gmail.com"), event("bob@example.com"), event("eve@example.com"))
    dry = bouncegate("undo", "--domain", "Example.COM", "--dry-run")
    assert "2 bounces of 2 addresses, 2 of them locked: 2 locks lifted" in dry.out
    assert len(locked(bouncegate)) == 3
    asked = bouncegate("undo", "--domain", "example.com")
    assert asked.code == os.EX_USAGE
    assert "nothing was undone" in asked.err
    done = bouncegate("undo", "--domain", "example.com", "--yes", "--json", "--why", "their fault")
    told = json.loads(done.out)
    assert told == {"events": 2, "addresses": 2, "locks": 2, "lifted": 2, "done": True}
    assert locked(bouncegate) == ["ann@gmail.com"]
    with closing(store_of(config)) as store:
        (*_, (_, ruling)) = store.journal.entries()
    assert isinstance(ruling, Ruling)
    assert ruling.why == "their fault"
    assert "void already" in bouncegate("undo", "--domain", "example.com", "--yes").out


@pytest.mark.parametrize(
    ("options", "left"),
    [
        (["--provider", "google"], ["bob@example.com", "old@example.com"]),
        (["--provider", "Gmail.com"], ["bob@example.com", "old@example.com"]),
        (["--reason", "mailbox-disabled"], ["ann@gmail.com", "old@example.com"]),
        (["--rule", "the-rule", "--since", "1 hour"], ["old@example.com"]),
        (["--until", "1 day"], ["ann@gmail.com", "bob@example.com"]),
        (["--provider", "google", "--reason", "no-mx"], None),
        (["--since", "2099-01-01"], None),
    ],
)
def test_all_options_of_undo_hold_together(
    config: Path, bouncegate: Command, options: list[str], left: list[str] | None
) -> None:
    everybody = ["ann@gmail.com", "bob@example.com", "old@example.com"]
    record(
        config,
        event("ann@gmail.com"),
        event("bob@example.com", Reason.MAILBOX_DISABLED),
        event("old@example.com", ago=3 * 86_400),
    )
    assert bouncegate("undo", *options, "--yes").code == 0
    assert locked(bouncegate) == (everybody if left is None else left)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "name at least one filter"),
        (["--since", "yesterday"], "invalid duration"),
        (["--since", "1 month"], "write days"),
        (["--reason", "bad-luck"], "user-unknown"),
    ],
)
def test_undo_refuses_what_names_nothing(
    config: Path, bouncegate: Command, options: list[str], says: str
) -> None:
    record(config, event("ann@gmail.com"))
    done = bouncegate("undo", *options, "--yes")
    assert done.code == 2
    assert says in done.err
    assert locked(bouncegate) == ["ann@gmail.com"]
