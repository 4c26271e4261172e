"""The counts of a report: the rows of all names, or one name in detail.

Sends are those of the ledger. If there is none, or it does not reach back so far, the report says
so, and has no shares.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec.structs import asdict

from bouncegate.admin.installation import Installation
from bouncegate.admin.ledgers import ledger_of
from bouncegate.admin.report.counting import Counting, Scope
from bouncegate.admin.report.groupby import ALL, subjects
from bouncegate.admin.report.reading import Sources, providers_now, read, sends_since
from bouncegate.admin.report.summary import Summary, rows_of, summary_of
from bouncegate.admin.report.thresholds import exceeded
from bouncegate.admin.views.values import iso
from bouncegate.config.taxonomy import Reason
from bouncegate.store.refusals import Dropped
from bouncegate.store.store import Store

Named = tuple[str, Summary]
"""A name and its figures."""

IN_DETAIL: Final = ("reason", "provider", "day")
JUDGED: Final = ("sender", "day")
_MOST_PROVIDERS: Final = 20


class ReportCounts:
    """What was counted of one subject, for all names or for one."""

    def __init__(
        self, installation: Installation, store: Store, scope: Scope, subject: str, name: str | None
    ) -> None:
        """Count it; raises StoreError. The sends of `scope` are looked up here."""
        self._alarm = installation.settings.alarm
        self._subject = subject
        self._name = name
        self._by_address = subject == "group"
        self._since = scope.filters.since
        provider_of = providers_now(store, installation.providers)
        known = subjects(provider_of)
        parts = IN_DETAIL if name is not None else (subject,)
        self._all = Counting(known["all"])
        self._parts = {part: Counting(known[part]) for part in parts}
        countings = [self._all, *self._parts.values()]
        with ledger_of(installation) as (ledger, self._why_unknown):
            self._sends_since = sends_since(ledger, scope.filters.since)
            self._dropped = Dropped() if ledger is None else ledger.refusals.dropped()
            known_sends = Scope(scope.filters, scope.trust, self._sends_since)
            sources = Sources(store, ledger, provider_of)
            read(sources, known_sends, countings, addresses=self._by_address)

    def views(self, limit: int = 0) -> Iterator[dict[str, object]]:
        """The rows as scripts read them; `limit`: of rows, 0 for all of them."""
        rows = self.rows(limit)
        for view, (_, figures) in zip(self.views_of(self._subject, rows), rows, strict=True):
            yield view | self._more(figures)

    def rows(self, limit: int = 0) -> list[Named]:
        """The rows of all names, or of the one."""
        if self._name is not None:
            return [(self._name, self._total)]
        rows = self._rows(self._subject)
        return rows[:limit] if limit else rows

    @property
    def is_unknown(self) -> bool:
        """Whether there is nothing of the one name."""
        return self._name is not None and self._all.of(ALL).is_empty

    def views_of(self, label: str, rows: Sequence[Named]) -> Iterator[dict[str, object]]:
        """Rows as scripts read them, without what is only in the whole."""
        return row_views(label, rows, by_address=self._by_address)

    @property
    def _total(self) -> Summary:
        return summary_of(self._all.of(ALL), self._sends)

    @property
    def _sends(self) -> int | None:
        return None if self._sends_since is None else self._all.of(ALL).sends

    def _rows(self, part: str) -> list[Named]:
        rows = list(rows_of(self._parts[part], self._sends))
        return rows[:_MOST_PROVIDERS] if part == "provider" and self._name is not None else rows

    def _more(self, figures: Summary) -> dict[str, object]:
        """What JSON has beside the figures."""
        more: dict[str, object] = {
            "since": iso(self._since or None),
            "sends_since": iso(self._sends_since),
        }
        if self._subject in JUDGED:
            more["warnings"] = list(exceeded(figures, self._alarm))
        if self._name is not None:
            for part in IN_DETAIL:
                more[f"{part}s"] = list(self.views_of(part, self._rows(part)))
        return more


def row_views(
    label: str, rows: Sequence[Named], *, by_address: bool
) -> Iterator[dict[str, object]]:
    """Names and figures as scripts read them; `label`: what the names name."""
    for name, figures in rows:
        view = asdict(figures)
        if not by_address:
            del view["addresses"]
        yield {**_named(label, name), **view}


def _named(label: str, name: str) -> dict[str, object]:
    if label == "reason":
        return {"reason": Reason(name).general, "detail": name}
    return {label: name}
