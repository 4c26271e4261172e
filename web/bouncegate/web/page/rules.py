"""The rules in force, read-only: after how many failures what is locked; and what reasons mean."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from bouncegate.admin.views.reasons import in_tree, reason_views
from bouncegate.config.settings import Row, Threshold
from bouncegate.config.taxonomy import GENERAL
from bouncegate.config.values import Terms
from bouncegate.web.call import Call
from bouncegate.web.page.language import Language
from bouncegate.web.page.showing import show, words_for
from bouncegate.web.rights import Right
from bouncegate.web.routes import Route

_CASE: Final = ("kind", "category", "reason", "provider", "group", "sender")


@dataclass(frozen=True)
class ShownRule:
    """One row of the policy: for which bounces, after how many, for how long."""

    place: str
    holds_for: str
    failures: str
    lock: str
    scope: str


@dataclass(frozen=True)
class ShownReason:
    """One entry of the glossary."""

    name: str
    is_finer: bool
    title: str
    meaning: str
    advice: str
    kind: str
    blame: str
    example: str


def rules(call: Call) -> Response:
    """The table of the policy."""
    words = words_for(call)
    return show(call, "rules.html", "rules", rules=list(_rules(call, words)))


def glossary(call: Call) -> Response:
    """Every reason in words."""
    words = words_for(call)
    return show(call, "reasons.html", "rules", reasons=[*_reasons(words)])


def _rules(call: Call, words: Language) -> Iterator[ShownRule]:
    policy = call.site.settings.policy_in_force
    for number, row in enumerate(policy.row, 1):
        yield _rule(f"policy.row {number}", _case(row, words), row, words)
    for kind in ("hard", "soft", "complaint"):
        found: Threshold = getattr(policy, kind)
        yield _rule(f"policy.{kind}", words.say(f"kind.{kind}"), found, words)


def _rule(place: str, holds_for: str, row: Row | Threshold, words: Language) -> ShownRule:
    lock = row.lock or Terms()
    return ShownRule(
        place,
        holds_for,
        words.number(row.failures) if row.failures else words.text("never"),
        ", ".join(words.duration(span) for span in lock.spans) or words.text("never"),
        words.say("scope.global") if row.scope == "global" else words.text("Its group alone"),
    )


def _case(row: Row, words: Language) -> str:
    """For which bounces a row is, in words."""
    told: list[str] = []
    for name in _CASE:
        values = [str(one) for one in getattr(row, name)]
        if name == "reason":
            values = [words.reason(one).title for one in values]
        elif name in ("kind", "category"):
            values = [words.say(f"{name}.{one}") for one in values]
        if values:
            told.append(" / ".join(values))
    return ", ".join(told) or words.text("Every bounce")


def _reasons(words: Language) -> Iterator[ShownReason]:
    examples = {view.detail: view for view in reason_views()}
    for reason in in_tree():
        view = examples[reason]
        told = words.reason(reason)
        yield ShownReason(
            str(reason),
            reason not in GENERAL,
            told.title,
            told.meaning,
            told.advice,
            words.say(f"kind.{view.kind}"),
            words.say(f"blame.{view.blame}"),
            view.example,
        )


ROUTES: Final = (
    Route("/rules", rules, right=Right.READ),
    Route("/rules/reasons", glossary, right=Right.READ),
)
