"""`import`: corrections, locks from elsewhere, or addresses to check, as CSV."""

import os
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import chain
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import typer

from bouncegate.admin.lists import corrections as correcting
from bouncegate.admin.lists import imports as locking
from bouncegate.admin.lists import suppressions
from bouncegate.admin.lists.columns import Columns
from bouncegate.admin.lists.corrections import Fault
from bouncegate.admin.lists.csvfile import CsvRow, iso_time, read_csv
from bouncegate.admin.lists.externalsort import SortedRuns
from bouncegate.admin.lists.importcounts import ImportCounts
from bouncegate.admin.lists.imports import LockReader, RequestedLock, Skipped
from bouncegate.admin.lists.jsonfile import is_json, read_json
from bouncegate.admin.lists.suppressions import SuppressionReader
from bouncegate.cli.acts import carry_out, force_rule_of
from bouncegate.cli.check import ListFiles, Shown, judge
from bouncegate.cli.confirmation import require_consent
from bouncegate.cli.inputfiles import opened
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.operator import audit_of
from bouncegate.cli.options import ENDS, By, ColumnNames, DryRun, Encoding, Why, Yes
from bouncegate.cli.output import complain
from bouncegate.cli.progress import reading
from bouncegate.cli.sentences import write_text
from bouncegate.cli.times import end_of
from bouncegate.config.taxonomy import Blame, Kind, Reason
from bouncegate.config.text import counted
from bouncegate.policy.records import Act
from bouncegate.store.store import Store

_SHOWN: Final = 20


def import_(
    context: typer.Context,
    *,
    corrections: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help='A file of "export --with-id" with corrected addresses.',
            readable=False,
        ),
    ] = None,
    locks: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Locks from elsewhere: columns address, reason, detail, until, scope, why.",
            readable=False,
        ),
    ] = None,
    addresses: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help='Addresses to check, as "bouncegate check" does.', readable=False
        ),
    ] = None,
    column: ColumnNames = None,
    encoding: Encoding = "",
    service: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Read --locks as this export of a service: mailgun-bounces, say; none: by the "
            "names of its columns.  [default: recognised]",
            show_default=False,
        ),
    ] = "",
    skip_bad: Annotated[
        bool,
        typer.Option("--skip-bad", help="Import --locks without the lines that are bad."),
    ] = False,
    until: Annotated[
        str,
        typer.Option(
            metavar="TIME", help=f"The end of locks for which the file names none: {ENDS}."
        ),
    ] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Also when a new address is hard-locked.")
    ] = False,
    lookup: Annotated[
        bool, typer.Option("--lookup", help="With --addresses: look up unknown domains in DNS.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    why: Why = "",
    by: By = "",
) -> None:
    """Import corrections, locks or addresses from a CSV file.

    Columns are separated by `,`, `;` or tabs. If any line is bad, nothing is imported. What would
    change is shown first, for you to confirm. Importing the same file again changes nothing.

    Suppression lists of Amazon SES, SendGrid, Mailgun, Postmark, SparkPost, Brevo and Mailchimp are
    recognised, as CSV or JSON.

    Examples:

    bouncegate import --corrections locked.csv

    bouncegate import --locks old.csv --column address=Email --until "1 year"

    bouncegate import --locks suppressions.json --skip-bad --dry-run
    """
    given = [path for path in (corrections, locks, addresses) if path is not None]
    if len(given) != 1:
        raise typer.BadParameter("name one file: --corrections, --locks or --addresses")
    invocation, columns = invocation_of(context), Columns(column or [])
    with ExitStack() as stack:
        if addresses is not None:
            lines = ListFiles(columns, encoding).addresses(str(addresses), stack, named=True)
            raise typer.Exit(judge(invocation, lines, Shown(lookup=lookup, bad=True)))
        file = stack.enter_context(opened(str(given[0])))
        job = _Job(invocation, columns, encoding, by, why, yes=yes, dry_run=dry_run)
        if corrections is not None:
            job.correct(file, force=force)
        else:
            service = service or ("none" if column else "")
            job.lock(file, until, service, skip_bad=skip_bad)


class _Job:
    """One import."""

    def __init__(
        self,
        invocation: Invocation,
        columns: Columns,
        encoding: str,
        by: str,
        why: str,
        *,
        yes: bool,
        dry_run: bool,
    ) -> None:
        self._invocation = invocation
        self._columns = columns
        self._encoding = encoding
        self._by, self._why = by, why
        self._yes, self._dry_run = yes, dry_run
        self._fold = invocation.settings.store.fold_local_part
        self._now = int(time.time())

    def correct(self, file: BinaryIO, *, force: bool) -> None:
        """Import corrected addresses."""
        sought = correcting.read_corrections(
            read_csv(file, self._encoding), self._columns, fold=self._fold
        )
        with closing(self._invocation.open_store(readonly=self._dry_run)) as store:
            found = correcting.resolve(store, sought)
            fresh = [
                correcting.as_seen(store, c, self._now)
                for c in found
                if not correcting.is_done(store, c)
            ]
            sought.faults.extend(correcting.chained(found))
            rule = force_rule_of(self._invocation, store, self._now)
            for correction in fresh:
                if fault := correcting.fault_of(store, correction, self._now, rule, force=force):
                    sought.faults.append(Fault(correction.line, fault))
            before = sought.unchanged + len(found) - len(fresh)
            counts = ImportCounts(sought.unchanged + len(sought.faults))
            bad = {fault.line for fault in sought.faults}
            right = [one for one in found if one.line not in bad]
            counts.read += len(right)
            counts.refuse(sought.faults)
            _refuse(sought.faults, counts)
            counts.done.update({"corrected": len(fresh), "unchanged": before})
            for correction in fresh[:_SHOWN]:
                write_text(f"{correction.old} -> {correction.new}")
            write_text(f"{len(fresh)} to correct, {before} unchanged")
            acts = correcting.acts_of(fresh, self._now, self._by, self._why)
            self._do(store, "correction", acts, len(fresh), 2 * len(fresh))
        write_text(str(counts))

    def lock(self, file: BinaryIO, until: str, service: str, *, skip_bad: bool) -> None:
        """Import locks, sorted by address, which makes writing faster."""
        default = end_of(until, self._now)
        as_json, octets = is_json(file)
        sheet = read_json(octets) if as_json else read_csv(octets, self._encoding)
        sheet, services = self._recognised(sheet, service)
        reader = LockReader(self._columns, lambda cell: _end(cell, self._now, default),
                            services, fold=self._fold)  # fmt: skip
        counts, faults = ImportCounts(), list[Fault]()
        with ExitStack() as stack:
            store = stack.enter_context(
                closing(self._invocation.open_store(readonly=self._dry_run))
            )

            def good() -> Iterator[RequestedLock]:
                for found in reader.read(reading(sheet, file)):
                    counts.read += 1
                    if isinstance(found, RequestedLock):
                        yield found
                    elif isinstance(found, Skipped):
                        counts.left_out[found.why] += 1
                    else:
                        faults.append(found)

            requests = stack.enter_context(SortedRuns(good(), RequestedLock, RequestedLock.order))
            counts.refuse(faults)
            _refuse(faults, counts, skip_bad=skip_bad, unit="item" if as_json else "line")
            scopes: set[str] = set()
            counts.done.update({"new": 0, "changed": 0, "already there": 0})
            for effect, request in locking.planned_locks(store, requests, self._now):
                counts.done[effect] += 1
                if effect != "already there":
                    scopes.add(request.scope)
            rows = counts.read - len(faults) - counts.left_out.total()
            counts.done["listed twice"] = rows - counts.done.total()
            new = counts.done["new"] + counts.done["changed"]
            write_text(
                f"{new} to lock, {rows - new} unchanged (locked as long already, or listed twice)"
            )
            why = self._why or "imported"
            fresh = locking.new_locks(store, requests, self._now)
            acts = locking.acts_of(fresh, self._now, self._by, why)
            self._do(store, "lock", acts, new, new, scopes=scopes)
        write_text(str(counts))

    def _recognised(
        self, sheet: Iterator[CsvRow], service: str
    ) -> tuple[Iterator[CsvRow], SuppressionReader | None]:
        """The rows, and what reads them if they are the export of a service, which is said."""
        form = suppressions.chosen(service) if service not in ("", "none") else None
        first = next(sheet, None)
        if first is None:
            return sheet, None
        if not service:
            form = suppressions.recognised(first)
        if form is None:
            return chain([first], sheet), None
        how = "read" if service else "recognised"
        write_text(f"{how} as {form.title}" + ("" if service else " (--service changes that)"))
        from bouncegate.classifier import Classifier, load_rules  # noqa: PLC0415 - few imports need it

        classifier = Classifier(load_rules(self._invocation.settings.rules.folder))

        def classify(reply: str) -> tuple[Kind, Reason, Blame]:
            verdict = classifier.classify_reply(reply)
            return verdict.kind, verdict.detail, verdict.blamed

        return chain([first], sheet), SuppressionReader(form, classify)

    def _do(
        self,
        store: Store,
        form: str,
        acts: Iterable[Act],
        number: int,
        addresses: int,
        *,
        scopes: Collection[str] = (),
    ) -> None:
        if self._dry_run or not number:
            return
        require_consent(f"Import {counted(number, form)}?", "nothing was imported", yes=self._yes)
        command = f"import --{form}s"
        audit = audit_of(command, self._now, by=self._by, why=self._why, count=number,
            scopes=scopes)  # fmt: skip
        carried = 0

        def counting() -> Iterator[Act]:
            nonlocal carried
            for act in acts:
                carried += len(act.addresses)
                yield act

        left_out = carry_out(self._invocation, store, counting(), addresses, audit)
        changed = carried - left_out.number
        write_text("imported" if changed else "nothing was imported")
        # What the store said before the question may not hold after it.
        if carried < addresses:
            complain(f"{counted(addresses - carried, 'address')} not changed: locked meanwhile")
        if changed < addresses:
            raise typer.Exit(os.EX_TEMPFAIL)


def _end(cell: str, now: int, default: int) -> int:
    """The end of a lock that a cell names; raises ValueError."""
    if not cell:
        return default
    try:
        return end_of(iso_time(cell), now)
    except typer.BadParameter as error:
        raise ValueError(error.message) from None


def _refuse(
    faults: Sequence[Fault], counts: ImportCounts, *, skip_bad: bool = False, unit: str = "line"
) -> None:
    """End the command if any line is bad, and report each of them.

    `skip_bad`: report the first of them, and go on.
    """
    shown = sorted(faults)[: _SHOWN if skip_bad else None]
    for fault in shown:
        complain(f"{unit} {fault.line}: {fault.why}")
    if skip_bad:
        if len(faults) > len(shown):
            complain(f"... and {len(faults) - len(shown)} more")
    elif faults:
        complain(f"{counted(len(faults), 'bad line')}: nothing was imported")
        write_text(str(counts))
        raise typer.Exit(os.EX_DATAERR)
