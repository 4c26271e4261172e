"""A machine whose log is read: a ledger that knows some messages, a store, a log file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.classifier.maillog.site import Site

from bouncegate.classifier.classifier import Classifier
from bouncegate.config.replies import mark_with
from bouncegate.config.rules import load_rules


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    return Classifier(load_rules(), mark_with("01234567"))


@pytest.fixture
def site(tmp_path: Path, classifier: Classifier) -> Iterator[Site]:
    site = Site(tmp_path, classifier)
    yield site
    site.close()
