"""`keys list` and `keys rotate`: the secrets that sign return paths."""

import time

import typer

from bouncegate.admin.views.values import iso
from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.onrecord import put_on_record
from bouncegate.cli.options import By, Json, Why
from bouncegate.cli.output import complain, write_json
from bouncegate.cli.sentences import write_text
from bouncegate.cli.streams import finish_unread
from bouncegate.cli.table import write_table
from bouncegate.store.tokens.keys import KEY_FILE, KeyRing
from bouncegate.store.tokens.keys import rotate as rotate_file

app = typer.Typer(no_args_is_help=True, help="List or rotate the keys that sign return paths.")


@app.command("list")
def list_(context: typer.Context, *, json: Json = False) -> None:
    """List the keys; the last one signs.

    Secrets are not shown.

    Examples:

    bouncegate keys list
    """
    path = invocation_of(context).settings.store.path / KEY_FILE
    try:
        ring = KeyRing.load(path)
    except FileNotFoundError:
        complain(f"{path}: no key yet: the daemons create one when they need it")
        return
    rows = [(key.number, iso(key.made), key is ring.current) for key in ring.keys]
    if json:
        for number, made, signs in rows:
            write_json({"key": number, "made": made, "signs": signs})
    else:
        write_table(("key", "made", "signs"), ((n, m, "yes" if s else "no") for n, m, s in rows))


@app.command("rotate")
def rotate(context: typer.Context, *, why: Why = "", by: By = "") -> None:
    """Add a key that signs from now on.

    Return paths that older keys signed stay valid: keys that may have signed one that still proves
    a bounce or complaint are kept, and 15 at least.

    Examples:

    bouncegate keys rotate
    """
    finish_unread()
    invocation = invocation_of(context)
    settings = invocation.settings
    lifetime = settings.return_path.longest_lifetime
    key = rotate_file(settings.store.path / KEY_FILE, int(time.time()), lifetime).current
    text = f"key {key.number} signs from now on"
    write_text(text)
    put_on_record(invocation, "keys rotate", text, by=by, why=why)
