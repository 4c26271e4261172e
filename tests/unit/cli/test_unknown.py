"""`report unknown`: which replies of an operator's own traffic still need a rule."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.store.bounces import NOW, bounce_of, policy, record

from bouncegate.admin.report import unknown
from bouncegate.admin.views.values import iso
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.records import Event

from .conftest import Command, store_of


def reply(number: int, text: str, reason: Reason = Reason.UNDEFINED, **fields: Any) -> Event:
    event = bounce_of(f"user{number}@d{number}.example", number, NOW + number, reason)
    fields = {"rule": "none", "diagnostic": text} | fields
    return replace(event, **fields)


def store(config: Path, *events: Event) -> None:
    with closing(store_of(config)) as opened:
        record(opened, events, policy())


def rows(bouncegate: Command, *arguments: str) -> list[dict[str, Any]]:
    done = bouncegate("report", "unknown", "--json", *arguments)
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def test_unknown_replies_are_counted_by_shape_the_most_frequent_first(
    config: Path, bouncegate: Command
) -> None:
    store(
        config,
        reply(1, "550 5.0.0 gone fishing until 14:30"),
        reply(2, "451 <user2@d2.example> is busy, try 42"),
        reply(3, "451 <user3@d3.example> is busy, try 4711"),
        reply(4, "550 no such user", Reason.USER_UNKNOWN),
        reply(5, "451 <user5@d5.example> is busy, try 1", trust="unverified"),
    )
    first, second = rows(bouncegate)
    assert (first["text"], first["bounces"]) == ("451 <> is busy, try <id>", 2)
    assert (first["providers"], first["last"], first["ref"]) == (2, iso(NOW + 3), 3)
    assert (second["text"], second["bounces"]) == ("550 5.0.0 gone fishing until <id>", 1)
    assert [row["bounces"] for row in rows(bouncegate, "--unverified")] == [3, 1]
    assert len(rows(bouncegate, "--limit", "1")) == 1
    assert [row["ref"] for row in rows(bouncegate, "--since", iso(NOW + 2) or "")] == [3]
    assert "451 <> is busy" in bouncegate("report", "unknown").out
    assert bouncegate("report", "unknown", "--csv").out.startswith("text,")


def test_unknown_replies_may_include_those_of_which_only_the_code_is_known(
    config: Path, bouncegate: Command
) -> None:
    by_code = reply(1, "550 5.7.1 gone fishing", Reason.POLICY, rule="code.policy")
    by_words = reply(2, "550 5.7.1 blocked", Reason.POLICY, rule="policy.blocked")
    store(config, by_code, by_words)
    assert rows(bouncegate) == []
    (found,) = rows(bouncegate, "--codes")
    assert found["text"] == "550 5.7.1 gone fishing"


def test_unknown_replies_beyond_the_limit_of_shapes_are_counted_together(
    config: Path, bouncegate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unknown, "MOST_SHAPES", 2)
    words = ("ant", "bee", "cow", "doe", "bee")
    store(config, *(reply(n, f"451 {word}") for n, word in enumerate(words, 1)))
    found = {row["text"]: row["bounces"] for row in rows(bouncegate)}
    assert found == {"451 bee": 2, "(others)": 2, "451 ant": 1}
