"""The section COMMANDS, generated from the help of the commands: usage, options, examples."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import typer

from manual.mdoc import argument, literal, paragraphs, tagged, text

_EXAMPLES: Final = "Examples:"
_PROGRAM: Final = "bouncegate"
_LONGEST: Final = "check-config"
# Options of every command, which the page shows once.
_EVERYWHERE: Final = {"--help"}

Command = Any
"""A command of typer, whose type is not in typer's public interface."""


def commands(app: typer.Typer) -> str:
    """The list of `--help` with its panels, then one subsection for each command, in its order."""
    root: Command = typer.main.get_command(app)
    listed = ".Pp\n".join(_panel(root, title, names) for title, names in root.panels.items())
    return listed + "".join(_subsection(path, command) for path, command in every_command(root))


def _panel(root: Command, title: str, names: Iterable[str]) -> str:
    items = [(f"Ic {argument(name)}", text(help_of(root.commands[name])[0][0])) for name in names]
    return f".Sy {argument(title)}\n{tagged(items, f'{_LONGEST} -compact')}"


def every_command(root: Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Command]]:
    """Each command that can be called, by its words after the program's name."""
    for name in root.list_commands(None):
        command = root.commands[name]
        if command.hidden:
            continue
        below = (*path, name)
        inner = getattr(command, "commands", None)
        if not inner or getattr(command, "invoke_without_command", False):
            yield " ".join(below), command
        if inner:
            yield from every_command(command, below)


def help_of(command: Command) -> tuple[list[str], list[str]]:
    """The paragraphs of a command's help, and its examples."""
    blocks = [" ".join(block.split()) for block in (command.help or "").split("\n\n")]
    if _EXAMPLES not in blocks:
        return blocks, []
    place = blocks.index(_EXAMPLES)
    return blocks[:place], blocks[place + 1 :]


def _subsection(path: str, command: Command) -> str:
    prose, examples = help_of(command)
    options = [one for one in command.params if one.param_type_name == "option" and not one.hidden]
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    usage = f".Nm {_PROGRAM} {argument(path)}\n"
    usage += ".Op Ar option ...\n" if options else ""
    usage += "".join(_usage_of(one) for one in arguments)
    items = [(f"Ar {argument(_name(one))}", text(one.help)) for one in arguments if one.help]
    items += [
        (_head(one), _help_of_option(one)) for one in options if one.opts[0] not in _EVERYWHERE
    ]
    body = "".join(paragraphs(prose))
    shown = literal(examples) if examples else ""
    return f".Ss {argument(path)}\n{usage}.Pp\n{body}{tagged(items)}{shown}"


def _usage_of(one: Any) -> str:
    word = f"Ar {argument(_name(one))}{' ...' if one.nargs == -1 else ''}"
    return f".{word}\n" if one.required else f".Op {word}\n"


def _head(one: Any) -> str:
    flags = " , ".join(f"Fl {argument(flag.removeprefix('-'))}" for flag in one.opts)
    return flags if one.is_flag else f"{flags} Ar {argument(_value(one))}"


def _help_of_option(one: Any) -> str:
    words = one.help or ""
    default = one.default
    if one.show_default and not one.is_flag and default not in (None, "", ()):
        words += f" The default is {getattr(default, 'value', default)}."
    return text(words)


def _name(one: Any) -> str:
    return str(one.metavar or one.name.upper()).removesuffix("...")


def _value(one: Any) -> str:
    return str(one.metavar or one.name.upper().replace("_", "-"))
