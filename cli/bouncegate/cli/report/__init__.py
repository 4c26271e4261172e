"""`report`: counts of bounces and sends, lists of who bounced, and the bounce messages."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import typer
from msgspec.structs import replace

from bouncegate.admin.lists.asking import domain_named, provider_named
from bouncegate.admin.lists.csvfile import Dialect
from bouncegate.admin.lists.scope import CurrentScopes
from bouncegate.admin.report.addresses import bounces, in_groups
from bouncegate.admin.report.counting import Scope
from bouncegate.admin.report.filters import Filters
from bouncegate.admin.report.reading import as_kept
from bouncegate.admin.views.bounced import BouncedView, MemberView, bounced_view, member_view
from bouncegate.admin.views.unknown import ALL_TRUST
from bouncegate.admin.views.values import iso
from bouncegate.cli.filters import BounceFilters
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.options import Csv, DialectOption, Json, Limit, Unverified, with_groups
from bouncegate.cli.output import complain
from bouncegate.cli.report import bounced
from bouncegate.cli.report.bounced import View
from bouncegate.cli.report.counts import Counts
from bouncegate.cli.report.health import health
from bouncegate.cli.report.messages import Exported, Form
from bouncegate.cli.report.unknown import unknown
from bouncegate.config.taxonomy import Reason
from bouncegate.store.arrivals import Arrival
from bouncegate.store.errors import StoreMissing
from bouncegate.store.store import Store

app = typer.Typer(no_args_is_help=True, help="Count bounces and sends, or list who bounced.")
app.command("health")(health)
app.command("unknown")(unknown)

_HELP: Final = {
    "mailing": """Count the bounces of each mailing, or of one.

    Every bounce of an address counts. Bounces not proven to be of our mail count only with
    --unverified.

    Examples:

    bouncegate report mailing

    bouncegate report mailing spring --addresses --kind hard --csv

    bouncegate report mailing spring --messages mbox --output spring.mbox
    """,
    "group": """Count the addresses that bounced in each group, or in one.

    Each address counts once, by its last bounce. In a mailing every bounce counts; so the two
    reports differ.

    Examples:

    bouncegate report group

    bouncegate report group example.org --addresses --kind hard --csv
    """,
    "sender": """Count bounces by sender domain, and warn of too many.

    Examples:

    bouncegate report sender --since "7 days"

    bouncegate report sender example.org --svg sender.svg
    """,
    "provider": """Count bounces by the provider of the recipients.

    Examples:

    bouncegate report provider google --since "2 days"
    """,
    "domain": """Count bounces by the domain of the recipients.

    Examples:

    bouncegate report domain --limit 20
    """,
    "reason": """Count bounces by reason.

    Examples:

    bouncegate report reason --sender example.org
    """,
    "rate": """Show the bounce rate day by day.

    Of all senders, or of one.

    Examples:

    bouncegate report rate --since "30 days"

    bouncegate report rate example.org --svg rate.svg
    """,
}


def _command(subject: str) -> Callable[..., None]:
    def command(
        context: typer.Context,
        name: Annotated[
            str | None,
            typer.Argument(
                metavar="NAME", help="Show only this one, in detail.", show_default=False
            ),
        ] = None,
        *,
        filters: BounceFilters,
        unverified: Unverified = False,
        addresses: Annotated[
            bool, typer.Option("--addresses", help="List who bounced, instead of counts.")
        ] = False,
        messages: Annotated[
            Form | None,
            typer.Option(help="Write the bounce messages to --output.", show_default=False),
        ] = None,
        output: Annotated[
            Path | None,
            typer.Option(
                "--output",
                "-o",
                metavar="PATH",
                help="The mbox or folder to write; it must be new.",
                readable=False,
            ),
        ] = None,
        limit: Limit = 0,
        json: Json = False,
        csv: Csv = False,
        dialect: DialectOption = Dialect.RFC4180,
        svg: Annotated[
            Path | None,
            typer.Option(
                "--svg",
                metavar="FILE",
                help="Also draw the counts into this SVG file.",
                readable=False,
            ),
        ] = None,
    ) -> None:
        if (messages is None) is not (output is None):
            raise typer.BadParameter("--messages and --output need each other")
        if svg is not None and (addresses or messages is not None):
            raise typer.BadParameter("--svg draws counts: omit --addresses and --messages")
        sheet = dialect if csv else None
        now, invocation = int(time.time()), invocation_of(context)
        wanted = filters.wanted(invocation, now)
        if name is not None:
            wanted = _narrowed(invocation, wanted, subject, name)
        trust = ALL_TRUST if unverified else invocation.settings.return_path.count
        try:
            with closing(invocation.open_store(readonly=True)) as store:
                scope = Scope(_as_kept(store, wanted), trust)
                if messages is not None and output is not None:
                    exported = Exported(store, _bounces(store, scope))
                    exported.write(messages, output)
                    exported.print_summary()
                elif addresses:
                    by_address = subject == "group"
                    form = MemberView if by_address else BouncedView
                    views = _views(store, scope, now, by_address=by_address)
                    bounced.write(
                        islice(views, limit or None), form, json=json, csv=csv, dialect=dialect
                    )
                else:
                    by, only = ("day", None) if subject == "rate" else (subject, name)
                    counts = Counts(invocation, store, scope, by, only)
                    counts.show(limit, json=json, csv=sheet, svg=svg)
        except StoreMissing as error:
            complain(str(error))

    command.__doc__ = _HELP[subject]
    return with_groups(command)


for _subject in _HELP:
    app.command(_subject)(_command(_subject))


def _views(store: Store, scope: Scope, now: int, *, by_address: bool) -> Iterator[View]:
    locked = CurrentScopes(store, now)
    if by_address:
        found = in_groups(store.arrivals.by_address(), scope)
        yield from (member_view(one, locked) for one in found)
    else:
        yield from (bounced_view(one, locked) for one in _bounces(store, scope))


def _bounces(store: Store, scope: Scope) -> Iterator[Arrival]:
    return bounces(store.arrivals.since(scope.filters.since), scope)


def _as_kept(store: Store, wanted: Filters) -> Filters:
    """The same, from when on all bounces are kept; says so if that is less."""
    kept = as_kept(store, wanted)
    if kept.since > wanted.since:
        complain(f"since {iso(kept.since)}: older bounces are not all kept")
    return kept


def _reason(_: Invocation, text: str) -> Reason:
    try:
        return Reason(text)
    except ValueError:
        known = ", ".join(Reason)
        raise typer.BadParameter(f"unknown reason {text!r}; known are: {known}") from None


def _as_it_is(_: Invocation, text: str) -> str:
    return text


def _sender(_: Invocation, text: str) -> str:
    return text.lower()


_NAMES: Final[dict[str, tuple[str, Callable[[Invocation, str], object]]]] = {
    "mailing": ("mailing", _as_it_is),
    "group": ("group", _as_it_is),
    "sender": ("sender", _sender),
    "provider": ("provider", provider_named),
    "domain": ("domain", lambda _, text: domain_named(text)),
    "reason": ("reason", _reason),
    "rate": ("sender", _sender),
}
"""Of what a name is the name, and how it is written in the store."""


def _narrowed(invocation: Invocation, wanted: Filters, subject: str, name: str) -> Filters:
    field, of = _NAMES[subject]
    return replace(wanted, **{field: of(invocation, name)})
