"""Which addresses a command is about: the options that `list`, `unlock` and `export` share."""

from typing import Annotated

import typer

from bouncegate.admin.lists.row import Wanted
from bouncegate.cli.invocation import Invocation
from bouncegate.cli.undo import time_of
from bouncegate.config.taxonomy import Category, Kind, Reason
from bouncegate.policy.records import Origin
from bouncegate.store.address import canonical_domain

OfKind = Annotated[Kind | None, typer.Option("--kind", help="Hard or soft.", show_default=False)]
OfCategory = Annotated[
    Category | None, typer.Option("--category", help="With this category.", show_default=False)
]
OfReason = Annotated[
    Reason | None, typer.Option("--reason", help="With this reason.", show_default=False)
]
OfOrigin = Annotated[
    Origin | None, typer.Option("--origin", help="Whose lock was made so.", show_default=False)
]
OfProvider = Annotated[
    str, typer.Option("--provider", help='Of this provider: "google", or any domain of it.')
]
OfDomain = Annotated[str, typer.Option("--domain", help="In this domain.")]
OfGroup = Annotated[str, typer.Option("--group", help="For this group of recipients.")]
OfMailing = Annotated[str, typer.Option("--mailing", help="That bounced in this mailing.")]
Since = Annotated[
    str,
    typer.Option(help='Since this time or later: "2027-01-31", or how long ago, "2 hours".'),
]
Before = Annotated[str, typer.Option("--until", help="Since before this time.")]

CameSince = Annotated[
    str,
    typer.Option("--since", help='That came at this time or later: "2027-01-31" or "7 days".'),
]
CameBefore = Annotated[str, typer.Option("--until", help="That came before this time.")]


def wanted(
    invocation: Invocation,
    now: int,
    *,
    kind: Kind | None,
    category: Category | None,
    reason: Reason | None,
    origin: Origin | None,
    provider: str,
    domain: str,
    group: str,
    mailing: str,
    since: str,
    until: str,
) -> Wanted:
    """What these options ask for, all together."""
    return Wanted(
        kind=kind,
        category=category,
        reason=reason,
        origin=origin,
        provider=invocation.providers.named(provider.lower()) if provider else "",
        domain=canonical_domain(domain.removeprefix("@")) if domain else "",
        group=group,
        mailing=mailing,
        since=time_of(since, now) if since else 0,
        until=time_of(until, now) if until else 0,
    )
