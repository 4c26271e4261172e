"""Reporting, sentence by sentence: what is counted of a mailing, a group and a sender."""

import mailbox
from contextlib import closing
from pathlib import Path

import pytest
from tests.product.views import rows, sheet
from tests.unit.cli.conftest import Command
from tests.unit.cli.reported import event, record, record_message, send

from bouncegate.config.taxonomy import Reason

ANN, BOB = "ann@kernel.org", "bob@kernel.org"


@pytest.fixture(autouse=True)
def two_mailings(config: Path) -> None:
    """To one group: Ann bounced in both, Bob's mailbox was full in spring, Eve got both."""
    for mailing in ("spring", "summer"):
        send(config, ANN, BOB, "eve@kernel.org", mailing=mailing)
    record(config, event(ANN), event(ANN, mailing="summer"))
    record_message(config, b"Subject: full\n\nx\n", event(BOB, Reason.MAILBOX_FULL))


def test_per_mailing_which_addresses_bounced(bouncegate: Command) -> None:
    found = rows(bouncegate, "report", "mailing", "spring", "--addresses")
    assert sorted(row["address"] for row in found) == [ANN, BOB]
    found = rows(bouncegate, "report", "mailing", "summer", "--addresses")
    assert [row["address"] for row in found] == [ANN]


def test_per_mailing_counts_by_kind(bouncegate: Command) -> None:
    found = {row["mailing"]: row for row in rows(bouncegate, "report", "mailing")}
    assert [(found[m]["hard"], found[m]["soft"]) for m in ("spring", "summer")] == [(1, 1), (1, 0)]


def test_per_mailing_csv(bouncegate: Command) -> None:
    found = {row["mailing"]: row for row in sheet(bouncegate, "report", "mailing")}
    counts = {mailing: (row["hard"], row["soft"]) for mailing, row in found.items()}
    assert counts == {"spring": ("1", "1"), "summer": ("1", "0")}
    who = sheet(bouncegate, "report", "mailing", "spring", "--addresses")
    assert sorted(row["address"] for row in who) == [ANN, BOB]


def test_per_mailing_the_bounce_messages_themselves_for_export(
    bouncegate: Command, tmp_path: Path
) -> None:
    box = tmp_path / "spring.mbox"
    done = bouncegate("report", "mailing", "spring", "--messages", "mbox", "-o", str(box))
    assert done.code == 0, done.err
    with closing(mailbox.mbox(box)) as read:
        assert [message["subject"] for message in read] == ["full"]


def test_per_group_across_mailings_the_bounced_addresses_filtered_csv(bouncegate: Command) -> None:
    everybody = sheet(bouncegate, "report", "group", "readers", "--addresses")
    assert sorted(row["address"] for row in everybody) == [ANN, BOB]
    soft = sheet(bouncegate, "report", "group", "readers", "--addresses", "--kind", "soft")
    assert [row["address"] for row in soft] == [BOB]


def test_two_counts_differ_one_counts_a_mailings_events_the_other_a_groups_addresses(
    bouncegate: Command,
) -> None:
    events = sum(row["bounces"] for row in rows(bouncegate, "report", "mailing"))
    (group,) = rows(bouncegate, "report", "group")
    assert (events, group["hard"] + group["soft"]) == (3, 2)


def test_bounce_rate_of_a_sender_and_its_hard_share_are_seen_early_with_advice(
    config: Path, bouncegate: Command
) -> None:
    readers = [f"reader{n}@kernel.org" for n in range(1000)]
    send(config, *readers, sender="shop@example.net")
    record(config, *(event(r, sender="shop@example.net", sent_ago=120) for r in readers[:60]))
    found = {row["sender"]: row for row in rows(bouncegate, "report", "sender", "--since", "1 day")}
    shop = found["example.net"]
    assert (shop["rate"], shop["hard_share"]) == (0.06, 0.06)
    assert shop["warnings"]
    assert all(warning["advice"] for warning in shop["warnings"])


def test_start_page_has_the_numbers_of_all_this_at_a_glance(bouncegate: Command) -> None:
    """`summary` shows these numbers."""
    (found,) = rows(bouncegate, "summary", "--now")
    assert (found["bounced"], found["detected"], found["locked"]["hard"]) == (2, 1, 1)
    text = bouncegate("summary").out
    assert all(word in text for word in ("bounced", "locked", "detected"))
