"""Replies of many providers and servers, judged by their words and codes alone."""

from pathlib import Path

import pytest

from bouncegate.classifier.judgement import Judge

LINES = (Path(__file__).parents[2] / "samples" / "replies.txt").read_text("utf-8").splitlines()
REPLIES = [tuple(line.split("|", 1)) for line in LINES if line and not line.startswith("#")]


@pytest.mark.parametrize(("expected", "text"), REPLIES)
def test_a_reply_is_judged(judge: Judge, expected: str, text: str) -> None:
    verdict = judge.judge_text(text)
    assert f"{verdict.kind}/{verdict.category}" == expected
