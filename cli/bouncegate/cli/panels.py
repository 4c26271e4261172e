"""The command list of `--help`, in panels: typer alone draws them only with rich."""

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from typer.core import TyperGroup


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
