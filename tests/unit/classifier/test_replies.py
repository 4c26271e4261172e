"""Replies of many providers and servers, classified by their words and codes alone."""

from pathlib import Path

import pytest

from bouncegate.classifier.classifier import Classifier

SAMPLES = Path(__file__).parents[2] / "samples"


def lines(name: str) -> list[str]:
    found = (SAMPLES / name).read_text("utf-8").splitlines()
    return [line for line in found if not line.startswith("#")]


@pytest.mark.parametrize(
    ("expected", "text"), [line.split("|", 1) for line in lines("replies.txt")]
)
def test_a_reply_is_classified(classifier: Classifier, expected: str, text: str) -> None:
    verdict = classifier.classify_reply(text)
    assert f"{verdict.kind}/{verdict.category}" == expected


@pytest.mark.parametrize(
    ("expected", "text"), [line.split("|", 1) for line in lines("reasons.txt")]
)
def test_a_reply_is_given_its_reason(classifier: Classifier, expected: str, text: str) -> None:
    verdict = classifier.classify_reply(text)
    assert f"{verdict.kind}/{verdict.category} {verdict.reason}" == expected


@pytest.mark.parametrize("text", lines("innocent.txt"))
def test_a_recipient_that_is_not_to_blame_is_never_locked_at_once(
    classifier: Classifier, text: str
) -> None:
    verdict = classifier.classify_reply(text)
    assert (verdict.kind, verdict.category) != ("hard", "address")
