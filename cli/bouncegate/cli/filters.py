"""Which addresses or bounces a command is about: the filters of `list`, `report` and the like."""

from dataclasses import dataclass
from typing import Annotated

import typer

from bouncegate.admin.lists.asking import RowsAsked, domain_named, provider_named, row_filters
from bouncegate.admin.lists.row import RowFilters
from bouncegate.admin.report.filters import Filters
from bouncegate.admin.times import BadValue
from bouncegate.cli.invocation import Invocation
from bouncegate.cli.options import WHEN
from bouncegate.cli.times import period_of
from bouncegate.config.structs import struct_from
from bouncegate.config.taxonomy import Category, Reason, ReportedKind
from bouncegate.policy.records import Origin

KindOption = Annotated[
    ReportedKind | None,
    typer.Option(
        "--kind",
        help="Only this kind; blocked: hard bounces that blame the sender.",
        show_default=False,
    ),
]
CategoryOption = Annotated[
    Category | None, typer.Option("--category", help="Only this category.", show_default=False)
]
ReasonOption = Annotated[
    Reason | None,
    typer.Option(
        "--reason",
        metavar="REASON",
        help="Only this reason: bouncegate-rules(5) lists them.",
        show_default=False,
    ),
]
OriginOption = Annotated[
    Origin | None,
    typer.Option("--origin", help="Only locks made in this way.", show_default=False),
]
ProviderOption = Annotated[
    str,
    typer.Option(
        "--provider", metavar="NAME", help='Only this provider: "google", or any domain of it.'
    ),
]
DomainOption = Annotated[
    str, typer.Option("--domain", metavar="DOMAIN", help="Only addresses in this domain.")
]
GroupOption = Annotated[
    str, typer.Option("--group", metavar="NAME", help="Only this group of recipients.")
]
MailingOption = Annotated[
    str, typer.Option("--mailing", metavar="NAME", help="Only what bounced in this mailing.")
]
ForGroupOption = Annotated[
    str,
    typer.Option(
        "--for-group",
        metavar="NAME",
        help="Only locks that stop mail of this group: its own, and those for all mail.",
    ),
]
SenderOption = Annotated[
    str, typer.Option("--sender", metavar="ADDRESS", help="Only this sender or its domain.")
]
EntrySince = Annotated[
    str,
    typer.Option(
        "--since", metavar="TIME", help=f"Only entries dated at this time or later: {WHEN}."
    ),
]
EntryUntil = Annotated[
    str, typer.Option("--until", metavar="TIME", help="Only entries dated before this time.")
]
EndsWithinOption = Annotated[
    str,
    typer.Option(
        "--ends-within",
        metavar="TIME",
        help='Only locks of addresses that are free by then, by the clock alone: "7 days".',
    ),
]
BounceSince = Annotated[
    str,
    typer.Option(
        "--since", metavar="TIME", help=f"Only bounces that came at this time or later: {WHEN}."
    ),
]
BounceUntil = Annotated[
    str, typer.Option("--until", metavar="TIME", help="Only bounces that came before this time.")
]


@dataclass(frozen=True)
class ListFilters:
    """The filters of `list`, `export` and `unlock`."""

    kind: KindOption = None
    category: CategoryOption = None
    reason: ReasonOption = None
    origin: OriginOption = None
    provider: ProviderOption = ""
    domain: DomainOption = ""
    group: GroupOption = ""
    mailing: MailingOption = ""
    for_group: ForGroupOption = ""
    since: EntrySince = ""
    until: EntryUntil = ""
    ends_within: EndsWithinOption = ""

    def wanted(self, invocation: Invocation, now: int) -> RowFilters:
        """What all of them select together; raises typer.BadParameter, AddressError."""
        try:
            return row_filters(invocation, struct_from(self, RowsAsked), now)
        except BadValue as error:
            raise typer.BadParameter(str(error)) from None


@dataclass(frozen=True)
class BounceFilters:
    """The filters of `report`."""

    kind: KindOption = None
    category: CategoryOption = None
    reason: ReasonOption = None
    provider: ProviderOption = ""
    domain: DomainOption = ""
    group: GroupOption = ""
    mailing: MailingOption = ""
    sender: SenderOption = ""
    since: BounceSince = ""
    until: BounceUntil = ""

    def wanted(self, invocation: Invocation, now: int) -> Filters:
        """What all of them select together; raises typer.BadParameter, AddressError."""
        since, until = period_of(self.since, self.until, now)
        return struct_from(
            self,
            Filters,
            provider=provider_named(invocation, self.provider) or None,
            domain=domain_named(self.domain) or None,
            group=self.group or None,
            mailing=self.mailing or None,
            sender=self.sender.lower() or None,
            since=since,
            until=until,
        )
