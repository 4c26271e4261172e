"""What `--help` shows otherwise than typer: commands in panels, and arguments without types."""

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup


class PanelGroup(TyperGroup):
    """A group whose help lists its commands by panels, in their order."""

    panels: ClassVar[Mapping[str, Collection[str]]]
    """Title -> names of commands."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All names, panel by panel."""
        del ctx  # the same for every call
        return [name for names in self.panels.values() for name in names]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section for each panel, with one line for each command."""
        del ctx
        width = max(map(len, self.commands))
        for panel, names in self.panels.items():
            helps = [self.commands[name].get_short_help_str(formatter.width) for name in names]
            with formatter.section(panel):
                formatter.write_dl(
                    [(name.ljust(width), text) for name, text in zip(names, helps, strict=True)]
                )


class PlainCommand(TyperCommand):
    """A command whose help names its arguments, without the types of Python behind them."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write a section for the arguments and one for the options."""
        params = [(one, one.get_help_record(ctx)) for one in self.get_params(ctx)]
        for title, kind in (("Arguments", "argument"), ("Options", "option")):
            found = [record for one, record in params if record and one.param_type_name == kind]
            if kind == "argument":
                found = [(name.partition(" <")[0], text) for name, text in found]
            if found:
                with formatter.section(title):
                    formatter.write_dl(found)


def name_arguments_only(app: typer.Typer) -> None:
    """Have all commands of an app, and of the groups below it, shown like this."""
    for command in app.registered_commands:
        command.cls = PlainCommand
    for group in app.registered_groups:
        if group.typer_instance is not None:
            name_arguments_only(group.typer_instance)
