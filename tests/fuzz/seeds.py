"""Where fuzzing starts: the samples of this project, and a few reports made for tests."""

from pathlib import Path
from typing import Final

from tests.unit.classifier.builder import dsn, failed

from bouncegate.config.rules import load_rules

_SAMPLES: Final = Path(__file__).parents[1] / "samples"


def seeds(check: str) -> list[bytes]:
    """The seeds of one check."""
    if check == "rules":
        examples = (e for rule in load_rules().rules for e in rule.examples)
        return [example.text.encode() for example in examples if example.text]
    messages = [path.read_bytes() for path in sorted(_SAMPLES.rglob("*.eml"))]
    messages.append(dsn([failed("a@x.example"), failed("b@x.example")]))
    if check == "returned":
        return [raw.partition(b"\n\n")[2] for raw in messages]
    return messages
