"""Proof of life: who opens and clicks is no dead mailbox, and their soft lock must not stand."""

import io
import json
import sys
import time
from contextlib import closing
from hashlib import blake2b
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.unit.store.bounces import SIGNED, bounce_of, record

from bouncegate.config.settings import PolicySettings
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import State

from .conftest import Command, store_of

FULL, UNKNOWN = [Reason.MAILBOX_FULL] * 3, [Reason.USER_UNKNOWN]


def bounced(config: Path, address: str, reasons: list[Reason]) -> None:
    now = int(time.time())
    events = [
        replace(
            bounce_of(address, 0, now - 3600 + number, reason),
            identity=blake2b(f"{address} {number}".encode(), digest_size=16).digest(),
        )
        for number, reason in enumerate(reasons)
    ]
    with closing(store_of(config)) as store:
        record(store, events, Policy(PolicySettings(), SIGNED))


def state(config: Path, address: str) -> State:
    with closing(store_of(config)) as store:
        return store.addresses.get(address) or State()


def test_a_reaction_of_the_recipient_frees_a_soft_lock_and_resets_its_statistics(
    config: Path, bouncegate: Command
) -> None:
    bounced(config, "ann@example.com", FULL)
    assert state(config, "ann@example.com").lock is not None
    told = json.loads(bouncegate("alive", "--json", "Ann@Example.com").out)
    assert told == {"read": 1, "recorded": 1, "freed": 1, "malformed": 0}
    freed = state(config, "ann@example.com")
    assert (freed.lock, freed.soft, freed.hard) == (None, 0, 0)
    steps = json.loads(bouncegate("explain", "--json", "ann@example.com").out)["steps"]
    assert steps[-1]["effect"] == "alive", "it can be told why the address is free"


def test_a_reaction_frees_no_hard_lock_by_default(config: Path, bouncegate: Command) -> None:
    bounced(config, "ann@example.com", UNKNOWN)
    told = json.loads(bouncegate("alive", "--json", "ann@example.com").out)
    assert (told["recorded"], told["freed"]) == (1, 0)
    with config.open("a") as file:
        file.write("[policy]\nalive_frees_hard = true\n")
    assert json.loads(bouncegate("alive", "--json", "ann@example.com").out)["freed"] == 1


def test_a_file_of_reactions_is_read_whole_and_its_bad_lines_are_named(
    config: Path, bouncegate: Command, tmp_path: Path
) -> None:
    bounced(config, "ann@example.com", FULL)
    file = tmp_path / "opened.txt"
    file.write_text("\nnobody@example.com\n not an address\nann@example.com\nann@example.com\n")
    done = bouncegate("alive", "--file", str(file))
    assert done.code == 65
    assert "4 read, 1 of them had bounced" in done.out
    assert f"{file}:3: invalid address 'not an address'" in done.err
    assert state(config, "ann@example.com").lock is None


def test_standard_input_can_be_the_file(
    config: Path, bouncegate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounced(config, "ann@example.com", FULL)
    typed = io.TextIOWrapper(io.BytesIO(b"# opened\nAnn <ann@example.com>\n"))
    monkeypatch.setattr(sys, "stdin", typed)
    assert "1 lock lifted" in bouncegate("alive", "--file", "-").out


def test_reactions_of_who_never_bounced_are_not_kept(config: Path, bouncegate: Command) -> None:
    bounced(config, "ann@example.com", UNKNOWN)
    with closing(store_of(config)) as store:
        before = len(list(store.journal.entries()))
    assert bouncegate("alive", "bob@example.com", "eve@example.com").code == 0
    with closing(store_of(config)) as store:
        assert len(list(store.journal.entries())) == before


def test_without_any_address_it_says_what_to_give(bouncegate: Command) -> None:
    done = bouncegate("alive")
    assert done.code == 2
    assert "name addresses, or use --file or --message" in done.err


def test_a_report_of_many_portions_is_one_record_of_the_audit(
    config: Path, bouncegate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bouncegate.cli.alive._AT_ONCE", 2)
    names = [f"user{n}@example.com" for n in range(5)]
    for name in names[:3]:
        bounced(config, name, FULL)
    listed = config.parent / "opened.txt"
    listed.write_text("".join(f"{name}\n" for name in reversed(names)))
    told = json.loads(bouncegate("alive", "--json", "--file", str(listed)).out)
    assert told == {"read": 5, "recorded": 3, "freed": 3, "malformed": 0}
    (entry,) = bouncegate("audit", "--json").out.splitlines()
    assert json.loads(entry)["addresses"] == names[:3]
    assert json.loads(entry)["count"] == 3
