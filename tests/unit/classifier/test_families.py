"""Bounces of systems and in languages of many kinds, and messages that are none, by the book.

`expected.toml` beside the samples holds what a careful reader takes from each. They are the
classes of failure that the corpus of `docs/accuracy.md` holds only in part.
"""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.parse import read

SAMPLES = Path(__file__).parents[2] / "samples"
FOLDERS = ("families", "languages", "no-bounces")


def expected(folder: str) -> dict[str, Any]:
    return tomllib.loads((SAMPLES / folder / "expected.toml").read_text("utf-8"))


NOTICES = [(f"{f}/{name}", lines) for f in FOLDERS[:2] for name, lines in expected(f).items()]
OTHERS = expected("no-bounces")


def octets(name: str) -> bytes:
    return (SAMPLES / f"{name}.eml").read_bytes()


@pytest.mark.parametrize(("name", "lines"), NOTICES, ids=[name for name, _ in NOTICES])
def test_a_notice_is_understood(classifier: Classifier, name: str, lines: list[str]) -> None:
    reading = read(octets(name))
    found = []
    for report in reading.reports:
        verdict = classifier.classify(report)
        verdict_text = f"{verdict.kind}/{verdict.category} {verdict.reason}"
        found.append(f"{report.recipient} {report.action} {verdict_text}")
    assert sorted(found or [str(reading.type)]) == sorted(lines)


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_bounce_accuses_nobody(name: str) -> None:
    reading = read(octets(f"no-bounces/{name}"))
    assert (str(reading.type), reading.reports) == (OTHERS[name], ())


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_sample_is_expected(folder: str) -> None:
    assert {path.stem for path in (SAMPLES / folder).glob("*.eml")} == expected(folder).keys()
