"""`summary`: the numbers of all lists at a glance, and how old they are."""

import json
import time
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from bouncegate.admin.lists.census import Stopped
from bouncegate.admin.views.summary import keep_summary
from bouncegate.cli.invocation import Invocation
from bouncegate.config.taxonomy import Reason

from .conftest import Command, store_of
from .reported import event, record, send
from .test_operator import bounce

WEEK = 7 * 86_400


@pytest.fixture(autouse=True)
def known(config: Path, bouncegate: Command, tmp_path: Path) -> None:
    first = int(time.time()) - 3 * 86_400
    bounce(config, "hard@orchard.example", first=first)
    bounce(config, "full@orchard.example", Reason.MAILBOX_FULL, times=3, first=first)
    bounce(config, "once@orchard.example", Reason.MAILBOX_FULL, first=first)
    bounce(config, "spam@orchard.example", Reason.SPAM_BLOCK, first=first)
    file = tmp_path / "locks.csv"
    file.write_text("address,until\nold@orchard.example,2099-01-01\n")
    assert not bouncegate("import", "--locks", str(file), "--yes").code
    assert not bouncegate("lock", "ann@orchard.example", "--until", "2 days").code
    assert not bouncegate("lock", "bob@orchard.example", "--group", "news.example.com").code
    assert not bouncegate("lock", "@dead.example").code


def counted_now(bouncegate: Command) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bouncegate("summary", "--now", "--json").out)
    return found


def test_summary_counts_each_list(bouncegate: Command) -> None:
    found = counted_now(bouncegate)
    numbers = ("bounced", "detected", "one_group", "domains", "predicted", "open_incidents")
    assert {name: found[name] for name in numbers} == {
        "bounced": 4,
        "detected": 1,
        "one_group": 1,
        "domains": 1,
        "predicted": 1,
        "open_incidents": 0,
    }
    assert found["locked"] == {
        "total": 5,
        "hard": 1,
        "soft": 1,
        "complaint": 0,
        "by_hand": 2,
        "imported": 1,
        "by_list": 0,
    }
    assert (found["ending"]["total"], found["ending"]["by_hand"]) == (1, 1)
    assert found["age"] == 0


def test_summary_has_the_shares_of_a_week_and_a_month_beside_their_limits(
    bouncegate: Command,
) -> None:
    found = counted_now(bouncegate)
    assert [rate["days"] for rate in found["rates"]] == [7, 30]
    assert all(rate["sends"] is None for rate in found["rates"]), "there is no ledger"
    assert all(rate["bounce_rate_limit"] == 0.05 for rate in found["rates"])
    assert "unknown" in bouncegate("summary", "--now").out


def test_summary_that_was_kept_says_how_old_it_is(bouncegate: Command, config: Path) -> None:
    uncounted = json.loads(bouncegate("summary", "--json").out)
    assert (uncounted["bounced"], uncounted["age"] < 60) == (4, True), "nothing is kept: it counts"
    before = int(time.time()) - 7300
    with closing(store_of(config)) as store, closing(Invocation(config)) as invocation:
        keep_summary(invocation, store, before, Event())
    bounce(config, "new@orchard.example")
    found = json.loads(bouncegate("summary", "--json").out)
    assert (found["bounced"], found["age"] >= 7300) == (4, True), "it does not count again"
    assert "2 hours ago" in bouncegate("summary").out


def test_count_that_is_to_stop_keeps_the_last_one(
    bouncegate: Command, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bouncegate.admin.lists.census._SLICE", 1)
    stop = Event()
    stop.set()
    with closing(store_of(config)) as store, closing(Invocation(config)) as invocation:
        with pytest.raises(Stopped):
            keep_summary(invocation, store, int(time.time()), stop)
        assert store.summary.get() is None


def test_shares_are_of_the_mail_that_the_ledger_knows(bouncegate: Command, config: Path) -> None:
    readers = [f"reader{n}@b.example" for n in range(600)]
    send(config, *readers)
    send(config, *readers[:400], ago=20 * 86_400)
    record(config, *(event(r, Reason.MAILBOX_FULL, sent_ago=120) for r in readers[:12]))
    record(config, *(event(r, Reason.NO_MX, sent_ago=120) for r in readers[12:30]))
    week, month = counted_now(bouncegate)["rates"]
    assert (week["sends"], week["bounce_rate"], week["hard_share"]) == (600, 0.05, 0.03)
    assert (month["sends"], month["bounce_rate"], month["hard_share"]) == (1000, 0.03, 0.018)
    lines = bouncegate("summary", "--now").out.splitlines()
    (hard,) = (line for line in lines if line.startswith("hard share of 7 days"))
    assert "above the limit 2.00%" in hard
