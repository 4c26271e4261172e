"""`clock show` and `clock accept`: whether the clock is trusted, and how to confirm it."""

from contextlib import ExitStack, closing
from typing import Final

import typer
from msgspec import Struct

from bouncegate.admin.views.values import iso
from bouncegate.cli.confirmation import require_consent
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.operator import audit_of
from bouncegate.cli.options import By, Json, Why, Yes
from bouncegate.cli.output import write_views
from bouncegate.cli.sentences import write_text
from bouncegate.cli.streams import finish_unread
from bouncegate.policy.clock import ClockMark
from bouncegate.store.clock import described, moment
from bouncegate.store.environment import DATA
from bouncegate.store.fileaccess import is_there
from bouncegate.store.ledger import FOLDER, Ledger
from bouncegate.store.store import Store

app = typer.Typer(no_args_is_help=True, help="Show or confirm the clock that expiry depends on.")

_COLUMNS: Final = ("part", "state", "latest", "left")


class ClockView(Struct):
    """What the store or the ledger knows of the clock; the time in UTC, ISO 8601."""

    part: str
    """store or ledger."""
    state: str
    """trusted, ahead or behind."""
    latest: str | None
    """The latest time that is known to be right."""
    left: int
    """In how many seconds the clock is trusted if it goes on evenly."""


@app.command("show")
def show(context: typer.Context, *, json: Json = False) -> None:
    """Show whether the clock is trusted.

    Store and ledger each know the latest time that was right. While the clock is behind it, or more
    than a day ahead of it, nothing is deleted, expires or is settled.

    Examples:

    bouncegate clock show --json
    """
    now = moment()
    with ExitStack() as stack:
        store, ledger = _opened(invocation_of(context), stack, readonly=True)
        views = [
            _view(part, one.clock.peek(now))
            for part, one in (("store", store), ("ledger", ledger))
            if one is not None
        ]
    write_views(views, _COLUMNS, json=json)


@app.command("accept")
def accept(context: typer.Context, *, yes: Yes = False, why: Why = "", by: By = "") -> None:
    """Confirm that a clock in doubt is right.

    What waits for the clock is done in the next round. Without your word, it is trusted once it has
    run evenly for a day. What a wrong clock deletes is lost: first compare the time shown with
    another clock.

    Examples:

    bouncegate clock accept --why "the server was off for a month"
    """
    finish_unread()
    invocation, now = invocation_of(context), moment()
    with ExitStack() as stack:
        store, ledger = _opened(invocation, stack, readonly=False)
        marks = [one.clock.peek(now) for one in (store, ledger) if one is not None]
        doubted = [mark for mark in marks if mark.wrong]
        if not doubted:
            write_text(f"the clock is trusted: it is {iso(now.time)}")
            return
        write_text(described(doubted[0]))
        require_consent(f"Is it {iso(now.time)} now?", "the clock stays in doubt", yes=yes)
        audit = audit_of("clock accept", now.time, by=by, why=why)
        store.accept_clock(now, audit)
        if ledger is not None:
            ledger.clock.accept(now)
    write_text(f"the clock is trusted from now on: it is {iso(now.time)}")


def _opened(
    invocation: Invocation, stack: ExitStack, *, readonly: bool
) -> tuple[Store, Ledger | None]:
    """The store, and the ledger where there is one; raises StoreError."""
    settings = invocation.settings
    store = stack.enter_context(closing(Store.open(settings.store, readonly=readonly)))
    if not is_there(settings.store.path / FOLDER / DATA):
        return store, None
    ledger = Ledger.open(settings.store, settings.ledger, readonly=readonly)
    return store, stack.enter_context(closing(ledger))


def _view(part: str, mark: ClockMark) -> ClockView:
    return ClockView(part, mark.wrong or "trusted", iso(mark.latest), mark.left)
