"""Each line of the product's *Reporting*, as an operator relies on it."""

import csv
import io
import json
import mailbox
from contextlib import closing
from pathlib import Path

from bouncegate.config.taxonomy import Reason

from .conftest import Command
from .reported import event, record, record_message, send


def rows(bouncegate: Command, *arguments: str) -> list[dict[str, object]]:
    done = bouncegate("report", *arguments, "--json")
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def sheet(bouncegate: Command, *arguments: str) -> list[dict[str, str]]:
    done = bouncegate("report", *arguments, "--csv")
    assert done.code == 0, done.err
    return list(csv.DictReader(io.StringIO(done.out, newline="")))


def spring_and_autumn(config: Path) -> None:
    """Ann bounced twice in spring; Bob's mailbox was full; Eve bounced in autumn alone."""
    record(
        config,
        event("ann@b.example", ago=3000),
        event("ann@b.example", ago=2000),
        event("bob@gmail.com", Reason.MAILBOX_FULL, ago=1000),
        event("eve@b.example", mailing="autumn", group="members"),
    )


def test_per_mailing_which_addresses_bounced(config: Path, bouncegate: Command) -> None:
    spring_and_autumn(config)
    found = rows(bouncegate, "mailing", "spring", "--addresses")
    assert [row["address"] for row in found] == ["ann@b.example"] * 2 + ["bob@gmail.com"]
    assert found[2]["reason"] == "mailbox-full"
    assert found[2]["diagnostic"] == "550 5.1.1 gone"
    hard = rows(bouncegate, "mailing", "spring", "--addresses", "--kind", "soft")
    assert [row["address"] for row in hard] == ["bob@gmail.com"]
    assert "bob@gmail.com" in bouncegate("report", "mailing", "spring", "--addresses").out


def test_per_mailing_counts_by_kind(config: Path, bouncegate: Command) -> None:
    spring_and_autumn(config)
    spring, autumn = rows(bouncegate, "mailing")
    assert (spring["mailing"], spring["bounces"]) == ("spring", 3)
    assert (spring["hard"], spring["soft"]) == (2, 1)
    counted = {label: n for label, n in dict(spring["categories"]).items() if n}  # type: ignore[call-overload]
    assert counted == {"hard/address": 2, "soft/mailbox": 1}
    assert (autumn["mailing"], autumn["bounces"]) == ("autumn", 1)
    (alone,) = rows(bouncegate, "mailing", "spring")
    assert (alone["hard"], alone["soft"]) == (2, 1)


def test_per_mailing_csv(config: Path, bouncegate: Command) -> None:
    spring_and_autumn(config)
    counts = sheet(bouncegate, "mailing")
    assert [(row["mailing"], row["hard"], row["soft/mailbox"]) for row in counts] == [
        ("spring", "2", "1"),
        ("autumn", "1", "0"),
    ]
    addresses = sheet(bouncegate, "mailing", "spring", "--addresses")
    assert [row["address"] for row in addresses] == ["ann@b.example"] * 2 + ["bob@gmail.com"]


def test_per_mailing_the_bounce_messages_themselves_for_export(
    config: Path, bouncegate: Command, tmp_path: Path
) -> None:
    one = b"Subject: one\r\n\r\nFrom here on it failed\r\n"
    record_message(config, one, event("ann@b.example"), event("bob@b.example"))
    record(config, event("eve@b.example", mailing="autumn"), raw=b"Subject: other\n\nx\n")
    box = tmp_path / "spring.mbox"
    done = bouncegate("report", "mailing", "spring", "--messages", "mbox", "-o", str(box))
    assert done.code == 0, done.err
    with closing(mailbox.mbox(box)) as read:
        assert [message["subject"] for message in read] == ["one"]
    folder = tmp_path / "spring"
    bouncegate("report", "mailing", "spring", "--messages", "eml-folder", "-o", str(folder))
    (file,) = folder.iterdir()
    assert file.read_bytes() == one


def test_per_group_across_mailings_the_bounced_addresses_filtered_csv(
    config: Path, bouncegate: Command
) -> None:
    record(
        config,
        event("bob@gmail.com", Reason.MAILBOX_FULL, ago=4000),
        event("ann@b.example", Reason.MAILBOX_FULL, ago=3000),
        event("ann@b.example", ago=2000, mailing="autumn"),
        event("eve@b.example", group="members"),
    )
    found = sheet(bouncegate, "group", "readers", "--addresses")
    assert [(row["address"], row["kind"], row["bounces"]) for row in found] == [
        ("ann@b.example", "hard", "2"),
        ("bob@gmail.com", "soft", "1"),
    ]
    assert found[0]["mailing"] == "autumn", "the last one"
    of_google = sheet(bouncegate, "group", "readers", "--addresses", "--provider", "google")
    assert [row["address"] for row in of_google] == ["bob@gmail.com"]


def test_a_mailing_counts_events_and_a_group_counts_addresses(
    config: Path, bouncegate: Command
) -> None:
    spring_and_autumn(config)
    (mailing,) = rows(bouncegate, "mailing", "spring")
    assert (mailing["bounces"], mailing["hard"], mailing["soft"]) == (3, 2, 1)
    (group,) = rows(bouncegate, "group", "readers")
    assert (group["addresses"], group["hard"], group["soft"]) == (2, 1, 1)
    assert group["bounces"] == 3


def test_the_bounce_rate_of_a_sender_and_its_hard_share_seen_early_with_advice(
    config: Path, bouncegate: Command
) -> None:
    readers = [f"reader{n}@b.example" for n in range(600)]
    send(config, *readers)
    record(config, *(event(r, Reason.MAILBOX_FULL, sent_ago=120) for r in readers[:12]))
    assert bouncegate("report", "health").code == 0, "2 % bounced, none of them hard"
    record(config, *(event(r, Reason.NO_MX, sent_ago=120) for r in readers[12:30]))
    (sender,) = rows(bouncegate, "sender", "--since", "1 day")
    assert (sender["sends"], sender["sends_bounced"]) == (600, 30)
    assert (sender["rate"], sender["hard_share"]) == (0.05, 0.03)
    (warning,) = sender["warnings"]  # type: ignore[misc]
    assert (warning["what"], warning["limit"]) == ("hard-share", 0.02)  # type: ignore[has-type]
    done = bouncegate("report", "health")
    assert done.code == 1, "the same day, not when a receiver has made up its mind"
    assert "bouncegate check" in done.out
    (day,) = rows(bouncegate, "rate", "example.org")
    assert (day["rate"], day["hard_share"]) == (0.05, 0.03)
