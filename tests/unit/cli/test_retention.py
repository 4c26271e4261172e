"""What is kept for how long: the maintenance lets the old go, and `explain` can still say why."""

import json
import time
from contextlib import closing
from pathlib import Path

from bouncegate.config.loading import loads
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.records import Audit
from bouncegate.store.audit import new_key

from .conftest import Command, store_of
from .test_operator import bounce

DAY = 86_400
NOW = int(time.time())


def let_go(config: Path, bouncegate: Command, retention: str = "") -> str:
    own = "[dns]\nenabled = false\n[log]\nlevel = 'info'\n"
    config.write_text(config.read_text() + f"{own}[retention]\n{retention}\n")
    done = bouncegate("maintain", "--once")
    assert done.code == 0, done.err
    return done.err


def test_old_bounces_go_by_the_maintenance_and_explain_says_what_they_came_to(
    config: Path, bouncegate: Command
) -> None:
    bounce(config, "ann@example.com", Reason.MAILBOX_FULL, times=2, first=NOW - 800 * DAY)
    bounce(config, "bob@example.com", Reason.MAILBOX_FULL, first=NOW - 600 * DAY)
    before = json.loads(bouncegate("show", "--json", "ann@example.com").out)
    assert "entries=2 addresses=0" in let_go(config, bouncegate)
    after = json.loads(bouncegate("show", "--json", "ann@example.com").out)
    was, is_now = before.pop("last_bounce"), after.pop("last_bounce")
    assert after == before
    assert is_now["time"] == was["time"], "the time of the last bounce stays"
    assert is_now["reason"] is None, "its reason went with it"
    (step,) = json.loads(bouncegate("explain", "--json", "ann@example.com").out)["steps"]
    assert (step["what"], step["effect"], step["soft_in_row"]) == ("summary", "summarized", 2)
    assert "2 entries since" in bouncegate("explain", "ann@example.com").out
    (kept,) = json.loads(bouncegate("explain", "--json", "bob@example.com").out)["steps"]
    assert kept["what"] == "bounce"


def test_a_lock_in_force_is_explained_however_old_its_bounce_is(
    config: Path, bouncegate: Command
) -> None:
    with config.open("a") as file:
        file.write('[policy.hard]\nlock = "5 years"\n')
    bounce(config, "ann@example.com", first=NOW - 1000 * DAY)
    bounce(config, "last@example.com", Reason.MAILBOX_FULL)
    let_go(config, bouncegate)
    assert "Entry 1 locked it" in bouncegate("explain", "ann@example.com").out


def test_what_operators_did_and_what_nobody_heard_of_again_is_forgotten(
    config: Path, bouncegate: Command
) -> None:
    bounce(config, "ann@example.com", Reason.MAILBOX_FULL, first=NOW - 2500 * DAY)
    bounce(config, "last@example.com", Reason.MAILBOX_FULL)
    with closing(store_of(config)) as store, store._writing() as transaction:
        for age in (1500, 1):
            when = NOW - age * DAY
            store.audits.put(transaction, Audit(new_key(when), when, f"lock {age}", "ann"))
    assert "entries=1 addresses=1 purged=0 counts=0 audits=1" in let_go(config, bouncegate)
    assert json.loads(bouncegate("show", "--json", "ann@example.com").out)["state"] == "unknown"
    assert json.loads(bouncegate("audit", "--json").out)["command"] == "lock 1"


def test_a_hundred_years_keep_everything(config: Path, bouncegate: Command) -> None:
    bounce(config, "ann@example.com", Reason.MAILBOX_FULL, times=2, first=NOW - 5000 * DAY)
    keys = ("events", "addresses", "audit", "statistics")
    told = let_go(config, bouncegate, "\n".join(f'{key} = "100 years"' for key in keys))
    assert "let go" not in told
    assert len(json.loads(bouncegate("explain", "--json", "ann@example.com").out)["steps"]) == 2


def test_events_are_kept_for_as_long_as_anything_counts_them() -> None:
    text = '[retention]\nevents = "1 day"\n'
    assert loads(text).keeps_events_for == 30 * DAY
    text += '[domain_locks]\nwindow = "60 days"\n'
    assert loads(text).keeps_events_for == 60 * DAY
