"""`web account`: who may log in at the page, where no proxy in front says who they are."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from getpass import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from bouncegate.admin.views.values import iso
from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.onrecord import put_on_record
from bouncegate.cli.options import By, Json, Why
from bouncegate.cli.output import write_json
from bouncegate.cli.sentences import write_text
from bouncegate.cli.streams import finish_unread
from bouncegate.cli.table import write_table
from bouncegate.cli.web.access import Groups, Name, RoleName, opened, refused_softly

if TYPE_CHECKING:
    from bouncegate.web.access.accounts import Accounts

app = typer.Typer(no_args_is_help=True, help="Accounts of people who log in at the page.")

Generate = Annotated[
    bool, typer.Option("--generate", help="Make a password and print it, instead of asking.")
]


@app.command("add")
def add(
    context: typer.Context,
    name: Name,
    *,
    role: Annotated[RoleName, typer.Option(help="What they may do.")],
    group: Groups = None,
    generate: Generate = False,
    why: Why = "",
    by: By = "",
) -> None:
    """Make an account.

    The password is asked for, or read from the first line of standard input.

    Examples:

    bouncegate web account add desk --role operate --generate
    """
    password = _password(generate=generate)
    with _accounts(context) as accounts:
        accounts.add(name, role.value, group or (), password, int(time.time()))
    _tell(name, password, generate=generate)
    changed = f"{name}: role {role.value}, groups {', '.join(group or ()) or 'all'}"
    put_on_record(invocation_of(context), "web account add", changed, by=by, why=why)


@app.command("password")
def password_(
    context: typer.Context,
    name: Name,
    *,
    generate: Generate = False,
    why: Why = "",
    by: By = "",
) -> None:
    """Change a password; all sessions of the account end.

    Examples:

    bouncegate web account password desk --generate
    """
    password = _password(generate=generate)
    with _accounts(context) as accounts:
        accounts.change(name, int(time.time()), password=password)
    _tell(name, password, generate=generate)
    put_on_record(invocation_of(context), "web account password", name, by=by, why=why)


@app.command("role")
def role_(
    context: typer.Context,
    name: Name,
    role: Annotated[RoleName, typer.Argument(metavar="ROLE", help="What they may do.")],
    *,
    group: Groups = None,
    why: Why = "",
    by: By = "",
) -> None:
    """Change role and groups; all sessions of the account end.

    Examples:

    bouncegate web account role desk admin
    """
    with _accounts(context) as accounts:
        accounts.change(name, int(time.time()), role=role.value, groups=group or ())
    changed = f"{name}: role {role.value}, groups {', '.join(group or ()) or 'all'}"
    write_text(changed)
    put_on_record(invocation_of(context), "web account role", changed, by=by, why=why)


@app.command("remove")
def remove(context: typer.Context, name: Name, *, why: Why = "", by: By = "") -> None:
    """Delete an account; its sessions and tokens end.

    Examples:

    bouncegate web account remove desk
    """
    with _accounts(context) as accounts:
        if not accounts.remove(name):
            raise typer.BadParameter(f"there is no account {name}")
    write_text(f"{name}: removed")
    put_on_record(invocation_of(context), "web account remove", name, by=by, why=why)


@app.command("list")
def list_(context: typer.Context, *, json: Json = False) -> None:
    """List the accounts.

    Examples:

    bouncegate web account list
    """
    from bouncegate.web.access.accounts import Accounts  # noqa: PLC0415 - these commands' alone

    with opened(context, create=False) as environment:
        found = Accounts(environment).all() if environment else []
    rows = [(a.name, a.role, a.groups, iso(a.made), iso(a.changed)) for a in found]
    if json:
        keys = ("name", "role", "groups", "made", "changed")
        for row in rows:
            write_json(dict(zip(keys, row, strict=True)))
    else:
        write_table(
            ("name", "role", "groups", "changed"),
            ((name, role, ", ".join(groups) or "all", at) for name, role, groups, _, at in rows),
        )


@contextmanager
def _accounts(context: typer.Context) -> Iterator["Accounts"]:
    from bouncegate.web.access.accounts import Accounts  # noqa: PLC0415

    finish_unread()
    with opened(context) as environment, refused_softly():
        assert environment is not None
        yield Accounts(environment)


def _password(*, generate: bool) -> str:
    if generate:
        from bouncegate.web.access.passwords import generated  # noqa: PLC0415

        return generated()
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass("Password: ")
    if getpass("Again: ") != password:
        raise typer.BadParameter("the two passwords differ")
    return password


def _tell(name: str, password: str, *, generate: bool) -> None:
    print(f"{name}: {password}" if generate else f"{name}: done")
