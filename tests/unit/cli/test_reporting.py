"""Each line of the product's *Reporting*, as an operator relies on it."""

import csv
import fcntl
import io
import json
import mailbox
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bouncegate.admin.views.values import iso
from bouncegate.config.taxonomy import Reason

from .conftest import Command
from .reported import DAY, NOW, event, record, record_message, send

SVG = "{http://www.w3.org/2000/svg}"


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


def test_blocked_is_told_apart_from_hard_in_counts_rates_and_filters(
    config: Path, bouncegate: Command
) -> None:
    readers = [f"reader{n}@b.example" for n in range(100)]
    send(config, *readers)
    record(config, *(event(r, Reason.SPF_FAILED, sent_ago=120) for r in readers[:20]))
    record(config, event(readers[20], sent_ago=120))
    (spring,) = rows(bouncegate, "mailing")
    assert (spring["hard"], spring["soft"], spring["blocked"]) == (1, 0, 20)
    assert (spring["delivered"], spring["rate"]) == (79, 0.21)
    assert (spring["hard_share"], spring["blocked_share"]) == (0.01, 0.2)
    categories = dict(spring["categories"])  # type: ignore[call-overload]
    assert {label for label, n in categories.items() if n} == {"hard/address", "blocked/security"}
    assert "blocked" in bouncegate("report", "mailing").out
    for kind, number in (("hard", 1), ("blocked", 20)):
        found = rows(bouncegate, "mailing", "spring", "--addresses", "--kind", kind)
        assert [row["kind"] for row in found] == [kind] * number
        of_group = rows(bouncegate, "group", "readers", "--addresses", "--kind", kind)
        assert [row["kind"] for row in of_group] == [kind] * number
        (counted,) = rows(bouncegate, "sender", "--kind", kind)
        assert counted["bounces"] == number
        listed = bouncegate("list", "--state", "bounced", "--kind", kind, "--json")
        assert len(listed.out.splitlines()) == number


def test_many_blocked_bounces_raise_no_alarm_about_old_addresses(
    config: Path, bouncegate: Command
) -> None:
    readers = [f"reader{n}@b.example" for n in range(600)]
    send(config, *readers)
    record(config, *(event(r, Reason.SPF_FAILED, sent_ago=120) for r in readers[:60]))
    (sender,) = rows(bouncegate, "sender", "--since", "1 day")
    warnings = [warning["what"] for warning in sender["warnings"]]  # type: ignore[attr-defined]
    assert warnings == ["bounce-rate"], "ten in a hundred bounced, and no address is to blame"


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


def test_a_report_of_mailings_without_names_says_which_lines_are_missing(
    config: Path, bouncegate: Command
) -> None:
    record(config, event("ann@b.example", mailing=""))
    told = bouncegate("report", "mailing").out
    assert "mailing_headers = " in told
    assert "mailing_headers" not in bouncegate("report", "group").out
    record(config, event("bob@b.example", mailing="spring"))
    assert "mailing_headers" not in bouncegate("report", "mailing").out
    assert "mailing_headers" not in bouncegate("report", "mailing", "spring").out


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


def test_what_retention_let_go_of_is_no_part_of_a_report_and_it_says_so(
    config: Path, bouncegate: Command
) -> None:
    with config.open("a") as file:
        file.write('[policy.hard]\nlock = "5 years"\n[dns]\nenabled = false\n')
    record(
        config,
        event("locked@b.example", ago=830 * DAY),
        event("full@b.example", Reason.MAILBOX_FULL, ago=820 * DAY),
        event("new@b.example", Reason.MAILBOX_FULL, ago=40 * DAY),
    )
    for name in ("mailing", "group"):
        (whole,) = rows(bouncegate, name, "--since", "900 days")
        assert whole["bounces"] == 3
    assert bouncegate("maintain", "--once").code == 0
    for name in ("mailing", "group"):
        done = bouncegate("report", name, "--json", "--since", "900 days")
        told = json.loads(done.out)
        assert (told["bounces"], told["hard"]) == (1, 0), (
            "a hard one is left, of one that is locked"
        )
        assert "older bounces are not all kept" in done.err
        assert told["since"] == iso(NOW - 820 * DAY + 1)
    (day,) = rows(bouncegate, "rate")
    assert day["bounces"] == 1
    for options in (["--addresses", "--json"], ["--messages", "mbox", "-o", f"{config}.mbox"]):
        done = bouncegate("report", "mailing", *options)
        assert "older bounces are not all kept" in done.err
        assert "locked@" not in done.out
    recent = bouncegate("report", "mailing", "--since", "50 days", "--json")
    assert (json.loads(recent.out)["bounces"], recent.err) == (1, "")


HOSTILE = "<script>&\"'\x1b[2J\x07\n\u202e]]>" + "x" * 3000
"""Markup, control characters, a change of direction, and far too long."""


def test_a_hostile_name_harms_neither_the_picture_nor_the_terminal(
    config: Path, bouncegate: Command, tmp_path: Path
) -> None:
    record(config, event("ann@b.example", mailing=HOSTILE, diagnostic=HOSTILE))
    picture = tmp_path / "x.svg"
    for arguments in (["mailing"], ["mailing", HOSTILE], ["mailing", "--addresses"]):
        drawn = [] if "--addresses" in arguments else ["--svg", str(picture)]
        done = bouncegate("report", *arguments, *drawn)
        assert done.code == 0, done.err
        assert not set(done.out) & {"\x1b", "\x07", "\u202e"}
    texts = [text.text or "" for text in ElementTree.parse(picture).iter(f"{SVG}text")]
    named = [text for text in texts if "<script>" in text]
    assert len(named) == 2, "the title and the label of the bar"
    for text in named:
        assert not set(text) & {"\x1b", "\x07", "\u202e", "\n"}
        assert len(text) <= 36, "it runs neither into the key nor into the bar"
    tags = {element.tag.removeprefix(SVG) for element in ElementTree.parse(picture).iter()}
    assert tags == {"svg", "style", "rect", "text"}
    (row,) = rows(bouncegate, "mailing")
    assert row["mailing"] == HOSTILE, "scripts are told the name as it is"


def at_terminal(config: Path, columns: int, *arguments: str) -> str:
    """What a terminal so wide is shown."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    argv = [sys.executable, "-m", "bouncegate.cli", "--config", str(config), *arguments]
    environment = {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8"}
    environment.pop("COLUMNS", None)
    with subprocess.Popen(argv, stdout=theirs, env=environment) as process:
        os.close(theirs)
        told = b""
        try:
            while octets := os.read(ours, 65_536):
                told += octets
        except OSError:  # EIO: nobody has the other end any more
            pass
        finally:
            os.close(ours)
    assert process.returncode == 0
    return re.sub("\x1b[^m]*m", "", told.decode())


def test_a_terminal_shows_bars_and_a_pipe_none(config: Path, bouncegate: Command) -> None:
    spring_and_autumn(config)
    told = at_terminal(config, 120, "report", "mailing")
    (spring,) = (line for line in told.splitlines() if "spring" in line)
    (autumn,) = (line for line in told.splitlines() if "autumn" in line)
    assert (spring.count("█"), spring.count("░")) == (21, 10), "two hard, one soft, of 32 columns"
    assert (autumn.count("█"), autumn.count("░")) == (10, 0)
    assert all(len(line) <= 120 for line in told.splitlines())
    assert "█" not in at_terminal(config, 40, "report", "mailing"), "there is no room"
    assert "█" not in bouncegate("report", "mailing").out


@pytest.mark.parametrize(
    "options", [["--since", "junk"], ["--since", "1 day", "--until", "2 days"]]
)
def test_a_period_that_is_none_is_refused_and_is_no_alarm(
    bouncegate: Command, options: list[str]
) -> None:
    assert bouncegate("report", "mailing", *options).code == 2
    assert bouncegate("report", "health", *options).code == os.EX_USAGE


def test_a_picture_that_cannot_be_written_is_named_as_it_was_given(
    config: Path, bouncegate: Command, tmp_path: Path
) -> None:
    spring_and_autumn(config)
    done = bouncegate("report", "mailing", "--svg", f"{tmp_path}/nowhere/x.svg")
    assert done.code == 2
    assert f"{tmp_path}/nowhere/x.svg: No such file" in done.err
