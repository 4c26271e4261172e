"""`reasons`: all reasons as a tree, with their meaning, or in the words of other programs."""

from textwrap import wrap
from typing import Final

from bouncegate.admin.views.reasons import ReasonView, in_tree, reason_views
from bouncegate.cli.options import InWordsOf, Json
from bouncegate.cli.output import write_json
from bouncegate.cli.table import write_table
from bouncegate.config.reasons import REASONS
from bouncegate.config.taxonomy import Reason
from bouncegate.config.vocabularies import Vocabulary, answer

_WIDTH: Final = 80
_INDENT: Final = "    "


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
        for view in reason_views():
            write_json(view)
    else:
        print("\n\n".join(_paragraph(view) for view in reason_views()))


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
    rows = [(reason, answer(vocabulary, REASONS[reason].kind, reason)) for reason in in_tree()]
    if json:
        for reason, theirs in rows:
            ours = {"reason": reason.general, "detail": reason}
            write_json(ours | {vocabulary: {"kind": theirs.kind, "reason": theirs.reason}})
        return
    shown = ((_indented(reason), theirs.reason, theirs.kind) for reason, theirs in rows)
    write_table(("reason", vocabulary, "kind"), shown)


def _indented(reason: Reason) -> str:
    return f"  {reason}" if reason.is_finer else reason
