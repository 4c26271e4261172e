"""`classify`: what Bouncegate makes of a message or a reply; stores nothing."""

import os
from typing import Annotated

import typer

from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.messagefiles import lines, messages
from bouncegate.cli.output import complain, write_json, write_table
from bouncegate.store.mark import known_mark


def classify(
    context: typer.Context,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Messages: file, folder, mbox or `-`.")
    ],
    *,
    json: Annotated[
        bool, typer.Option("--json", help="One line of JSON for each message.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say which rule decided, by which words.")
    ] = False,
    diagnostics: Annotated[
        bool, typer.Option("--diagnostics", help="The files hold one reply or diagnostic a line.")
    ] = False,
) -> None:
    """Classify messages, or replies of servers, without storing anything.

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
