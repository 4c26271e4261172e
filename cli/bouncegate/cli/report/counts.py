"""The counts of a report: the rows of all names, or one name in detail.

Sends are those of the ledger. If there is none, or it does not reach back so far, the report says
so, and shows no shares.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bouncegate.admin.ledgers import ledger_of
from bouncegate.admin.report.counting import Counting, Scope
from bouncegate.admin.report.groupby import ALL, subjects
from bouncegate.admin.report.reading import Sources, providers_now, read, sends_since
from bouncegate.admin.report.summary import Summary, rows_of, summary_of
from bouncegate.admin.report.svg import svg
from bouncegate.admin.report.thresholds import Exceeded, exceeded
from bouncegate.admin.views.values import iso
from bouncegate.cli.invocation import Invocation
from bouncegate.cli.outfile import writing
from bouncegate.cli.output import complain, write_json
from bouncegate.cli.report.table import Named, Table, write_sheet
from bouncegate.config.text import counted, printable
from bouncegate.store.refusals import Dropped
from bouncegate.store.store import Store

_IN_DETAIL: Final = ("reason", "provider", "day")
_JUDGED: Final = ("sender", "day")
_MOST_PROVIDERS: Final = 20
_MOST_DAYS_SHOWN: Final = 31


class Counts:
    """What was counted of one subject, for all names or for one."""

    def __init__(
        self, invocation: Invocation, store: Store, scope: Scope, subject: str, name: str | None
    ) -> None:
        """Count it; raises StoreError. The sends of `scope` are looked up here."""
        self._alarm = invocation.settings.alarm
        self._subject = subject
        self._name = name
        self._by_address = subject == "group"
        self._since = scope.filters.since
        provider_of = providers_now(store, invocation.providers)
        known = subjects(provider_of)
        parts = _IN_DETAIL if name is not None else (subject,)
        self._all = Counting(known["all"])
        self._parts = {part: Counting(known[part]) for part in parts}
        countings = [self._all, *self._parts.values()]
        with ledger_of(invocation) as (ledger, self._why_unknown):
            self._sends_since = sends_since(ledger, scope.filters.since)
            self._dropped = Dropped() if ledger is None else ledger.refusals.dropped()
            known_sends = Scope(scope.filters, scope.trust, self._sends_since)
            sources = Sources(store, ledger, provider_of)
            read(sources, known_sends, countings, addresses=self._by_address)

    def show(self, limit: int, *, json: bool, csv: bool, svg: Path | None) -> None:
        """Write it in the form that is asked for; `limit`: of rows, 0 for all of them."""
        if self._name is None:
            rows = self._rows(self._subject)
            rows = rows[:limit] if limit else rows
        elif self._all.of(ALL).is_empty:
            complain(f'nothing of {self._name!r}: see "bouncegate report {self._subject}"')
            rows = [(self._name, self._total)]
        else:
            rows = [(self._name, self._total)]
        table = self._table(self._subject, rows)
        if csv:
            write_sheet(table.views())
        elif json:
            for view, (_, figures) in zip(table.views(), rows, strict=True):
                write_json(view | self._more(figures))
        else:
            self._write(table, rows)
        if svg is not None:
            self._draw(svg, table)

    @property
    def _total(self) -> Summary:
        return summary_of(self._all.of(ALL), self._sends)

    @property
    def _sends(self) -> int | None:
        return None if self._sends_since is None else self._all.of(ALL).sends

    def _rows(self, part: str) -> list[Named]:
        rows = list(rows_of(self._parts[part], self._sends))
        return rows[:_MOST_PROVIDERS] if part == "provider" and self._name is not None else rows

    def _table(self, label: str, rows: list[Named]) -> Table:
        return Table(label, rows, by_address=self._by_address)

    def _more(self, figures: Summary) -> dict[str, object]:
        """What JSON has beside the figures."""
        more: dict[str, object] = {
            "since": iso(self._since or None),
            "sends_since": iso(self._sends_since),
        }
        if self._subject in _JUDGED:
            more["warnings"] = list(exceeded(figures, self._alarm))
        if self._name is not None:
            for part in _IN_DETAIL:
                more[f"{part}s"] = list(self._table(part, self._rows(part)).views())
        return more

    def _write(self, table: Table, rows: list[Named]) -> None:
        table.write()
        if self._name is not None:
            for part in _IN_DETAIL:
                of_part = self._rows(part)
                shown = of_part[-_MOST_DAYS_SHOWN:] if part == "day" else of_part
                if shown:
                    print()
                    self._table(part, shown).write()
        for number, note in enumerate((*self._notes(), *self._warnings(rows))):
            print(note if number else f"\n{note}")

    def _warnings(self, rows: list[Named]) -> Iterator[str]:
        """What is too much, and what to do about it: once, for the last row that it holds for."""
        warnings: dict[str, str] = {}
        for name, figures in rows if self._subject in _JUDGED else ():
            for excess in exceeded(figures, self._alarm):
                warnings[excess.what] = f"Warning, {printable(name)}: {sentence(excess)}"
        yield from warnings.values()

    def _notes(self) -> Iterator[str]:
        """What is to be known beside the figures."""
        total = self._total
        if self._sends_since is None:
            yield f"What was sent is unknown, and so are all shares: {self._why_unknown}"
        elif self._sends_since > self._since:
            yield f"Sends are known since {iso(self._sends_since)}: shares are of those."
        if total.held:
            yield 'Held: kept from counting by an open incident, see "bouncegate incident list".'
        if self._dropped.until > self._since:
            yield (
                f"Refused: {counted(self._dropped.refusals, 'refusal')} until "
                f"{iso(self._dropped.until)} were deleted early and are missing."
            )
        if total.unverified:
            yield "Unverified: does not prove to be about mail of ours; --unverified counts it."

    def _draw(self, path: Path, table: Table) -> None:
        title = f"bounces by {self._subject}"
        panels = [table.panel(title if self._name is None else f"{self._subject} {self._name}")]
        if self._name is not None:
            panels += [self._table(p, self._rows(p)).panel(f"by {p}") for p in _IN_DETAIL]
        with writing(path) as file:
            file.write(svg(panels).encode())


def sentence(excess: Exceeded) -> str:
    """What is too much, and what to do, for people."""
    what = excess.what.replace("-", " ")
    return f"{what} {excess.share:.2%}, above {excess.limit:.2%}. {excess.advice}"
