"""`doctor`: checks the installation, and says what each finding means for mail."""

import time
from pathlib import Path
from typing import Annotated, Final

import typer
from msgspec import Struct

from bouncegate.cli.addresses import Json
from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.output import write_json, write_table
from bouncegate.doctor.finding import Check, Severity, examined

_EXIT: Final = {Severity.WARNING: 1, Severity.ERROR: 2}


class FindingView(Struct):
    """One finding, for scripts."""

    check: str
    severity: str
    text: str
    mend: str


def doctor(
    context: typer.Context,
    *,
    postfix: Annotated[
        Path | None,
        typer.Option(help="The configuration folder of another Postfix.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Check the installation: what proves bounces, store, keys, daemons, DNS, Postfix.

    Exit code 0: nothing worse than a note. 1: a warning. 2: an error. 78: the config is wrong.

    Example: bouncegate doctor --json | grep '"error"'
    """
    from bouncegate.doctor import daemons, names, proof, storage  # noqa: PLC0415 - for one command only
    from bouncegate.doctor.postfix import check_postfix  # noqa: PLC0415

    settings = invocation_of(context).settings
    now = int(time.time())
    checks: tuple[tuple[str, Check], ...] = (
        ("proof", lambda: proof.check_proof(settings)),
        ("keys", lambda: proof.check_keys(settings, now)),
        ("store", lambda: storage.check_store(settings, now)),
        ("ledger", lambda: storage.check_ledger(settings)),
        ("daemons", lambda: daemons.check_daemons(settings)),
        ("dns", lambda: names.check_names(settings)),
        ("postfix", lambda: check_postfix(settings, postfix)),
    )
    found = list(examined(checks))
    if json:
        for one in found:
            write_json(FindingView(one.check, one.severity.name.lower(), one.text, one.mend))
    else:
        rows = ((one.check, one.severity.name.lower(), one.text, one.mend or None) for one in found)
        write_table(("check", "", "found", "what to do"), rows)
    raise typer.Exit(_EXIT.get(max(one.severity for one in found), 0))
