"""`reasons`: the tree of reasons, and the words of other programs."""

import json

import pytest

from bouncegate.classifier import classify_reply
from bouncegate.config.taxonomy import GENERAL, Reason

from .conftest import Command


def test_the_tree_has_each_finer_reason_below_its_general_one(bouncegate: Command) -> None:
    lines = bouncegate("reasons").out.splitlines()
    titles = [line for line in lines if "blames" in line and line.endswith(")")]
    found, general = [], ""
    for title in titles:
        name = title.split()[0]
        general = general if title.startswith(" ") else name
        found.append((name, general))
    assert sorted(found) == sorted((reason, reason.general) for reason in Reason)
    assert max(map(len, lines)) <= 80


def test_json_tells_all_of_each_reason(bouncegate: Command) -> None:
    views = [json.loads(line) for line in bouncegate("reasons", "--json").out.splitlines()]
    assert [view["detail"] for view in views if view["detail"] == view["reason"]] == list(GENERAL)
    assert all(view["meaning"] and view["advice"] and view["blame"] for view in views)
    for view in views:
        if view["example"]:
            assert classify_reply(view["example"]).detail == view["detail"]
    assert {view["detail"] for view in views if not view["example"]} == {
        "operator", "own-refusal", "complaint", "stale", "invalid", "predicted",
        "unsubscribed",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("vocabulary", "kind", "reason"),
    [
        ("sisimai", "hard", "authfailure"),
        ("ses", "Permanent", "General"),
        ("kumomta", "hard", "AuthenticationFailed"),
    ],
)
def test_other_words_for_a_reason_are_those_that_classify_answers(
    bouncegate: Command, vocabulary: str, kind: str, reason: str
) -> None:
    told = bouncegate("reasons", f"--vocabulary={vocabulary}", "--json").out.splitlines()
    known = {view["detail"]: view[vocabulary] for view in map(json.loads, told)}
    assert known["spf-failed"] == {"kind": kind, "reason": reason}
    table = bouncegate("reasons", f"--vocabulary={vocabulary}").out
    assert reason in next(line for line in table.splitlines() if "spf-failed" in line)
