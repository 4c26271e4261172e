"""`report health`: what it warns of, above which limits, and with which exit code."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from bouncegate.admin.views.values import iso
from bouncegate.config.reasons import REASONS
from bouncegate.config.settings import GuardSettings, PolicySettings
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.fold import Policy
from bouncegate.policy.guard import Guard
from bouncegate.store.store import Bounce

from .conftest import Command, store_of
from .reported import DAY, SIGNED, event, record, send


def test_health_of_a_time_that_is_over_is_told_as_it_was(config: Path, bouncegate: Command) -> None:
    readers = [f"reader{n}@b.example" for n in range(500)]
    send(config, *readers, ago=5 * DAY)
    full = Reason.MAILBOX_FULL
    record(config, *(event(r, full, ago=5 * DAY, sent_ago=5 * DAY) for r in readers[:50]))
    send(config, *readers, ago=3600)
    assert bouncegate("report", "health").code == 0
    days = ["--since", "6 days", "--until", "4 days"]
    done = bouncegate("report", "health", "--json", *days)
    assert done.code == 1
    (sender,) = json.loads(done.out)["rates"]["senders"]
    assert (sender["sends"], sender["bounce_rate"]) == (500, 0.1)


@pytest.mark.parametrize(
    ("reason", "limit", "advice"),
    [
        (Reason.MAILBOX_FULL, "bounce_rate = 0.10", "report mailing, report reason"),
        (Reason.USER_UNKNOWN, "hard_share = 0.10\nbounce_rate = 1.0", "bouncegate check"),
        (Reason.COMPLAINT, "complaint_rate = 0.10", "RFC 8058"),
        (
            Reason.SENDER_INVALID,
            "sender_blame = 10\nbounce_rate = 1.0\nhard_share = 1.0",
            REASONS[Reason.SENDER_INVALID].advice,
        ),
    ],
)
def test_health_warns_above_each_limit_and_not_at_it(
    config: Path, bouncegate: Command, reason: Reason, limit: str, advice: str
) -> None:
    with config.open("a") as file:
        file.write(f"[alarm]\nrates_from = 100\n{limit}\n")
    readers = [f"reader{n}@b.example" for n in range(100)]
    send(config, *readers)
    record(config, *(event(r, reason, sent_ago=120) for r in readers[:10]))
    done = bouncegate("report", "health")
    assert done.code == 0, done.out
    record(config, event(readers[10], reason, sent_ago=120))
    done = bouncegate("report", "health")
    assert done.code == 1, done.out
    assert advice in " ".join(done.out.split())
    assert done.out.splitlines()[-1] == "warning"


def test_health_judges_no_share_of_too_few_sends(config: Path, bouncegate: Command) -> None:
    readers = [f"reader{n}@b.example" for n in range(99)]
    send(config, *readers)
    record(config, *(event(r, Reason.MAILBOX_FULL, sent_ago=120) for r in readers))
    with config.open("a") as file:
        file.write("[alarm]\nrates_from = 100\n")
    done = bouncegate("report", "health")
    assert (done.code, "too few sends" in done.out) == (0, True)
    send(config, "one@more.example")
    assert bouncegate("report", "health").code == 1


def test_health_warns_of_too_many_dsns_that_prove_nothing(
    config: Path, bouncegate: Command
) -> None:
    with config.open("a") as file:
        file.write("[alarm]\nunverified = 3\n")
    forged = [event(f"u{n}@b.example", trust="unverified") for n in range(4)]
    record(config, *forged[:3])
    assert bouncegate("report", "health").code == 0
    record(config, forged[3])
    done = bouncegate("report", "health")
    assert done.code == 1
    assert "[return_path] domain" in " ".join(done.out.split())


def test_health_takes_as_many_open_incidents_as_are_normal(
    config: Path, bouncegate: Command
) -> None:
    guard = Policy(PolicySettings(), SIGNED, guard=Guard(GuardSettings(addresses=5)))
    with closing(store_of(config)) as store:
        store.record([Bounce([event(f"u{n}@gmail.com")], b"") for n in range(30)], guard)
    done = bouncegate("report", "health")
    assert done.code == 2
    assert "bouncegate incident show" in " ".join(done.out.split())
    with config.open("a") as file:
        file.write("[alarm]\nincidents = 1\n")
    assert bouncegate("report", "health").code == 0


def test_health_tells_of_messages_set_aside_and_writes_them(
    config: Path, bouncegate: Command, tmp_path: Path
) -> None:
    found = json.loads(bouncegate("report", "health", "--json").out)
    assert found["set_aside"] == {"kept": 0, "since": None}
    aside = event("", ago=3000)
    with closing(store_of(config)) as store:
        store.record(
            [Bounce([aside], b"broken\n", is_set_aside=True)], Policy(PolicySettings(), SIGNED)
        )
    found = json.loads(bouncegate("report", "health", "--json").out)
    assert found["set_aside"] == {"kept": 1, "since": iso(aside.time)}
    shown = bouncegate("report", "health", "--set-aside", str(tmp_path / "broken"))
    assert f"1, the oldest of {iso(aside.time)}" in " ".join(shown.out.split())
    (message,) = (tmp_path / "broken").iterdir()
    assert message.read_bytes() == b"broken\n"
