"""`web token`: how programs say who they are at the HTTP interface."""

import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from bouncegate.admin.views.values import iso
from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.onrecord import put_on_record
from bouncegate.cli.operator import operator
from bouncegate.cli.options import By, Json, Why
from bouncegate.cli.output import complain, write_json
from bouncegate.cli.sentences import write_text
from bouncegate.cli.streams import finish_unread
from bouncegate.cli.table import write_table
from bouncegate.cli.web.access import Groups, opened, refused_softly
from bouncegate.config.durations import parse_duration

if TYPE_CHECKING:
    from bouncegate.web.access.tokens import Token

SCOPES: Final = (
    "check",
    "read",
    "lock",
    "unlock",
    "unlock-hard",
    "unlock-manual",
    "correct",
    "alive",
    "request",
    "events",
    "settle",
    "audit",
    "purge",
    "admin",
)
"""A test compares them with `bouncegate.web.rights`, which is not loaded for every command."""

app = typer.Typer(no_args_is_help=True, help="Tokens of programs that use the HTTP interface.")

Called = Annotated[str, typer.Argument(metavar="TOKEN", help="Its name or its id.")]


@app.command("add")
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the token is for.")],
    *,
    scope: Annotated[
        list[str],
        typer.Option(
            metavar="SCOPE",
            help=f"What it may do, several with commas: {', '.join(SCOPES)}.",
        ),
    ],
    group: Groups = None,
    expires: Annotated[
        str, typer.Option(metavar="DURATION", help="After which time it ends; empty: never.")
    ] = "1 year",
    why: Why = "",
    by: By = "",
) -> None:
    """Make a token and show it once.

    Examples:

    bouncegate web token add shop --scope check,read --group shop.example
    """
    from bouncegate.web.access.tokens import Tokens, Wish  # noqa: PLC0415 - these commands' alone
    from bouncegate.web.rights import Person, Right  # noqa: PLC0415

    finish_unread()
    now = int(time.time())
    scopes = tuple(word for text in scope for word in text.split(",") if word)
    wish = Wish(name, scopes, tuple(group or ()), _end(expires, now))
    maker = Person(operator(), frozenset(Right), "admin")
    with opened(context) as environment, refused_softly():
        assert environment is not None
        token, text = Tokens(environment).add(wish, maker, now, is_accounts=False)
    _show_once(token, text)
    changed = f"{token.id} for {name}: {', '.join(token.scopes)}"
    put_on_record(invocation_of(context), "web token add", changed, by=by, why=why)


@app.command("rotate")
def rotate(
    context: typer.Context,
    token: Called,
    *,
    overlap: Annotated[
        str, typer.Option(metavar="DURATION", help="How long the old one stays valid.")
    ] = "1 day",
    why: Why = "",
    by: By = "",
) -> None:
    """Make a new token in the place of an old one.

    Examples:

    bouncegate web token rotate shop --overlap "1 hour"
    """
    from bouncegate.web.access.tokens import Tokens  # noqa: PLC0415

    finish_unread()
    now = int(time.time())
    seconds = _end(overlap, now) - now if overlap else 0
    with opened(context) as environment, refused_softly():
        assert environment is not None
        fresh, text = Tokens(environment).rotate(token, now, seconds)
    _show_once(fresh, text)
    changed = f"{fresh.id} for {fresh.name}, in place of {fresh.replaces}"
    put_on_record(invocation_of(context), "web token rotate", changed, by=by, why=why)


@app.command("revoke")
def revoke(context: typer.Context, token: Called, *, why: Why = "", by: By = "") -> None:
    """End a token at once.

    Examples:

    bouncegate web token revoke shop
    """
    from bouncegate.web.access.tokens import Tokens  # noqa: PLC0415

    finish_unread()
    with opened(context) as environment:
        assert environment is not None
        revoked = Tokens(environment).revoke(token)
    if not revoked:
        raise typer.BadParameter(f"there is no token {token}")
    for one in revoked:
        write_text(f"token {one.id} for {one.name}: revoked")
    changed = ", ".join(f"{one.id} for {one.name}" for one in revoked)
    put_on_record(invocation_of(context), "web token revoke", changed, by=by, why=why)


@app.command("list")
def list_(context: typer.Context, *, json: Json = False) -> None:
    """List the tokens; none is shown itself.

    Examples:

    bouncegate web token list
    """
    from bouncegate.web.access.tokens import Tokens  # noqa: PLC0415

    with opened(context, create=False) as environment:
        found = Tokens(environment).all() if environment else []
    if json:
        for token in found:
            write_json(_view(token))
    else:
        columns = ("id", "name", "scopes", "groups", "expires", "used", "maker")
        write_table(columns, ([_cell(_view(token)[c]) for c in columns] for token in found))


def _view(token: "Token") -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "scopes": token.scopes,
        "groups": token.groups,
        "made": iso(token.made),
        "expires": iso(token.expires or None),
        "used": iso(token.used or None),
        "maker": token.maker,
        "replaces": token.replaces or None,
    }


def _cell(value: object) -> object:
    if isinstance(value, tuple):
        return ", ".join(value) or "all"
    return "never" if value is None else value


def _end(text: str, now: int) -> int:
    """When a time from now is over; 0 for none. Raises BadParameter."""
    if not text:
        return 0
    try:
        return parse_duration(text).after(now)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _show_once(token: "Token", text: str) -> None:
    complain(f"token {token.id} for {token.name}: it is shown this once")
    print(text)
