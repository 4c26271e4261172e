"""`report unknown`: the replies that no rule understood, by how often they came."""

import time
from contextlib import closing
from itertools import islice
from typing import Annotated, Final

import typer
from msgspec import Struct

from bouncegate.admin.report.counting import Scope
from bouncegate.admin.report.reading import as_kept
from bouncegate.cli.filters import BounceFilters
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.options import Csv, Json, Limit, Unverified, with_groups
from bouncegate.cli.output import complain, iso, write_views
from bouncegate.config.settings import Trust
from bouncegate.store.errors import StoreMissing

ALL: Final[tuple[Trust, ...]] = ("signed", "matched", "unverified")
_COLUMNS: Final = ("bounces", "kind", "phase", "providers", "last", "ref", "text")


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


@with_groups
def unknown(
    context: typer.Context,
    *,
    filters: BounceFilters,
    codes: Annotated[
        bool, typer.Option("--codes", help="Also replies of which only the code was understood.")
    ] = False,
    unverified: Unverified = False,
    limit: Limit = 20,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Show the most frequent replies that no rule understood.

    Replies are counted together if they differ only in addresses, hosts, numbers and ids, which are
    removed. Write a rule for a frequent one, or send it in.

    Examples:

    bouncegate report unknown --since "30 days"

    bouncegate report unknown --codes --provider gmx --json
    """
    from bouncegate.admin.report.unknown import unknown_replies  # noqa: PLC0415 - RE2 takes its time

    now, invocation = int(time.time()), invocation_of(context)
    trust = ALL if unverified else invocation.settings.return_path.count
    weak = _weak_rules(invocation) if codes else frozenset[str]()
    try:
        with closing(invocation.open_store(readonly=True)) as store:
            scope = Scope(as_kept(store, filters.wanted(invocation, now)), trust)
            arrivals = store.arrivals.since(scope.filters.since)
            found = unknown_replies(arrivals, scope, weak)
    except StoreMissing as error:
        complain(str(error))
        return
    views = (
        UnknownView(
            shape.text,
            shape.kind,
            shape.phase,
            replies.bounces,
            len(replies.providers),
            iso(replies.last),
            replies.ref,
        )
        for shape, replies in islice(found, limit or None)
    )
    write_views(views, _COLUMNS, json=json, csv=UnknownView.__struct_fields__ if csv else ())


def _weak_rules(invocation: Invocation) -> frozenset[str]:
    """The rules that go by codes alone."""
    from bouncegate.config.rules import load_rules  # noqa: PLC0415

    rules = load_rules(invocation.settings.rules.folder).rules
    return frozenset(rule.id for rule in rules if rule.weak)
