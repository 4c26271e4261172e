"""Where fuzzing starts: the samples of this project, and a few reports made for tests."""

from pathlib import Path
from typing import Final

from tests.unit.classifier.builder import dsn, failed

from bouncegate.classifier.message import Message
from bouncegate.classifier.notification import Notification
from bouncegate.config.rules import load_rules

_RULES: Final = Path(__file__).parents[2] / "config" / "bouncegate" / "config" / "rules"
_OWN_RULE: Final = b"""[[rule]]
id = "own"
reason = "system-error"
source = "here"
text = ['closed for \\w+', "x"]
status = "5.3"
code = ["55"]
phase = "rcpt"
mta = 'mx\\d+'
weak = true
kind = "soft"
category = "undefined"
examples = [{ text = "550 closed for ever", status = "5.3.2", phase = "rcpt", mta = "mx1" }]
"""
_SAMPLES: Final = Path(__file__).parents[1] / "samples"


def seeds(check: str) -> list[bytes]:
    """The seeds of one check."""
    if check == "rules":
        examples = (e for rule in load_rules().rules for e in rule.examples)
        return [example.text.encode() for example in examples if example.text]
    if check == "rule-files":
        return [path.read_bytes() for path in sorted(_RULES.glob("*.toml"))] + [_OWN_RULE]
    messages = [path.read_bytes() for path in sorted(_SAMPLES.rglob("*.eml"))]
    messages.append(dsn([failed("a@x.example"), failed("b@x.example")]))
    if check == "returned":
        return [Notification(Message(raw)).notice.encode() for raw in messages]
    return messages
