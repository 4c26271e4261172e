"""`check --write-good`: a subscriber list without the addresses that cannot be mailed."""

import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from msgspec import Struct

from bouncegate.admin.lists.check import ListCheck
from bouncegate.admin.lists.cleaning import CleaningCounts, CleaningRules, Write, chosen, clean
from bouncegate.admin.lists.csvfile import Dialect
from bouncegate.admin.lists.subscribers import SubscriberList
from bouncegate.admin.views.values import Counts
from bouncegate.cli.outfile import writing, writing_new
from bouncegate.cli.output import complain, write_json
from bouncegate.cli.sentences import write_text
from bouncegate.config.text import counted


@dataclass(frozen=True)
class CleaningOptions:
    """The options of `check` that write the list anew."""

    write_good: Annotated[
        Path | None,
        typer.Option(
            "--write-good",
            metavar="FILE",
            readable=False,
            help="Write the list without bad addresses to FILE.",
        ),
    ] = None
    write_bad: Annotated[
        Path | None,
        typer.Option(
            "--write-bad", metavar="FILE", readable=False, help="Write the rows taken off to FILE."
        ),
    ] = None
    also: Annotated[
        list[str] | None,
        typer.Option(
            "--also",
            metavar="VERDICT",
            help="With --write-good: take these off too: typo, predicted, stale, detected.",
        ),
    ] = None
    keep_soft: Annotated[
        bool,
        typer.Option("--keep-soft", help="With --write-good: keep addresses with a soft lock."),
    ] = False
    replace: Annotated[
        bool, typer.Option("--replace", help="With --write-good: replace existing files.")
    ] = False

    @property
    def writes(self) -> bool:
        """Whether a list is to be written."""
        return self.write_good is not None or self.write_bad is not None

    def rules(self) -> CleaningRules:
        """What is taken off; raises typer.BadParameter."""
        try:
            return CleaningRules(chosen(self.also or ()), self.keep_soft)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    def verify(self) -> None:
        """Raise typer.BadParameter if the options contradict each other, or a file exists."""
        if not self.writes and (self.also or self.keep_soft or self.replace):
            raise typer.BadParameter("--also, --keep-soft and --replace need --write-good")
        if self.write_good == self.write_bad and self.writes:
            raise typer.BadParameter("--write-good and --write-bad must name two files")
        for path in filter(None, (self.write_good, self.write_bad)):
            if path.exists() and not self.replace:
                raise typer.BadParameter(f"{path}: already exists: name another file, or --replace")


class CleaningView(Struct):
    """What was done to a list, as scripts read it."""

    read: int
    good: int
    bad: int
    bad_by: Counts
    """By verdict/reason."""
    suspicious: Counts
    """Of the good rows, by verdict."""
    unreadable_lines: list[int]
    """The first of them."""
    written: Counts
    """Rows by file."""


def clean_list(
    subscribers: SubscriberList,
    check: ListCheck,
    options: CleaningOptions,
    dialect: Dialect,
    *,
    json: bool,
) -> None:
    """Write the list anew, and say in numbers what was done."""
    with ExitStack() as stack:
        good = stack.enter_context(_writing(options.write_good, subscribers, options, dialect))
        bad = stack.enter_context(_writing(options.write_bad, subscribers, options, dialect))
        counts = clean(subscribers.rows(), check, options.rules(), good, bad)
    view = _view_of(counts, options)
    if json:
        write_json(view)
    else:
        _say(view)


@contextmanager
def _writing(
    path: Path | None, subscribers: SubscriberList, options: CleaningOptions, dialect: Dialect
) -> Iterator[Write]:
    """What writes rows into a file, behind the mark and the names of the columns.

    They are as they were, unless a dialect is asked for.
    """
    if path is None:
        yield lambda _: None
        return
    form = subscribers.form
    out: BinaryIO
    with (writing if options.replace else writing_new)(path) as out:
        if dialect is Dialect.EXCEL_DE:
            file = io.TextIOWrapper(out, "utf-8", "surrogateescape", newline="")
            rows = dialect.rows(file)
            rows.writerows(subscribers.names)
            yield lambda text: rows.writerow(subscribers.cells(text))
            file.detach()  # which flushes it
            return
        out.write(form.mark + form.encoded(subscribers.head))
        yield lambda text: out.write(form.encoded(text))


def _view_of(counts: CleaningCounts, options: CleaningOptions) -> CleaningView:
    files = ((options.write_good, counts.good), (options.write_bad, counts.bad))
    return CleaningView(
        counts.read,
        counts.good,
        counts.bad,
        Counts(counts.bad_by.most_common()),
        Counts(counts.suspicious.most_common()),
        counts.unreadable,
        Counts({str(path): number for path, number in files if path is not None}),
    )


def _say(view: CleaningView) -> None:
    reasons = f" ({view.bad_by})" if view.bad else ""
    write_text(f"{counted(view.read, 'row')} read: {view.good} good, {view.bad} bad{reasons}")
    if view.suspicious:
        write_text(f"suspicious, but kept: {view.suspicious}")
    for path, number in view.written.items():
        write_text(f"{path}: {counted(number, 'row')} written")
    for line in view.unreadable_lines:
        complain(f"line {line}: no address can be read in it: taken off")
