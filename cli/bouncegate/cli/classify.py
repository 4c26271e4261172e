"""`classify`: what Bouncegate makes of a message or a reply; stores nothing."""

import os
from typing import Annotated

import typer

from bouncegate.cli.inputfiles import lines, messages
from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.options import Json
from bouncegate.cli.output import complain, write_json, write_table
from bouncegate.store.installationmark import known_mark


def classify(
    context: typer.Context,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...", help="Messages: a file, a folder, an mbox, or - for standard input."
        ),
    ],
    *,
    json: Json = False,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Show which rule decided, and the words that it matched."),
    ] = False,
    diagnostics: Annotated[
        bool, typer.Option("--diagnostics", help="Read one SMTP reply or diagnostic per line.")
    ] = False,
) -> None:
    """Classify messages or SMTP replies; store nothing.

    Examples:

    bouncegate classify --explain bounce.eml

    echo '550 5.1.1 no such user' | bouncegate classify --diagnostics -
    """
    from bouncegate.cli.classified import DiagnosticLines, Messages, View  # noqa: PLC0415
    from bouncegate.cli.daemons import classifier_of  # noqa: PLC0415

    settings = invocation_of(context).settings
    classifier = classifier_of(settings, known_mark(settings.store.path))
    view: View = DiagnosticLines(classifier) if diagnostics else Messages(classifier)
    rows: list[tuple[object, ...]] = []
    unreadable = False
    for path in paths:
        try:
            for item in lines(path) if diagnostics else messages(path):
                if json:
                    write_json(view.record(item, explain=explain))
                elif explain:
                    print(view.account(item))
                else:
                    rows += view.rows(item)
        except OSError as error:
            complain(f"{path}: {error.strerror}")
            unreadable = True
    if not json and not explain:
        write_table(view.columns, rows)
    if unreadable:
        raise typer.Exit(os.EX_NOINPUT)
