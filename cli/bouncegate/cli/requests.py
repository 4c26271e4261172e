"""`requests`: asks for addresses to be unlocked, and lets an operator decide."""

import os
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Annotated, Final

import typer

from bouncegate.admin.lists.asking import address_to_notify
from bouncegate.admin.lists.requests import OpenRequest, approval, open_requests
from bouncegate.admin.views.requests import request_view
from bouncegate.admin.views.values import iso
from bouncegate.cli.acts import carry_out, keys_of
from bouncegate.cli.confirmation import confirm_by_mail, require_consent
from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.operator import audit_of
from bouncegate.cli.options import Addresses, AddressFile, By, Json, Notify, Why, Yes
from bouncegate.cli.output import complain, write_views
from bouncegate.cli.sentences import write_text
from bouncegate.cli.streams import finish_unread
from bouncegate.config.text import counted
from bouncegate.policy.records import Audit
from bouncegate.store.requests import UnlockRequest
from bouncegate.store.store import Store

app = typer.Typer(no_args_is_help=True, help="Ask for addresses to be unlocked, and decide.")

_COLUMNS: Final = ("id", "address", "locks", "by", "time", "expires", "why")
_MOST: Final = 1000

Numbers = Annotated[list[int], typer.Argument(metavar="ID", help='An id of "requests list".')]


@app.command("add")
def add(
    context: typer.Context,
    addresses: Addresses = None,
    *,
    file: AddressFile = None,
    notify: Notify = "",
    why: Why = "",
    by: By = "",
) -> None:
    """Ask for addresses to be unlocked.

    For locks that you may not lift yourself. Asking again for an address replaces the request.

    Examples:

    bouncegate requests add ann@example.com --why "has a new mailbox"
    """
    if not addresses and file is None:
        raise typer.BadParameter("name addresses, or use --file")
    finish_unread()
    invocation, now = invocation_of(context), int(time.time())
    recipient = address_to_notify(notify) if notify else ""
    until = invocation.settings.policy.request_expires.after(now)
    keys = keys_of(invocation, addresses or [], file)
    if len(keys) > _MOST:
        raise typer.BadParameter(
            f"{counted(len(keys), 'address')}: ask for at most {_MOST} at once"
        )
    audit = audit_of("requests add", now, by=by, why=why, targets=keys)
    asked = [UnlockRequest(key, now, until, by, why, recipient) for key in keys]
    with closing(invocation.open_store()) as store:
        numbers = store.requests.add(asked, audit)
    for key, number in zip(keys, numbers, strict=True):
        write_text(f"{key}: request {number}, until {iso(until)}")


@app.command("list")
def list_(context: typer.Context, *, json: Json = False) -> None:
    """List the requests that wait.

    Examples:

    bouncegate requests list --json
    """
    with closing(invocation_of(context).open_store(readonly=True)) as store:
        views = [request_view(one) for one in open_requests(store, int(time.time()))]
    write_views(views, _COLUMNS, json=json)


@app.command("approve")
def approve(
    context: typer.Context, numbers: Numbers, *, yes: Yes = False, why: Why = "", by: By = ""
) -> None:
    """Unlock the addresses of requests, hard locks too.

    A lock that was made after the request was shown stays, and so does the request.

    Examples:

    bouncegate requests approve 7 --why "asked on the phone"
    """
    finish_unread()
    invocation, now = invocation_of(context), int(time.time())
    with closing(invocation.open_store()) as store:
        chosen = _chosen(store, numbers, now)
        write_views(map(request_view, chosen), _COLUMNS, json=False)
        question = f"Unlock {counted(len(chosen), 'address')}?"
        require_consent(question, "nothing was unlocked", yes=yes)
        audit = _audit("approve", chosen, now, by, why)
        acts = approval(chosen, now, by, why)
        left = carry_out(invocation, store, acts, len(chosen), audit).first
        done = [one for one in chosen if one.request.address not in left]
        store.requests.close([one.number for one in done])
    _tell(done, "unlocked", by, why)
    if left:
        raise typer.Exit(os.EX_TEMPFAIL)


@app.command("decline")
def decline(context: typer.Context, numbers: Numbers, *, why: Why = "", by: By = "") -> None:
    """Leave the addresses of requests locked.

    Examples:

    bouncegate requests decline 7 --why "the mailbox does not exist"
    """
    finish_unread()
    invocation, now = invocation_of(context), int(time.time())
    with closing(invocation.open_store()) as store:
        chosen = _chosen(store, numbers, now)
        store.requests.close(
            [one.number for one in chosen], _audit("decline", chosen, now, by, why)
        )
    _tell(chosen, "declined", by, why)


def _chosen(store: Store, numbers: Sequence[int], now: int) -> list[OpenRequest]:
    """The requests with these numbers; ends the command if any is not waiting."""
    waiting = {one.number: one for one in open_requests(store, now)}
    for number in numbers:
        if number not in waiting:
            complain(f'no request {number} is waiting: see "bouncegate requests list"')
            raise typer.Exit(os.EX_DATAERR)
    return [waiting[number] for number in dict.fromkeys(numbers)]


def _audit(verb: str, chosen: Sequence[OpenRequest], now: int, by: str, why: str) -> Audit:
    targets = [one.request.address for one in chosen]
    scopes = {scope for one in chosen for scope, _ in one.locks}
    return audit_of(f"requests {verb}", now, by=by, why=why, targets=targets, scopes=scopes)


def _tell(done: Sequence[OpenRequest], outcome: str, by: str, why: str) -> None:
    """Say what was decided, here and to those who asked."""
    for one in done:
        said = f"{one.request.address}: {outcome}"
        write_text(said)
        if one.request.notify:
            asked = f"asked for by {one.request.by} on {iso(one.request.time)}"
            text = f"{said}, by {by}" + (f": {why}" if why else "") + f"\n{asked}\n"
            confirm_by_mail(one.request.notify, f"Bouncegate: request {one.number} {outcome}", text)
