"""The help: a newcomer finds each command in its panel, on a line of its own, in 80 columns."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from bouncegate.cli.main import app
from bouncegate.cli.options import WHEN
from manual.commands import every_command, help_of
from manual.pages import pages

from .conftest import Command

ROOT: Any = typer.main.get_command(app)
GROUPS = [name for name, command in ROOT.commands.items() if getattr(command, "commands", None)]
COMMANDS = dict(every_command(ROOT))
# What an option selects or does is told in other words where a command treats another thing.
SEVERAL = {
    "--check": "the change to a Postfix, or to this machine",
    "--addresses": "a file to import, or a form of a report",
    "--all": "whom the options select: of locks, or of a list",
    "--force": "hard locks, to be lifted or to be corrected to",
    "--since": "of bounces, entries of a list, changes, or a message",
    "--until": "the same; of a lock: its end",
    "--file": "of addresses, or one more at check",
    "--group": "a filter, or the group to lock or check for",
    "--reason": "a filter, or the reason of a lock",
    "--address": "of an audit, or as receivers see it",
    "--by": "who asks, or a filter of an audit",
    "--lookup": "which domains are looked up",
    "--replace": "files of a list, or of a store",
    "--output": "a file, or an mbox or folder",
    "--state": "explained at list, named at export",
}


@pytest.fixture(autouse=True)
def narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def lines_of_lists(text: str) -> Iterator[str]:
    """The lines of all panels: those after the options."""
    yield from re.findall(r"^  \S.*$", text.partition("--help ")[2], re.MULTILINE)


def test_command_list_has_each_command_once_in_its_panel(bouncegate: Command) -> None:
    text = bouncegate("--help").out
    titles = re.findall(r"^(\w+):$", text, re.MULTILINE)
    assert titles == [
        "Options", "Daemons", "Addresses", "Lists", "Reports", "Setup", "Store",
    ]  # fmt: skip
    names = [line.split()[0] for line in lines_of_lists(text)]
    assert names == ROOT.list_commands(None)
    assert sorted(names) == sorted(ROOT.commands)


@pytest.mark.parametrize("group", ["", *GROUPS])
def test_command_list_is_neither_wrapped_nor_cut_in_80_columns(
    bouncegate: Command, group: str
) -> None:
    text = bouncegate(*group.split(), "--help").out
    command = ROOT.commands[group] if group else ROOT
    lines = list(lines_of_lists(text))
    assert len(lines) == len(command.commands)
    assert all(line.endswith(".") and not line.endswith("...") for line in lines)
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("path", COMMANDS)
def test_help_shows_each_example_on_a_line_to_be_copied(bouncegate: Command, path: str) -> None:
    shown = bouncegate(*path.split(), "--help").out.splitlines()
    assert [one for one in help_of(COMMANDS[path])[1] if f"  {one}" not in shown] == []


@pytest.mark.parametrize("path", COMMANDS)
def test_help_names_arguments_without_types_of_the_language(bouncegate: Command, path: str) -> None:
    shown = bouncegate(*path.split(), "--help").out
    names = re.findall(
        r"^  (\S+)  ", shown.partition("Arguments:")[2].partition("Options:")[0], re.MULTILINE
    )
    arguments = [one for one in COMMANDS[path].params if one.param_type_name == "argument"]
    assert len(names) == len(arguments)
    assert not re.search(r"<(?:str|int|path|list)\b", shown)


@pytest.mark.parametrize("path", COMMANDS)
def test_help_of_options_is_sentences(path: str) -> None:
    for one in COMMANDS[path].params:
        if one.opts[0] != "--help":
            assert re.match(r"[A-Z\"]|detected: ", one.help or ""), one.opts
            assert one.help.endswith((".", "]")), one.opts


def test_help_of_a_shared_option_is_the_same_everywhere() -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for command in COMMANDS.values():
        for one in command.params:
            if one.param_type_name == "option":
                found[one.opts[0]].add(one.help)
    assert {name for name, texts in found.items() if len(texts) > 1} == SEVERAL.keys()


def test_help_and_manual_have_the_same_panels(bouncegate: Command) -> None:
    page = pages(0)["bouncegate.1"].partition(".Sh COMMANDS\n")[2].partition("\n.Ss ")[0]
    told = re.findall(r"^\.(?:Sy|It Ic) (\S+)$", page, re.MULTILINE)
    shown = re.findall(
        r"^(?:  )?([\w-]+)(?::$| )", bouncegate("--help").out.partition("Daemons:")[2], re.MULTILINE
    )
    assert told == ["Daemons", *shown]


def test_since_names_the_form_of_a_time_at_each_command() -> None:
    told = [
        option.help
        for command in COMMANDS.values()
        for option in command.params
        if "--since" in option.opts
    ]
    assert len(told) > 10
    assert [text for text in told if WHEN not in text] == []
