"""What every command shares: the config file it was given, and the store that it names."""

import typer

from bouncegate.admin.installation import Installation
from bouncegate.cli.streams import finish_unread
from bouncegate.store.store import Store


class Invocation(Installation):
    """One call of the command."""

    def open_store(self, *, readonly: bool = False, for_daemon: bool = False) -> Store:
        """The store in force; a command that changes it finishes, whoever reads its output."""
        if not readonly:
            finish_unread()
        return super().open_store(readonly=readonly, for_daemon=for_daemon)


def invocation_of(context: typer.Context) -> Invocation:
    """What the options before the command's name said."""
    assert isinstance(context.obj, Invocation)
    return context.obj
