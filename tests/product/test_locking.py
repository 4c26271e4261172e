"""Locking, sentence by sentence: how many failures lock, for how long, and what the lists show."""

import json
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.product.conftest import Bounce
from tests.product.views import FULL, UNKNOWN, listed, rows, shown
from tests.unit.cli.conftest import Command, store_of
from tests.unit.cli.reported import DAY, NOW, event, record, send
from tests.unit.cli.test_operator import bounce

from bouncegate.config.durations import Duration
from bouncegate.config.taxonomy import Reason

ANN = "ann@kernel.org"


def days(view: dict[str, str]) -> int:
    """How long a lock is from its begin to its end."""
    since, until = (datetime.fromisoformat(view[name]) for name in ("since", "until"))
    return (until - since).days


def test_hard_bounce_locks_at_the_1st_delivery_attempt_for_1_year(
    bounced: Bounce, bouncegate: Command
) -> None:
    bounced(UNKNOWN, ANN)
    seen = shown(bouncegate, ANN)
    assert (seen["locked"], seen["kind"], seen["hard"]) == (True, "hard", 1)
    assert days(seen) in (365, 366)


def test_soft_bounce_locks_at_the_3rd_for_1_month(bounced: Bounce, bouncegate: Command) -> None:
    for _ in range(2):
        bounced(FULL, ANN)
    assert shown(bouncegate, ANN)["locked"] is False
    bounced(FULL, ANN)
    seen = shown(bouncegate, ANN)
    assert (seen["locked"], seen["kind"]) == (True, "soft")
    assert days(seen) in range(28, 32)


@pytest.mark.parametrize(
    ("reason", "times", "length"),
    [(Reason.USER_UNKNOWN, 1, Duration(months=12)), (Reason.MAILBOX_FULL, 3, Duration(months=1))],
)
def test_when_the_time_is_up_the_address_is_free_again_by_itself(
    config: Path, bouncegate: Command, reason: Reason, times: int, length: Duration
) -> None:
    first = NOW - (length.after(NOW) - NOW) - 5 * DAY
    bounce(config, "free@kernel.org", reason, times, first=first)
    bounce(config, "locked@kernel.org", reason, times, first=first + 8 * DAY)
    assert listed(bouncegate) == ["locked@kernel.org"]
    assert shown(bouncegate, "free@kernel.org")["locked"] is False


def test_overview_shows_type_reason_and_the_day_it_is_freed(
    bounced: Bounce, bouncegate: Command
) -> None:
    bounced(UNKNOWN, ANN)
    day = shown(bouncegate, ANN)["until"].partition("T")[0]
    (line,) = [line for line in bouncegate("list").out.splitlines() if ANN in line]
    assert {"hard", "user-unknown"} <= set(line.split())
    assert day in line


REPLIES = {"hard": UNKNOWN, "soft": FULL}
USUAL = {"hard": 1, "soft": 3}


@pytest.mark.parametrize(
    ("kind", "failures"), [("hard", 1), ("hard", 2), ("soft", 3), ("soft", 4), ("soft", 5)]
)
def test_how_many_failures_lock_depends_on_kind_and_provider(
    config: Path, bounced: Bounce, bouncegate: Command, kind: str, failures: int
) -> None:
    with config.open("a") as file:
        file.write(
            f'[[policy.row]]\nkind = "{kind}"\nprovider = "gmx"\nfailures = {failures}\n'
            'lock = "1 month"\n'
        )
    locked_after: dict[str, int] = {}
    for count in range(1, max(failures, USUAL[kind]) + 1):
        bounced(REPLIES[kind], "ann@gmx.de", ANN)
        for address in listed(bouncegate):
            locked_after.setdefault(address, count)
    assert locked_after == {"ann@gmx.de": failures, ANN: USUAL[kind]}


def test_soft_bounces_count_in_a_row_and_a_delivery_in_between_starts_the_count_anew(
    config: Path, bouncegate: Command
) -> None:
    """A report of success is the delivery that a single message can prove by itself."""
    full = [event(ANN, Reason.MAILBOX_FULL, ago=(9 - day) * DAY) for day in range(6)]
    success = replace(event(ANN, Reason.NOT_A_FAILURE, ago=7 * DAY - 60), action="delivered")
    record(config, *full[:2], success, *full[3:5])
    seen = shown(bouncegate, ANN)
    assert (seen["locked"], seen["soft_in_row"]) == (False, 2)
    record(config, full[5])
    assert shown(bouncegate, ANN)["locked"] is True


def test_below_the_threshold_the_next_mailing_simply_tries_again(
    bounced: Bounce, bouncegate: Command
) -> None:
    for _ in range(2):
        bounced(FULL, ANN)
        assert bouncegate("check", ANN).code == 0, "it can be mailed"
    bounced(FULL, ANN)
    assert bouncegate("check", ANN).code == 1


def test_locked_addresses_are_kept_so_that_a_new_import_cannot_mail_them_again_by_accident(
    bounced: Bounce, bouncegate: Command, tmp_path: Path
) -> None:
    bounced(UNKNOWN, ANN)
    sheet = tmp_path / "subscribers.csv"
    sheet.write_text(f"address\n{ANN.title()}\nbob@kernel.org\n")
    done = bouncegate("import", "--addresses", str(sheet))
    assert done.code == 1
    assert ANN in done.out.lower()
    assert shown(bouncegate, ANN)["locked"] is True
    assert bouncegate("import", "--locks", str(sheet), "--yes").code in (0, 77)
    assert shown(bouncegate, ANN)["kind"] == "hard", "nor does a list of locks weaken it"


def test_index_is_global_and_predicted_detected_and_locked_are_three_lists(
    config: Path, bouncegate: Command
) -> None:
    """A sender is a group here: what bounced for the shop is predicted for the news."""
    recent = NOW - 2 * DAY
    bounce(config, "full@kernel.org", Reason.MAILBOX_FULL, first=recent, group="shop.example.com")
    bounce(config, "gone@kernel.org", first=recent, group="shop.example.com")

    def lists(group: str) -> list[list[str]]:
        states = ("predicted", "detected", "locked")
        return [listed(bouncegate, "--state", one, "--group", group) for one in states]

    assert lists("shop.example.com")[:2] == [[], ["full@kernel.org"]]
    assert "full@kernel.org" in lists("news.example.com")[0]
    assert listed(bouncegate) == ["gone@kernel.org"]
    assert listed(bouncegate, "--for-group", "news.example.com") == ["gone@kernel.org"]


def test_lock_says_whether_it_was_automatic_or_made_by_hand(
    bounced: Bounce, bouncegate: Command
) -> None:
    bounced(UNKNOWN, ANN)
    bouncegate("lock", "bob@kernel.org")
    origins = {row["address"]: row["origin"] for row in rows(bouncegate, "list")}
    assert origins == {ANN: "automatic", "bob@kernel.org": "manual"}
    assert listed(bouncegate, "--origin", "manual") == ["bob@kernel.org"]


@pytest.mark.parametrize("address", ["ann@@example.com", "ann@localhost", "ann@-kernel.org"])
def test_addresses_with_bad_syntax_are_found_before_they_are_mailed(
    bounced: Bounce, bouncegate: Command, tmp_path: Path, address: str
) -> None:
    bounced(UNKNOWN, "gone@kernel.org")
    file = tmp_path / "list.txt"
    file.write_text(f"{address}\n")
    done = bouncegate("check", "--json", "--file", str(file))
    assert (done.code, json.loads(done.out)["verdict"]) == (1, "invalid")


def test_addresses_that_can_never_be_delivered_are_listed_apart_from_bounces(
    config: Path, bounced: Bounce, bouncegate: Command
) -> None:
    """What was mailed before anybody asked is read from the ledger, which knows every send."""
    bounced(UNKNOWN, "gone@kernel.org")
    send(config, "ann@localhost", "bob@kernel.org")
    with config.open("a") as file:
        file.write("[ledger]\nenabled = true\n[dns]\nenabled = false\n")
    assert bouncegate("maintain", "--once").code == 0
    assert listed(bouncegate, "--state", "invalid") == ["ann@localhost"]
    assert listed(bouncegate, "--state", "bounced") == ["gone@kernel.org"]


def not_mailed_for_months(config: Path) -> None:
    today = int(time.time()) // DAY
    with closing(store_of(config)) as store:
        store.lastmailed.record({"old@kernel.org": today - 100, ANN: today - 80}, lambda _: "")


def test_addresses_not_mailed_for_three_months_or_more_are_reported(
    config: Path, bouncegate: Command
) -> None:
    not_mailed_for_months(config)
    assert listed(bouncegate, "--state", "stale") == ["old@kernel.org"]
    (found,) = rows(bouncegate, "check", "old@kernel.org")
    assert (found["verdict"], found["mailable"]) == ("stale", True)


def test_addresses_not_mailed_for_three_months_can_be_refused(
    config: Path, bouncegate: Command
) -> None:
    with config.open("a") as file:
        file.write('[lists]\nstale = "refuse"\n[ledger]\nenabled = true\n[dns]\nenabled = false\n')
    send(config, "bob@kernel.org")
    not_mailed_for_months(config)
    assert bouncegate("maintain", "--once").code == 0
    assert [(row["address"], row["reason"]) for row in rows(bouncegate, "list")] == [
        ("old@kernel.org", "stale")
    ]
