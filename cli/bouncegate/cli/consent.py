"""Asking before something is done that cannot be undone by a key stroke."""

import os
import sys
from typing import Annotated

import typer

from bouncegate.cli.output import complain

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def require_consent(question: str, refusal: str, *, yes: bool) -> None:
    """Return if the answer is yes; end the command otherwise, saying `refusal`."""
    if yes:
        return
    if not sys.stdin.isatty():
        complain(f"{refusal}: no terminal to ask at, use --yes")
        raise typer.Exit(os.EX_USAGE)
    typer.confirm(question, abort=True)
