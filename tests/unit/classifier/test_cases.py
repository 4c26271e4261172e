"""Cases that people sent in: each is classified as its fields say, which a person has checked."""

from pathlib import Path

import pytest

from bouncegate.classifier.classified import classify
from bouncegate.classifier.classifier import Classifier
from bouncegate.cli.cases import VERDICT, verdicts

CASES = sorted((Path(__file__).parents[2] / "samples" / "cases").glob("*.eml"))


def said(case: bytes) -> list[str]:
    """The verdicts in the fields of a case."""
    name = f"{VERDICT}: ".encode()
    header = case.partition(b"\n\n")[0].splitlines()
    return [line.removeprefix(name).decode() for line in header if line.startswith(name)]


def test_there_are_cases() -> None:
    assert CASES


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case_is_classified_as_it_says(classifier: Classifier, path: Path) -> None:
    case = path.read_bytes()
    assert verdicts(classify(case, classifier)) == said(case)
