"""All reasons of bounces: what they mean, what to do, and a reply that has them."""

from collections.abc import Iterator
from functools import cache
from typing import Final

from msgspec import Struct

from bouncegate.config.reasons import REASONS
from bouncegate.config.taxonomy import FINER, GENERAL, Reason

# A code and two words say what is meant; a code and a page do not.
_FEWEST_SPACES: Final = 2


class ReasonView(Struct):
    """One reason as scripts read it."""

    reason: str
    """The general reason."""
    detail: str
    """The reason itself."""
    kind: str
    category: str
    blame: str
    meaning: str
    advice: str
    example: str
    """A reply that has this reason; empty for what no bounce has."""


def in_tree() -> Iterator[Reason]:
    """The reasons, each general one before its finer ones."""
    for general in GENERAL:
        yield from (general, *FINER.get(general, ()))


def reason_views(*, examples: bool = True) -> Iterator[ReasonView]:
    """All reasons, in the order of the tree.

    Finding `examples` takes the classifier, and seconds: a daemon that has none goes without.
    """
    found = _examples() if examples else {}
    for reason in in_tree():
        known = REASONS[reason]
        yield ReasonView(
            reason=reason.general,
            detail=reason,
            kind=known.kind,
            category=known.category,
            blame=known.blame,
            meaning=known.meaning,
            advice=known.advice,
            example=found.get(reason, ""),
        )


@cache
def _examples() -> dict[Reason, str]:
    """The shortest example of the shipped rules for each reason, in English if there is one."""
    # RE2 takes its time, and the words of others need no example.
    from bouncegate.classifier import Classifier, load_rules  # noqa: PLC0415

    rules = load_rules()
    classifier = Classifier(rules)
    texts = {one.text for rule in rules.rules for one in rule.examples if one.text}
    found: dict[Reason, list[str]] = {}
    for text in texts:
        found.setdefault(classifier.classify_reply(text).detail, []).append(text)
    return {reason: min(several, key=_rank) for reason, several in found.items()}


def _rank(text: str) -> tuple[bool, bool, int, str]:
    return not text.isascii(), text.count(" ") < _FEWEST_SPACES, len(text), text
