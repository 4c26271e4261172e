"""`postfix enable --print`: the commands for a Postfix on another host."""

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from bouncegate.cli.output import complain
from bouncegate.cli.sentences import write_text
from bouncegate.config.text import printable

if TYPE_CHECKING:
    from bouncegate.admin.postfix.enable import Options

_HEADING: Final = """\
# Run this as root on the host of Postfix. Running it again changes nothing.
# Its network must be in [outbound] networks here, and only it may reach these ports."""


def print_lines(config: Path, way: "Options") -> None:
    """Print the commands; ends the command if something must be set here first."""
    from bouncegate.admin.postfix.enable import settings_after  # noqa: PLC0415
    from bouncegate.admin.postfix.remote import remote_lines  # noqa: PLC0415

    found = remote_lines(settings_after(config, way), way.tables, socket.getfqdn())
    if found.conflicts:
        complain("the daemons cannot be reached from another host:")
        for text, fix in found.conflicts:
            write_text(f"  {text}")
            write_text(f"    -> {fix}")
        raise typer.Exit(os.EX_CONFIG)
    print(_HEADING)
    for command in found.commands:
        print(printable(command))
