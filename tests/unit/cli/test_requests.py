"""Requests to unlock: asked, shown, decided, mailed, audited, expired, purged, and upgraded."""

import json
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import lmdb
import pytest

from bouncegate.config.taxonomy import Reason
from bouncegate.store.layout import LAYOUT, META, REQUESTS

from .conftest import Command, store_of
from .test_operator import bounce

ANN, BOB = "ann@gmx.de", "bob@gmx.de"
DESK = "desk@kernel.org"


@pytest.fixture(autouse=True)
def known(config: Path) -> None:
    """A hard lock and a soft one."""
    first = int(time.time()) - 3 * 86_400
    bounce(config, ANN, first=first)
    bounce(config, BOB, Reason.MAILBOX_FULL, times=3, first=first)


def waiting(bouncegate: Command) -> list[dict[str, Any]]:
    return list(map(json.loads, bouncegate("requests", "list", "--json").out.splitlines()))


def is_locked(bouncegate: Command, address: str) -> bool:
    locked: bool = json.loads(bouncegate("show", "--json", address).out)["locked"]
    return locked


def test_request_shows_who_asks_for_what_and_why(bouncegate: Command) -> None:
    done = bouncegate("requests", "add", ANN, BOB, "--by", "eve", "--why", "new mailbox")
    assert (done.code, done.out.splitlines()[0][:23]) == (0, f"{ANN}: request 1, ")
    ann, bob = waiting(bouncegate)
    assert (ann["id"], ann["address"], ann["by"], ann["why"]) == (1, ANN, "eve", "new mailbox")
    assert ann["locks"] == ["global hard user-unknown"]
    assert bob["locks"] == ["global soft mailbox-full"]
    assert is_locked(bouncegate, ANN), "to ask changes nothing"
    assert "requests add" in bouncegate("audit").out


def test_request_for_the_same_address_replaces_the_first(bouncegate: Command) -> None:
    bouncegate("requests", "add", ANN, "--why", "one")
    bouncegate("requests", "add", BOB)
    bouncegate("requests", "add", ANN, "--why", "two")
    assert [(one["id"], one["why"]) for one in waiting(bouncegate)] == [(1, "two"), (2, "")]


def test_request_that_is_approved_lifts_a_hard_lock_and_tells_who_asked(
    bouncegate: Command, mailed: Path
) -> None:
    bouncegate("requests", "add", ANN, "--notify", DESK, "--by", "eve")
    assert bouncegate("requests", "approve", "1").code == 64, "it asks first"
    assert is_locked(bouncegate, ANN)
    done = bouncegate("requests", "approve", "1", "--yes", "--by", "boss", "--why", "phoned")
    assert (done.code, f"{ANN}: unlocked" in done.out) == (0, True)
    assert not is_locked(bouncegate, ANN)
    assert waiting(bouncegate) == []
    text = mailed.read_text()
    assert text.startswith(f"-i -f  -- {DESK}\n")
    assert f"{ANN}: unlocked, by boss: phoned" in text
    assert "asked for by eve" in text
    assert "requests approve" in bouncegate("audit", "--address", ANN).out
    assert bouncegate("requests", "approve", "1", "--yes").code == 65


def test_request_that_is_declined_leaves_the_lock(bouncegate: Command, mailed: Path) -> None:
    bouncegate("requests", "add", ANN, BOB, "--notify", DESK)
    assert bouncegate("requests", "decline", "1", "--why", "it is dead").code == 0
    assert [one["id"] for one in waiting(bouncegate)] == [2]
    assert is_locked(bouncegate, ANN)
    assert f"{ANN}: declined" in mailed.read_text()
    bouncegate("requests", "decline", "2")
    bouncegate("requests", "add", BOB)
    assert [one["id"] for one in waiting(bouncegate)] == [3], "a number is given once"


def test_request_ends_unanswered(config: Path, bouncegate: Command) -> None:
    with config.open("a") as file:
        file.write('[policy]\nrequest_expires = "1 day"\n')
    bouncegate("requests", "add", ANN)
    with closing(store_of(config)) as store:
        now = int(time.time())
        assert len(store.requests.waiting(now + 86_000)) == 1
        assert store.requests.waiting(now + 86_500) == []
        assert (store.requests.expire(now), store.requests.expire(now + 86_500)) == (0, 1)
    assert waiting(bouncegate) == []


def test_request_goes_with_its_address_when_that_is_purged(bouncegate: Command) -> None:
    bouncegate("requests", "add", ANN)
    bouncegate("requests", "add", BOB, "--why", f"instead of {ANN}", "--notify", ANN)
    (exported,) = json.loads(bouncegate("export", ANN).out)["requests"]
    assert (exported["id"], exported["address"]) == (1, ANN)
    assert "2 requests" in bouncegate("purge", "--dry-run", ANN).out
    bouncegate("purge", ANN, "--yes")
    (bob,) = waiting(bouncegate)
    assert bob["address"] == BOB
    assert ANN not in json.dumps(bob)


def test_request_table_is_added_to_a_store_of_layout_3(config: Path, bouncegate: Command) -> None:
    with lmdb.open(str(config.parent / "store"), max_dbs=64, map_size=2**26) as environment:
        table, meta = environment.open_db(REQUESTS), environment.open_db(META)
        with environment.begin(write=True) as transaction:
            transaction.drop(table)
            transaction.put(b"layout", (3).to_bytes(4, "big"), db=meta)
    assert "layout 3" in bouncegate("requests", "add", ANN).err
    assert bouncegate("store", "upgrade").code == 0
    assert bouncegate("requests", "add", ANN).code == 0
    assert [one["address"] for one in waiting(bouncegate)] == [ANN]
    assert is_locked(bouncegate, ANN), "and its lock is what it was"
    assert json.loads(bouncegate("store", "stats", "--json").out)["layout"] == LAYOUT
