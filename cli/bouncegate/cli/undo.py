"""`undo`: voids bounces; each address becomes as if they had never come."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Annotated

import typer
from msgspec import Struct
from msgspec.structs import asdict

from bouncegate.admin.lists.asking import domain_named, provider_named
from bouncegate.admin.views.values import iso
from bouncegate.cli.confirmation import require_consent
from bouncegate.cli.filters import (
    BounceSince,
    BounceUntil,
    DomainOption,
    ProviderOption,
    ReasonOption,
)
from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.operator import audit_of, called
from bouncegate.cli.options import By, DryRun, Json, Why, Yes
from bouncegate.cli.output import write_json
from bouncegate.cli.sentences import write_text
from bouncegate.cli.times import period_of
from bouncegate.config.text import counted
from bouncegate.policy.records import Ruling
from bouncegate.policy.selection import Selection
from bouncegate.store.store import Effect


class UndoView(Struct):
    """What an undo would do, or has done."""

    events: int
    addresses: int
    locks: int
    lifted: int
    done: bool


def undo(
    context: typer.Context,
    *,
    provider: ProviderOption = "",
    domain: DomainOption = "",
    reason: ReasonOption = None,
    rule: Annotated[
        str, typer.Option(metavar="NAME", help="Only bounces that this rule classified.")
    ] = "",
    since: BounceSince = "",
    until: BounceUntil = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    why: Why = "",
    by: By = "",
    json: Json = False,
) -> None:
    """Void bounces, as if they had never come.

    Select them by at least one filter; a bounce must match all filters. A lock stays if other
    bounces or an operator support it. A void bounce stays void, even if its DSN is delivered again.

    Examples:

    bouncegate undo --provider gmx --since 2026-12-14 --until 2026-12-16

    bouncegate undo --provider gmx --since "2 days" --dry-run
    """
    now = int(time.time())
    invocation = invocation_of(context)
    start, end = period_of(since, until, now)
    wanted = Selection(
        provider=provider_named(invocation, provider),
        domain=domain_named(domain),
        reason=reason,
        rule=rule,
        since=start,
        until=end,
    )
    if wanted == Selection():
        raise typer.BadParameter(
            "name at least one filter, such as --provider, --reason or --since"
        )
    fold = invocation.policy.fold
    with closing(invocation.open_store(readonly=dry_run)) as store:
        numbers = store.history.find(wanted.matches)
        effect = store.history.effect(numbers, fold, now)
        if not json:
            write_text(_told(effect))
        do = bool(numbers) and not dry_run
        if do:
            require_consent(
                f"Void {counted(effect.events, 'bounce')}?", "nothing was undone", yes=yes
            )
            command = called("undo", _options(wanted))
            audit = audit_of(command, now, by=by, why=why, count=effect.events)
            store.void(numbers, Ruling("void", (), now, by=by, why=why), fold, audit)
            if not json:
                write_text("undone")
    if json:
        write_json(UndoView(*effect, done=do))


def _options(wanted: Selection) -> Iterator[tuple[str, object]]:
    for name, value in asdict(wanted).items():
        yield name, iso(value) if name in ("since", "until") and value else value


def _told(effect: Effect) -> str:
    if not effect.events:
        return "no such bounces, or all of them are void already"
    return (
        f"{counted(effect.events, 'bounce')} of {counted(effect.addresses, 'address')}, "
        f"{effect.locks} of them locked: {counted(effect.lifted, 'lock')} lifted, "
        f"{effect.locks - effect.lifted} kept because of other evidence"
    )
