"""`store`: the files of store and ledger, one module a command."""

from typing import Final

import typer

from bouncegate.cli.store.backup import backup
from bouncegate.cli.store.compact import compact
from bouncegate.cli.store.restore import restore
from bouncegate.cli.store.stats import stats
from bouncegate.cli.store.upgrade import upgrade
from bouncegate.cli.store.verify import verify

app: Final = typer.Typer(
    no_args_is_help=True, help="Back up, restore, check and compact the store."
)
for command in (stats, backup, restore, compact, verify, upgrade):
    app.command()(command)
