"""`check`: checks a list of addresses before it is mailed."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from itertools import chain
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer

from bouncegate.admin.lists.check import CheckedAddress, ListCheck
from bouncegate.admin.lists.columns import Columns
from bouncegate.admin.lists.csvfile import Dialect
from bouncegate.admin.lists.lines import Line, bare
from bouncegate.admin.lists.subscribers import SubscriberList
from bouncegate.admin.views.judged import AskDns, JudgedView, judged_view, list_check
from bouncegate.cli.cleaning import CleaningOptions, clean_list
from bouncegate.cli.inputfiles import opened
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.options import ColumnNames, Csv, DialectOption, Encoding, Json, with_groups
from bouncegate.cli.output import complain, write_views
from bouncegate.policy.mx import Status
from bouncegate.policy.nameservers import MOST_OWN
from bouncegate.store.store import Store

_COLUMNS: Final = ("line", "address", "verdict", "scope", "detail", "until", "suggestion", "why")


@with_groups
def check(
    context: typer.Context,
    addresses: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ADDRESS|FILE|-",
            help="Addresses, or files: CSV, or one address a line; - for standard input.",
        ),
    ] = None,
    *,
    file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="One more file, whatever its name.", readable=False),
    ] = None,
    group: Annotated[
        str, typer.Option(metavar="NAME", help="Check for this group of recipients.")
    ] = "",
    lookup: Annotated[
        bool, typer.Option("--lookup", help="Look up unknown domains in DNS.")
    ] = False,
    bad: Annotated[
        bool, typer.Option("--bad", help="Show only addresses that are not good.")
    ] = False,
    column: ColumnNames = None,
    encoding: Encoding = "",
    cleaning: CleaningOptions,
    json: Json = False,
    csv: Csv = False,
    dialect: DialectOption = Dialect.RFC4180,
) -> None:
    """Check addresses before you mail them.

    It finds bad syntax, locks, dead domains and likely typing errors.

    Exit code 0: all can be mailed. 1: some cannot (invalid, locked, or in a dead domain). Addresses
    that are only suspicious (typo, predicted, stale, detected) do not change the exit code, nor do
    unknown ones, for whose domain --lookup got no answer. 66: there is no such file. 77: permission
    was denied.

    With --write-good it writes the rows that can be mailed, as they are, with all columns, and
    says how many were taken off and why. The exit code is 0 then.

    Examples:

    bouncegate check --lookup --bad --file subscribers.txt

    bouncegate check subscribers.csv --write-good good.csv --write-bad bad.csv
    """
    if not addresses and file is None:
        raise typer.BadParameter("name addresses, or use --file")
    cleaning.verify()
    invocation, files = invocation_of(context), ListFiles(Columns(column or []), encoding)
    with ExitStack() as stack:
        if cleaning.writes:
            if csv or bad:
                raise typer.BadParameter("--write-good shows numbers alone: omit --csv and --bad")
            store = stack.enter_context(closing(invocation.open_store(readonly=True)))
            name = _only_file(addresses or [], file)
            subscribers = files.open(name, stack, named=True)
            clean_list(
                subscribers,
                _check_of(invocation, store, group, lookup=lookup),
                cleaning,
                dialect,
                json=json,
            )
            return
        lines = _lines(addresses or [], file, files, stack)
        raise typer.Exit(judge(invocation, lines, Shown(group, lookup, bad, json, csv, dialect)))


class ListFiles(NamedTuple):
    """How files of addresses are read."""

    columns: Columns
    encoding: str = ""

    def open(self, name: str, stack: ExitStack, *, named: bool = False) -> SubscriberList:
        """A file by its name; raises CsvError and typer.BadParameter."""
        octets = stack.enter_context(opened(name))
        return SubscriberList(octets, self.columns, self.encoding, named=named)

    def addresses(self, name: str, stack: ExitStack, *, named: bool = False) -> Iterator[Line]:
        """The addresses of a file; what cannot be read as a row comes as it is written."""
        return _addresses_of(self.open(name, stack, named=named))


def _addresses_of(subscribers: SubscriberList) -> Iterator[Line]:
    for row in subscribers.rows():
        if not row.is_blank:
            yield Line(row.line, row.text.strip() if row.address is None else row.address)


def _only_file(given: list[str], file: Path | None) -> str:
    """The one list that is to be cleaned."""
    names = [*given, *([str(file)] if file is not None else [])]
    if len(names) != 1 or (given and "@" in names[0]):
        raise typer.BadParameter("--write-good needs one file, or - for standard input")
    return names[0]


class Shown(NamedTuple):
    """How a list is judged, and shown."""

    group: str = ""
    lookup: bool = False
    bad: bool = False
    json: bool = False
    csv: bool = False
    dialect: Dialect = Dialect.RFC4180


def judge(invocation: Invocation, lines: Iterable[Line], how: Shown) -> int:
    """Judge addresses and show what came of it; the exit code."""
    found: Counter[str] = Counter()
    unmailable = 0

    def counted(judged: Iterable[CheckedAddress]) -> Iterator[JudgedView]:
        nonlocal unmailable
        for one in judged:
            found[one.verdict] += 1
            unmailable += not one.mailable
            if one.verdict != "good" or not how.bad:
                yield judged_view(one)

    with closing(invocation.open_store(readonly=True)) as store:
        checked = _check_of(invocation, store, how.group, lookup=how.lookup).check(lines)
        views = counted(checked)
        sheet = JudgedView.__struct_fields__ if how.csv else ()
        write_views(views, _COLUMNS, json=how.json, csv=sheet, dialect=how.dialect)
        if not how.json and not how.csv:
            complain(", ".join(f"{count} {verdict}" for verdict, count in found.most_common()))
    return 1 if unmailable else 0


def _check_of(invocation: Invocation, store: Store, group: str, *, lookup: bool) -> ListCheck:
    ask = _dns_of(invocation, store) if lookup else None
    return list_check(invocation, store, int(time.time()), group, ask)


def _dns_of(invocation: Invocation, store: Store) -> AskDns:
    """Asks DNS, until it cannot be asked."""
    fault = ""

    def ask(domains: list[str]) -> Mapping[str, Status]:
        nonlocal fault
        if fault:
            return {}
        from bouncegate.admin.dns.lookups import statuses_of  # noqa: PLC0415 - most calls ask no DNS

        own = store.mx.some_that_take_mail(MOST_OWN)
        answers, fault = statuses_of(domains, invocation.settings.dns, own)
        if fault:
            complain(f"{fault}: from here on, no domain is looked up")
        return {domain: answer.status for domain, answer in answers.items()}

    return ask


def _lines(
    given: list[str], file: Path | None, files: ListFiles, stack: ExitStack
) -> Iterable[Line]:
    """The addresses that were named, and those of files.

    What has no @ is a file. Raises FileError and CsvError before any address is read.
    """
    parts: list[Iterable[Line]] = [
        [Line(number, bare(text))] if "@" in text else files.addresses(text, stack)
        for number, text in enumerate(given, 1)
    ]
    if file is not None:
        parts.append(files.addresses(str(file), stack))
    return chain.from_iterable(parts)
