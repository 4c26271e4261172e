"""`postfix`: enables and disables Bouncegate in a Postfix, and shows what asks it."""

from typing import Final

import typer

from bouncegate.cli.postfix.disable import disable
from bouncegate.cli.postfix.enable import enable
from bouncegate.cli.postfix.status import status

app: Final = typer.Typer(no_args_is_help=True, help="Enable or disable Bouncegate in Postfix.")
for command in (status, enable, disable):
    app.command()(command)
