"""`incident`: shows the outages that the guard found, and lets the operator settle them."""

import os
import time
from contextlib import closing
from typing import Annotated, Final

import typer
from msgspec.structs import asdict

from bouncegate.admin.views.incidents import HeldView, held_view, incident_view
from bouncegate.cli.confirmation import require_consent
from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.operator import audit_of
from bouncegate.cli.options import By, Json, Why, Yes
from bouncegate.cli.output import complain, write_json, write_views
from bouncegate.cli.sentences import write_text
from bouncegate.cli.table import write_table
from bouncegate.config.text import counted
from bouncegate.policy.records import Settled
from bouncegate.store.errors import StoreMissing
from bouncegate.store.incidents import Incident
from bouncegate.store.store import Store

app = typer.Typer(
    no_args_is_help=True, help="Show and settle provider outages that the guard found."
)

Number = Annotated[int, typer.Argument(metavar="ID", help='The id that "incident list" shows.')]

_COLUMNS: Final = ("id", "state", "provider", "reason", "opened", "addresses", "limit", "held")
_SHOWN: Final = 20  # held events that `show` puts into its table


@app.command("list")
def list_(context: typer.Context, *, json: Json = False) -> None:
    """List all incidents, the latest last.

    Examples:

    bouncegate incident list --json
    """
    try:
        with closing(invocation_of(context).open_store(readonly=True)) as store:
            views = [incident_view(store, incident) for incident in store.incidents.all()]
    except StoreMissing:
        views = []
    write_views(views, _COLUMNS, json=json)


@app.command("show")
def show(context: typer.Context, number: Number, *, json: Json = False) -> None:
    """Show one incident and the bounces that it holds back.

    Examples:

    bouncegate incident show 17
    """
    with closing(invocation_of(context).open_store(readonly=True)) as store:
        view = incident_view(store, _incident(store, number))
        numbers = store.incidents.held(number)
        shown = numbers if json else numbers[:_SHOWN]
        held = [held_view(*numbered) for numbered in store.journal.events(shown)]
    if json:
        write_json(asdict(view) | {"events": held})
        return
    write_table(("", ""), asdict(view).items())
    if held:
        print()
        columns = HeldView.__struct_fields__
        write_views(held, columns, json=False)
    if view.held > len(held):
        write_text(f"and {view.held - len(held)} more: --json shows all")


@app.command("confirm")
def confirm(
    context: typer.Context, number: Number, *, yes: Yes = False, why: Why = "", by: By = ""
) -> None:
    """Count the bounces held back: the addresses are dead.

    Examples:

    bouncegate incident confirm 17 --why "they have closed down"
    """
    _settle(context, Settled(number, int(time.time()), "confirmed", by, why), yes=yes)


@app.command("dismiss")
def dismiss(
    context: typer.Context, number: Number, *, yes: Yes = False, why: Why = "", by: By = ""
) -> None:
    """Void the bounces held back: the provider was broken.

    Examples:

    bouncegate incident dismiss 17 --why "they had an outage"
    """
    _settle(context, Settled(number, int(time.time()), "dismissed", by, why), yes=yes)


def _incident(store: Store, number: int) -> Incident:
    for incident in store.incidents.all():
        if incident.number == number:
            return incident
    complain(f'there is no incident {number}: see "bouncegate incident list"')
    raise typer.Exit(os.EX_DATAERR)


def _settle(context: typer.Context, settlement: Settled, *, yes: bool) -> None:
    invocation = invocation_of(context)
    number, verb = settlement.incident, settlement.verb
    with closing(invocation.open_store()) as store:
        view = incident_view(store, _incident(store, number))
        if view.state not in ("open", verb):
            complain(f"incident {number} is {view.state} already, by {view.by}, at {view.settled}")
            raise typer.Exit(os.EX_DATAERR)
        if view.state == "open":
            held = f"{counted(view.held, 'bounce')} held back"
            write_text(f"{view.reason} at {view.provider} since {view.opened}: {held}")
            question = "Count them" if verb == "confirmed" else "Void them"
            require_consent(f"{question}?", f"incident {number} stays open", yes=yes)
            command = f"incident {'confirm' if verb == 'confirmed' else 'dismiss'} {number}"
            by, why = settlement.by, settlement.why
            audit = audit_of(command, settlement.time, by=by, why=why, count=view.held)
            settled = store.settle(settlement, invocation.policy.fold, audit).settled
            if settled is not None and settled.verb != verb:
                complain(f"incident {number} was {settled.verb} meanwhile, by {settled.by}")
                raise typer.Exit(os.EX_DATAERR)
        elif store.incidents.held(number):  # the command that settled it was interrupted
            store.settle(settlement, invocation.policy.fold)
    write_text(f"incident {number}: {verb}")
