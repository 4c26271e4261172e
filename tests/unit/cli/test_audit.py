"""Every change by an operator is on record: who, from where, when, what and why."""

import json
import os
import pwd
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.unit.store.bounces import bounce_of, policy, record

from bouncegate.config.taxonomy import Reason
from bouncegate.policy.records import Act, Audit
from bouncegate.store.audit import new_key
from bouncegate.store.bulk import MOST_AT_ONCE, Bulk, bulk_lock

from .conftest import Command, store_of
from .test_operator import bounce

ME = pwd.getpwuid(os.getuid()).pw_name


def audits(bouncegate: Command, *options: str) -> list[dict[str, Any]]:
    lines = bouncegate("audit", "--json", *options).out.splitlines()
    return [json.loads(line) for line in lines]


def test_each_command_that_changes_anything_leaves_one_record(
    config: Path, bouncegate: Command, tmp_path: Path
) -> None:
    bounce(config, "ann@example.com", Reason.MAILBOX_FULL)
    sheet = tmp_path / "locks.csv"
    sheet.write_text("address\nbob@example.com\n")
    bouncegate("lock", "eve@example.com", "--why", "asked on the phone", "--by", "desk")
    bouncegate("unlock", "--yes", "eve@example.com")
    bouncegate("correct", "ann@gmial.com", "ann@gmail.com")
    bouncegate("import", "--locks", str(sheet), "--yes")
    bouncegate("alive", "ann@example.com")
    bouncegate("undo", "--yes", "--reason", "mailbox-full")
    told = audits(bouncegate, "--oldest-first")
    assert sorted(one["command"] for one in told) == [
        *("alive", "correct", "import --locks", "lock"),
        *("undo --reason mailbox-full", "unlock"),
    ]
    first = next(one for one in told if one["command"] == "lock")
    assert (first["by"], first["why"]) == ("desk", "asked on the phone")
    assert (first["addresses"], first["count"]) == (["eve@example.com"], 1)
    assert (first["user"], first["uid"]) == (ME, os.getuid())
    assert first["host"]


def test_an_incident_that_is_settled_leaves_a_record_too(config: Path, bouncegate: Command) -> None:
    with closing(store_of(config)) as store:
        bounces = [bounce_of(f"u{n}@gmail.com", n, int(time.time())) for n in range(5)]
        record(store, bounces, policy(addresses=3))
    bouncegate("incident", "dismiss", "4", "--yes", "--why", "their outage")
    (told,) = audits(bouncegate)
    assert (told["command"], told["why"], told["count"]) == (
        "incident dismiss 4",
        "their outage",
        5,
    )
    assert audits(bouncegate, "--address", "u1@gmail.com") == [told], "void by that settlement"


def test_what_changes_nothing_leaves_no_record(config: Path, bouncegate: Command) -> None:
    bounce(config, "hard@example.com")
    bouncegate("unlock", "--yes", "hard@example.com")
    bouncegate("unlock", "hard@example.com", "--force")
    bouncegate("undo", "--dry-run", "--reason", "user-unknown")
    bouncegate("list")
    assert audits(bouncegate) == []


def test_who_sits_behind_sudo_and_ssh_is_told(
    bouncegate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "ann")
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.7 50022 192.0.2.1 22")
    bouncegate("lock", "eve@example.com")
    (told,) = audits(bouncegate)
    assert (told["by"], told["sudo"], told["client"]) == ("ann", "ann", "192.0.2.7")


def test_nobody_can_forge_a_line_by_options_or_environment(
    bouncegate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "ann\n2030-01-01 root")
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.7\x1b[2J 1 2 3")
    bouncegate(
        "lock",
        "eve@example.com",
        "--why",
        "x\n2030-01-01T00:00:00Z  root\u202e\x9b",
        "--group",
        "a\rb",
    )
    (told,) = audits(bouncegate)
    everything = "".join(value for value in told.values() if isinstance(value, str))
    assert everything.isprintable()
    assert "x\\x0a2030" in told["why"]
    for shown in (bouncegate("audit").out, bouncegate("explain", "eve@example.com").out):
        assert not any(line.startswith("2030") for line in shown.splitlines())
        assert "\x1b" not in shown


def test_explain_tells_who_did_it_from_where(
    bouncegate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.7 50022 192.0.2.1 22")
    bouncegate("lock", "eve@example.com", "--by", "desk", "--why", "asked")
    text = bouncegate("explain", "eve@example.com").out
    line = next(line for line in text.splitlines() if ": lock, by desk," in line)
    assert "192.0.2.7" in line
    assert line.endswith(": asked")
    (told,) = json.loads(bouncegate("explain", "--json", "eve@example.com").out)["audit"]
    assert told["client"] == "192.0.2.7"


def test_records_are_found_by_who_when_and_whom(bouncegate: Command) -> None:
    bouncegate("lock", "eve@example.com", "--by", "desk")
    bouncegate("lock", "bob@example.com")
    assert [one["addresses"] for one in audits(bouncegate, "--by", "desk")] == [["eve@example.com"]]
    assert len(audits(bouncegate, "--by", ME)) == 2
    (told,) = audits(bouncegate, "--address", "BOB@Example.com")
    assert told["addresses"] == ["bob@example.com"]
    assert len(audits(bouncegate, "--since", "1 hour")) == 2
    assert audits(bouncegate, "--until", "1 hour") == []


def test_many_records_stream_in_either_order(config: Path, bouncegate: Command) -> None:
    with closing(store_of(config)) as store:
        for number in range(1203):
            key = new_key(1_700_000_000 + number)
            record_ = Audit(key, 1_700_000_000 + number, f"lock {number}", "ann")
            with store._writing() as transaction:
                store.audits.put(transaction, record_)
    told = [one["command"] for one in audits(bouncegate)]
    assert told == [f"lock {number}" for number in reversed(range(1203))]
    told = [one["command"] for one in audits(bouncegate, "--oldest-first")]
    assert told == [f"lock {number}" for number in range(1203)]


def test_a_change_of_many_is_one_record_and_found_by_each_of_its_addresses(
    config: Path, bouncegate: Command
) -> None:
    total = 2 * MOST_AT_ONCE + 1
    names = [f"u{n}@example.com" for n in range(total)]
    (config.parent / "many.txt").write_text("\n".join(names))
    bouncegate("lock", "--file", str(config.parent / "many.txt"))
    (told,) = audits(bouncegate)
    assert (told["count"], told["addresses"]) == (total, [])
    assert audits(bouncegate, "--address", names[-1]) == [told]


def test_a_change_that_another_process_finishes_is_on_record_as_its_makers(config: Path) -> None:
    """The record is in the file that decides, and comes into the store with the first of it."""
    fold = policy().fold
    mine = Audit(new_key(1000), 1000, "import --locks", "desk", count=1)
    with closing(store_of(config)) as store:
        bulk = Bulk(store, config.parent / "store")
        with bulk_lock(config.parent / "store", wait=True):
            bulk._decide([mine, Act(("eve@example.com",), 1000, "lock", "desk")])
        assert list(store.audits.entries()) == []
        assert bulk.finish(fold)
        assert list(store.audits.entries()) == store.audits.of_address("eve@example.com") == [mine]


def test_a_change_that_fails_leaves_no_record_and_none_is_made_without_one(config: Path) -> None:
    def broken(*_: object) -> Any:
        raise ZeroDivisionError

    act = Act(("eve@example.com",), 1000, "lock", "desk")
    mine = Audit(new_key(1000), 1000, "lock", "desk", count=1)
    with closing(store_of(config)) as store:
        with pytest.raises(ZeroDivisionError):
            store.act([act], broken, audit=mine)
        assert list(store.audits.entries()) == []
        assert store.journal.of_address("eve@example.com") == []
