"""`classify`: what Bouncegate makes of a message or a reply; stores nothing."""

import os
from pathlib import Path
from typing import Annotated

import typer

from bouncegate.cli.fileerror import FileError, exit_code_of
from bouncegate.cli.inputfiles import MessageFile, lines, messages
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.options import InWordsOf, Json
from bouncegate.cli.outfile import writing_new
from bouncegate.cli.output import complain, write_json
from bouncegate.cli.table import write_table
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
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Also write a case to this new file: the message or the replies without personal "
            "data, and the verdict. Attach it to an issue.",
            readable=False,
        ),
    ] = None,
    vocabulary: InWordsOf = None,
) -> None:
    """Classify messages or SMTP replies; store nothing.

    With --report FILE, a person can send in what is classified wrongly. Read the file before you
    publish it: the sentences of a notice stay.

    Examples:

    bouncegate classify --explain bounce.eml

    echo '550 5.1.1 no such user' | bouncegate classify --diagnostics -

    bouncegate classify --report case.eml bounce.eml

    bouncegate classify --vocabulary sisimai --json bounce.eml
    """
    from bouncegate.cli.classified import DiagnosticLines, Messages, View  # noqa: PLC0415
    from bouncegate.cli.daemons import classifier_of  # noqa: PLC0415

    invocation = invocation_of(context)
    settings = invocation.settings
    classifier = classifier_of(settings, known_mark(settings.store.path))
    kind_of_view = DiagnosticLines if diagnostics else Messages
    view: View = kind_of_view(classifier, vocabulary)
    reported: list[MessageFile] = []
    rows: list[tuple[object, ...]] = []
    code = os.EX_OK
    for path in paths:
        try:
            for item in lines(path) if diagnostics else messages(path):
                reported += [item] * (report is not None)
                if json:
                    write_json(view.record(item, explain=explain))
                elif explain:
                    print(view.account(item))
                else:
                    rows += view.rows(item)
        except OSError as error:
            complain(str(FileError(error, path)))
            code = max(code, exit_code_of(error))
    if not json and not explain:
        write_table(view.columns, rows)
    differ = report is not None and _report(invocation, reported, report, diagnostics=diagnostics)
    if code:
        raise typer.Exit(code)
    if differ:
        raise typer.Exit(1)


def _report(
    invocation: Invocation, items: list[MessageFile], file: Path, *, diagnostics: bool
) -> bool:
    """Write the case of a message, or of replies; whether it shows less than they did."""
    from bouncegate.cli.cases import Cases  # noqa: PLC0415

    if len(items) != 1 and not diagnostics:
        raise typer.BadParameter(f"--report takes one message, and there are {len(items)}")
    cases = Cases(invocation)
    case_of = cases.of_reply if diagnostics else cases.of_message
    with writing_new(file) as out:
        out.writelines(case_of(item) for item in items)
    return cases.differ
