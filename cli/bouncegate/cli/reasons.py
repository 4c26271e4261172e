"""`reasons`: all reasons as a tree, with their meaning, or in the words of other programs."""

from collections.abc import Iterator
from textwrap import wrap
from typing import Final

from msgspec import Struct

from bouncegate.cli.options import InWordsOf, Json
from bouncegate.cli.output import write_json
from bouncegate.cli.table import write_table
from bouncegate.config.reasons import REASONS
from bouncegate.config.taxonomy import FINER, GENERAL, Reason
from bouncegate.config.vocabularies import Vocabulary, answer

_WIDTH: Final = 80
_INDENT: Final = "    "
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


def reasons(
    *,
    vocabulary: InWordsOf = None,
    json: Json = False,
) -> None:
    """Show all reasons of bounces: what they mean, and what to do.

    A finer reason stands below the general one to which it belongs.

    Examples:

    bouncegate reasons

    bouncegate reasons --vocabulary sisimai
    """
    if vocabulary is not None:
        _write_words(vocabulary, json=json)
    elif json:
        for view in _views():
            write_json(view)
    else:
        print("\n\n".join(_paragraph(view) for view in _views()))


def _in_tree() -> Iterator[Reason]:
    """The reasons, each general one before its finer ones."""
    for general in GENERAL:
        yield from (general, *FINER.get(general, ()))


def _views() -> Iterator[ReasonView]:
    examples = _examples()
    for reason in _in_tree():
        known = REASONS[reason]
        yield ReasonView(
            reason=reason.general,
            detail=reason,
            kind=known.kind,
            category=known.category,
            blame=known.blame,
            meaning=known.meaning,
            advice=known.advice,
            example=examples.get(reason, ""),
        )


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


def _paragraph(view: ReasonView) -> str:
    """A reason in 80 columns, a finer one indented below its general one."""
    indent = "" if view.reason == view.detail else _INDENT
    title = f"{indent}{view.detail} ({view.kind}/{view.category}, blames {view.blame})"
    facts = [f"{view.meaning[:1].upper()}{view.meaning[1:]}.", view.advice]
    facts += [f'Example: "{view.example}"'] if view.example else []
    inner = indent + _INDENT
    lines = (wrap(fact, _WIDTH, initial_indent=inner, subsequent_indent=inner) for fact in facts)
    return "\n".join([title, *(line for several in lines for line in several)])


def _write_words(vocabulary: Vocabulary, *, json: bool) -> None:
    rows = [(reason, answer(vocabulary, REASONS[reason].kind, reason)) for reason in _in_tree()]
    if json:
        for reason, theirs in rows:
            ours = {"reason": reason.general, "detail": reason}
            write_json(ours | {vocabulary: {"kind": theirs.kind, "reason": theirs.reason}})
        return
    shown = ((_indented(reason), theirs.reason, theirs.kind) for reason, theirs in rows)
    write_table(("reason", vocabulary, "kind"), shown)


def _indented(reason: Reason) -> str:
    return f"  {reason}" if reason.is_finer else reason
