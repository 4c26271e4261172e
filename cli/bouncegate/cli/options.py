"""The options that several commands share, each written once, and groups of them.

A group is a dataclass whose fields are options. A command takes it as one parameter, and
`with_groups` shows typer its fields instead.
"""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, Final, get_type_hints

import typer

from bouncegate.admin.lists.audit import one_line
from bouncegate.admin.lists.csvfile import Dialect
from bouncegate.cli.operator import operator
from bouncegate.config.vocabularies import Vocabulary

WHEN: Final = '"2027-01-31", or "2 hours" for two hours ago'
ENDS: Final = '"2027-01-31", or "6 months" from now'

Json = Annotated[bool, typer.Option("--json", help="Write JSON for scripts: one object a line.")]
Csv = Annotated[bool, typer.Option("--csv", help="Write CSV, safe to open in a spreadsheet.")]
DialectOption = Annotated[
    Dialect,
    typer.Option(
        "--dialect",
        help="How CSV is written; excel-de opens in a German Excel or LibreOffice by itself.",
    ),
]
ColumnNames = Annotated[
    list[str] | None,
    typer.Option(
        "--column", metavar="COLUMN=NAME", help="The file's own name of a column: address=Email."
    ),
]
Encoding = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="The encoding of the file: windows-1252, say.  [default: UTF-8 or UTF-16]",
        show_default=False,
    ),
]
Limit = Annotated[
    int, typer.Option("--limit", metavar="NUMBER", min=0, help="Show at most this many; 0: all.")
]
Unverified = Annotated[
    bool, typer.Option("--unverified", help="Also count bounces not proven to be of our mail.")
]
InWordsOf = Annotated[
    Vocabulary | None,
    typer.Option("--vocabulary", help="Use the words of another program.", show_default=False),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would be done, and change nothing.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
AddressFile = Annotated[
    Path | None,
    typer.Option(
        "--file",
        metavar="FILE",
        help="A file with one address a line; - for standard input.",
        readable=False,
    ),
]
Addresses = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ADDRESS", help="Addresses, or @domain for a whole domain.", show_default=False
    ),
]
Notify = Annotated[
    str, typer.Option("--notify", metavar="ADDRESS", help="Mail this address when it is done.")
]
Why = Annotated[
    str,
    typer.Option(
        "--why",
        metavar="TEXT",
        help="A note for the audit record, in your words; senders do not see it.",
        callback=one_line,
    ),
]
By = Annotated[
    str,
    typer.Option(
        "--by",
        metavar="NAME",
        help="Who asked for it.  [default: you]",
        show_default=False,
        callback=lambda text: one_line(text) or operator(),
    ),
]


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """The command, with the fields of each parameter that is a dataclass as options of its own."""
    hints = get_type_hints(command, include_extras=True)
    own = signature(command).parameters.values()
    groups = {one.name: hints[one.name] for one in own if is_dataclass(hints[one.name])}
    options = [
        option
        for one in own
        for option in (
            _options(groups[one.name])
            if one.name in groups
            else [one.replace(annotation=hints[one.name])]
        )
    ]

    @wraps(command)
    def run(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{one.name: given.pop(one.name) for one in fields(group)})
        command(**given)

    run.__annotations__ = {option.name: option.annotation for option in options}
    vars(run)["__signature__"] = Signature(options)
    return run


def _options(group: type[Any]) -> list[Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        Parameter(one.name, Parameter.KEYWORD_ONLY, default=one.default, annotation=hints[one.name])
        for one in fields(group)
    ]
