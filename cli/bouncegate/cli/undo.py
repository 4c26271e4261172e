"""`undo`: events become void, and every address is as if they had never come."""

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer
from msgspec import Struct
from msgspec.structs import asdict

from bouncegate.cli.acts import By, Why
from bouncegate.cli.addresses import Json
from bouncegate.cli.consent import Yes, require_consent
from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.operator import audit_of, called, operator
from bouncegate.cli.output import iso, write_json
from bouncegate.config.durations import parse_duration
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.records import Ruling
from bouncegate.policy.selection import Selection
from bouncegate.store.address import canonical_domain
from bouncegate.store.store import Effect

_WHEN = 'A time such as "2027-01-31" or "2027-01-31T12:00Z", or how long ago, such as "2 hours".'


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
    provider: Annotated[
        str, typer.Option(help='Of this provider: "google", or any domain of it.')
    ] = "",
    domain: Annotated[str, typer.Option(help="Of addresses in this domain.")] = "",
    reason: Annotated[
        Reason | None, typer.Option(help="With this reason.", show_default=False)
    ] = None,
    rule: Annotated[str, typer.Option(help="That this rule judged.")] = "",
    since: Annotated[str, typer.Option(help=f"That came at this time or later. {_WHEN}")] = "",
    until: Annotated[str, typer.Option(help="That came before this time.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,
    yes: Yes = False,
    why: Why = "",
    by: By = "",
    json: Json = False,
) -> None:
    """Void the bounces that are named, as if they had never come.

    All options hold together; at least one must be given. Locks that other bounces or an operator
    support stay. What is undone stays so, even if its DSN is delivered once more.

    Examples:

    bouncegate undo --provider gmx --since "2026-12-14" --until "2026-12-16" --dry-run
    """
    now = int(time.time())
    invocation = invocation_of(context)
    wanted = Selection(
        provider=invocation.providers.named(provider.lower()),
        domain=canonical_domain(domain.removeprefix("@")) if domain else "",
        reason=reason,
        rule=rule,
        since=time_of(since, now) if since else 0,
        until=time_of(until, now) if until else 0,
    )
    if wanted == Selection():
        raise typer.BadParameter("say which bounces: name a provider, a reason, a time or the like")
    fold = invocation.policy.fold
    with closing(invocation.open_store(readonly=dry_run)) as store:
        numbers = store.find(wanted.matches)
        effect = store.effect(numbers, fold, now)
        if not json:
            print(_told(effect))
        do = bool(numbers) and not dry_run
        if do:
            require_consent(f"Undo {effect.events} events?", "nothing was undone", yes=yes)
            who, command = by or operator(), called("undo", _options(wanted))
            audit = audit_of(command, now, by=who, why=why, count=effect.events)
            store.void(numbers, Ruling("void", (), now, by=who, why=why), fold, audit)
            if not json:
                print("undone")
    if json:
        write_json(UndoView(*effect, done=do))


def time_of(text: str, now: int) -> int:
    """A time that an option names, or how long ago it was, in seconds since 1970."""
    try:
        day = datetime.fromisoformat(text)
    except ValueError:
        try:
            return _ago(text, now)
        except ValueError as error:
            raise typer.BadParameter(f'{error}; or a time, such as "2027-01-31T12:00Z"') from None
    return int((day if day.tzinfo else day.replace(tzinfo=UTC)).timestamp())


def _ago(text: str, now: int) -> int:
    duration = parse_duration(text)
    if duration.months:
        raise ValueError("months and years are no exact time to go back: write days")
    return max(now - duration.seconds, 0)


def _options(wanted: Selection) -> Iterator[tuple[str, object]]:
    for name, value in asdict(wanted).items():
        yield name, iso(value) if name in ("since", "until") and value else value


def _told(effect: Effect) -> str:
    if not effect.events:
        return "no such events, or all of them are void already"
    return (
        f"{effect.events} events of {effect.addresses} addresses, {effect.locks} of them locked: "
        f"{effect.lifted} locks go, {effect.locks - effect.lifted} stay on other evidence"
    )
