"""The counts of a report: the rows of all names, or one name in detail.

Sends are those of the ledger. If there is none, or it does not reach back so far, the report says
so, and shows no shares.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bouncegate.admin.lists.csvfile import Dialect
from bouncegate.admin.report.svg import svg
from bouncegate.admin.report.thresholds import Exceeded, exceeded
from bouncegate.admin.views.counts import IN_DETAIL, JUDGED, Named, ReportCounts
from bouncegate.admin.views.values import iso
from bouncegate.cli.outfile import writing
from bouncegate.cli.output import complain, write_json
from bouncegate.cli.report.table import Table, write_sheet
from bouncegate.cli.sentences import write_text
from bouncegate.config.text import counted, printable

_MOST_DAYS_SHOWN: Final = 31
_NO_MAILING: Final = """\
No mailing is known: no message and no bounce had a header field for it. If your sending program
writes one, such as X-Campaign-Id, add these lines to the config and reload the daemons:
[ledger]
mailing_headers = ["X-Campaign-Id"]"""


class Counts(ReportCounts):
    """What was counted of one subject, for all names or for one."""

    def show(self, limit: int, *, json: bool, csv: Dialect | None, svg: Path | None) -> None:
        """Write it in the form that is asked for; `limit`: of rows, 0 for all of them."""
        rows = self.rows(limit)
        if self.is_unknown:
            complain(f'nothing of {self._name!r}: see "bouncegate report {self._subject}"')
        table = self._table(self._subject, rows)
        if csv:
            write_sheet(table.views(), csv)
        elif json:
            for view in self.views(limit):
                write_json(view)
        else:
            self._write(table, rows)
        if svg is not None:
            self._draw(svg, table)

    def _table(self, label: str, rows: list[Named]) -> Table:
        return Table(label, rows, by_address=self._by_address)

    def _write(self, table: Table, rows: list[Named]) -> None:
        table.write()
        if self._name is not None:
            for part in IN_DETAIL:
                of_part = self._rows(part)
                shown = of_part[-_MOST_DAYS_SHOWN:] if part == "day" else of_part
                if shown:
                    print()
                    self._table(part, shown).write()
        for number, note in enumerate((*self._notes(rows), *self._warnings(rows))):
            if not number:
                print()
            write_text(note)

    def _warnings(self, rows: list[Named]) -> Iterator[str]:
        """What is too much, and what to do about it: once, for the last row that it holds for."""
        warnings: dict[str, str] = {}
        for name, figures in rows if self._subject in JUDGED else ():
            for excess in exceeded(figures, self._alarm):
                warnings[excess.what] = f"Warning, {printable(name)}: {sentence(excess)}"
        yield from warnings.values()

    def _notes(self, rows: list[Named]) -> Iterator[str]:
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
        if self._subject == "mailing" and self._name is None and not any(n for n, _ in rows):
            yield _NO_MAILING
        if total.unverified:
            yield "Unverified: does not prove to be about mail of ours; --unverified counts it."

    def _draw(self, path: Path, table: Table) -> None:
        title = f"bounces by {self._subject}"
        panels = [table.panel(title if self._name is None else f"{self._subject} {self._name}")]
        if self._name is not None:
            panels += [self._table(p, self._rows(p)).panel(f"by {p}") for p in IN_DETAIL]
        with writing(path) as file:
            file.write(svg(panels).encode())


def sentence(excess: Exceeded) -> str:
    """What is too much, and what to do, for people."""
    what = excess.what.replace("-", " ")
    return f"{what} {excess.share:.2%}, above {excess.limit:.2%}. {excess.advice}"
