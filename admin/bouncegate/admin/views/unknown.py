"""Replies that no rule understood, by how often they came."""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from bouncegate.admin.installation import Installation
from bouncegate.admin.report.counting import Scope
from bouncegate.admin.views.values import iso
from bouncegate.config.settings import Trust
from bouncegate.store.store import Store

ALL_TRUST: Final[tuple[Trust, ...]] = ("signed", "matched", "unverified")


class UnknownView(Struct):
    """Replies of one shape as scripts read them; times in UTC, ISO 8601."""

    text: str
    """Without addresses, hosts, numbers and ids; empty if no reply is quoted."""
    kind: str
    phase: str
    bounces: int
    providers: int
    """Of how many providers the recipients are; at most 100."""
    last: str | None
    """When the latest came."""
    ref: int
    """The latest, for `explain`."""


def weak_rules(installation: Installation) -> frozenset[str]:
    """The rules that go by codes alone."""
    from bouncegate.config.rules import load_rules  # noqa: PLC0415

    rules = load_rules(installation.settings.rules.folder).rules
    return frozenset(rule.id for rule in rules if rule.weak)


def unknown_views(store: Store, scope: Scope, weak: frozenset[str]) -> Iterator[UnknownView]:
    """The most frequent first; `weak` are rules whose verdicts count as not understood."""
    from bouncegate.admin.report.unknown import unknown_replies  # noqa: PLC0415 - RE2 takes its time

    arrivals = store.arrivals.since(scope.filters.since)
    for shape, replies in unknown_replies(arrivals, scope, weak):
        yield UnknownView(
            shape.text,
            shape.kind,
            shape.phase,
            replies.bounces,
            len(replies.providers),
            iso(replies.last),
            replies.ref,
        )
