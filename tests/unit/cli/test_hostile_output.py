"""Records of earlier versions may hold what a terminal acts on: no command writes it there."""

import json
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.unit.store.bounces import bounce_of, policy, record

from bouncegate.policy.records import Act

from .conftest import Command, store_of

ANN = "ann@example.com"
ODD_LOCAL = "b\x9b31mob\u202e@example.com"  # which was an address once
HOSTILE = "x\x1b]0;title\x07\x9b31m\u202egnp\u2066\u200b\x7f\u2028\U000e0041y"
ACTED_ON = {*"\x1b\x07\x9b\u202e\u2066\u200b\x7f\u2028\U000e0041"}


@pytest.fixture
def stored(config: Path) -> Path:
    """A store with such text in each field of a bounce, and in an operator's remark."""
    event = replace(
        bounce_of(ANN, 1), trust="signed", diagnostic=f"550 5.1.1 {HOSTILE}", mailing=HOSTILE,
        group=HOSTILE, final_recipient=HOSTILE, original_recipient=HOSTILE, remote_mta=HOSTILE,
        reporting_mta=HOSTILE, message_id=HOSTILE, envelope_id=HOSTILE, queue_id=HOSTILE,
        sender=HOSTILE, status=HOSTILE, rule=HOSTILE, reader=HOSTILE,
    )  # fmt: skip
    odd = replace(event, address=ODD_LOCAL, identity=b"odd" * 5 + b"!")
    with closing(store_of(config)) as store:
        record(store, [event, odd], policy())
        remark = Act((ANN, ODD_LOCAL), event.time, "lock", HOSTILE, HOSTILE)
        store.act([remark], policy().fold)
    return config


@pytest.mark.parametrize(
    "arguments",
    [
        ("list",), ("list", "--json"), ("export",),
        ("export", "--with-id"), ("explain", ANN), ("explain", "--json", ANN), ("show", ANN),
        ("show", "--json", ANN), ("report", "mailing"), ("report", "mailing", "--csv"),
        ("report", "mailing", "--json"), ("report", "group", "--csv"), ("report", "sender"),
        ("report", "health"), ("report", "health", "--json"),
        ("unlock", "--all", "--yes", "--force"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_hostile_text_of_old_records_reaches_no_terminal(
    stored: Path, bouncegate: Command, arguments: tuple[str, ...]
) -> None:
    assert stored
    done = bouncegate(*arguments)
    assert done.code in {0, 1}, done.err
    assert not ACTED_ON & {*done.out, *done.err}, (done.out + done.err).encode("unicode_escape")


def test_hostile_text_in_json_is_the_same_text_when_it_is_read(
    stored: Path, bouncegate: Command
) -> None:
    assert stored
    told = json.loads(bouncegate("explain", "--json", ANN).out)
    assert f"550 5.1.1 {HOSTILE}" in {step.get("diagnostic") for step in told["steps"]}


def test_hostile_text_of_options_is_escaped_in_what_they_write(
    config: Path, bouncegate: Command
) -> None:
    assert config
    bouncegate("lock", ANN, "--why", HOSTILE, "--by", HOSTILE, "--group", HOSTILE)
    told = json.loads(bouncegate("explain", "--json", ANN).out)
    (step,) = told["steps"]
    assert step["by"].isprintable()
    assert step["why"].isprintable()
