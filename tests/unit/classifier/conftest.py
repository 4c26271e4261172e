"""What the tests of the classifier share: the shipped rules, compiled once."""

from pathlib import Path

import pytest

from bouncegate.classifier.classifier import Classifier
from bouncegate.config.rules import Rules, load_rules

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture(scope="session")
def shipped_rules() -> Rules:
    return load_rules()


@pytest.fixture(scope="session")
def classifier(shipped_rules: Rules) -> Classifier:
    return Classifier(shipped_rules)


@pytest.fixture(scope="session")
def samples() -> Path:
    return SAMPLES
