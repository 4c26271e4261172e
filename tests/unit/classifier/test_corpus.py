"""The figures of docs/accuracy.md, on a corpus that lies outside of this project.

`BOUNCEGATE_CORPUS` names its folder: `labels.jsonl`, `diagnostics.jsonl`, `messages/` and the
scorer `score.py`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.parse import read
from bouncegate.classifier.verdict import Verdict
from bouncegate.config.vocabularies import Vocabulary, answer

CORPUS = Path(os.environ.get("BOUNCEGATE_CORPUS", "/nonexistent"))
pytestmark = pytest.mark.skipif(
    not (CORPUS / "score.py").is_file(), reason="BOUNCEGATE_CORPUS names no corpus"
)

TABLES = "labels from upstream tables"


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CORPUS / name).read_text("utf-8").splitlines()]


def score(
    labels: str, predictions: list[dict[str, Any]], folder: Path
) -> dict[str, dict[str, int]]:
    given, counts = folder / "predictions.jsonl", folder / "counts.json"
    given.write_text("".join(json.dumps(p) + "\n" for p in predictions))
    words = (sys.executable, CORPUS / "score.py", CORPUS / labels, given, "--json", counts)
    argv = [str(word) for word in words]
    subprocess.run(argv, check=True, capture_output=True)
    sections: dict[str, dict[str, int]] = json.loads(counts.read_text())
    return sections


def in_sisimais_words(verdict: Verdict) -> str:
    """The vocabulary of most of the labels."""
    return answer(Vocabulary.SISIMAI, verdict.kind, verdict.detail).reason


@pytest.fixture(scope="module")
def messages(
    classifier: Classifier, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, int]]:
    predictions = []
    for label in lines("labels.jsonl"):
        reports = []
        for report in read((CORPUS / "messages" / label["file"]).read_bytes()).reports:
            verdict = classifier.classify(report)
            reports.append(
                {
                    "recipient": report.recipient,
                    "kind": verdict.kind,
                    "category": verdict.category,
                    "reason": in_sisimais_words(verdict),
                    "action": report.action,
                }
            )
        predictions.append({"file": label["file"], "reports": reports})
    return score("labels.jsonl", predictions, tmp_path_factory.mktemp("messages"))


@pytest.fixture(scope="module")
def replies(classifier: Classifier, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    predictions = []
    for label in lines("diagnostics.jsonl"):
        verdict = classifier.classify_reply(label["text"])
        predictions.append(
            {
                "id": label["id"],
                "kind": verdict.kind,
                "category": verdict.category,
                "reason": in_sisimais_words(verdict),
            }
        )
    return score("diagnostics.jsonl", predictions, tmp_path_factory.mktemp("replies"))["all"]


def test_recipients_are_found(messages: dict[str, dict[str, int]]) -> None:
    counts = messages[TABLES]
    assert counts["tp"] / counts["rcpt_n"] >= 0.97
    assert counts["tp"] / (counts["tp"] + counts.get("extra", 0)) >= 0.98


def test_the_kind_is_right(messages: dict[str, dict[str, int]]) -> None:
    counts = messages[TABLES]
    assert counts["strict_ok"] / counts["strict_n"] >= 0.97
    of_all = messages["all messages"]
    assert of_all["strict_ok"] / of_all["strict_n"] >= 0.975


def test_the_reason_is_of_the_right_group(
    messages: dict[str, dict[str, int]], replies: dict[str, int]
) -> None:
    for counts in (messages[TABLES], replies):
        assert counts["group_ok"] / counts["reason_n"] >= 0.94


def test_hardly_anybody_innocent_is_locked(messages: dict[str, dict[str, int]]) -> None:
    counts = messages["all messages"]
    assert counts.get("false_lock", 0) <= 1
    assert counts.get("fp", 0) == 0


@pytest.mark.parametrize("newline", ["cr", "crlf"])
def test_newlines_change_nothing(messages: dict[str, dict[str, int]], newline: str) -> None:
    counts = messages[f"newline variant: {newline}"]
    assert counts["tp"] == counts["rcpt_n"]


def test_single_replies_are_classified(replies: dict[str, int]) -> None:
    assert replies["strict_ok"] / replies["strict_n"] >= 0.98
    assert replies["cat_ok"] / replies["cat_n"] >= 0.98
    assert replies.get("false_lock", 0) == 0
