"""An alias that a server expanded to several addresses: one failure, of the address mailed.

A report has a group of fields for each address that the server tried (RFC 3464, 2.3), all with the
alias as their Original-Recipient. The alias works as long as one of them takes mail. So the mildest
failure is its own, and where another address got the message, or may still get it, it is soft.

Our own Postfix expands only aliases of this machine: `returnpath.attribution` knows their members.
"""

from collections import defaultdict
from typing import Final

from msgspec.structs import replace

from bouncegate.classifier.report import COMPLAINED, NOT_FAILURES, Report
from bouncegate.classifier.verdict import Verdict
from bouncegate.config.taxonomy import Blame, Category, Kind

Told = tuple[Report, Verdict]
"""The outcome for one recipient, and the verdict on it."""

_SEVERITY: Final = {Kind.NONE: 0, Kind.SOFT: 1, Kind.HARD: 2}
_NO_FAILURES: Final = NOT_FAILURES | {COMPLAINED}


def one_failure_each(told: list[Told]) -> list[Told]:
    """The reports, with one failure for each alias, in the place of its first; the rest stays."""
    failures = _failures_of_aliases(told) if len(told) > 1 else {}
    if not failures:
        return told
    kept: list[Told] = []
    for one in told:
        alias = _alias_of(one)
        if alias not in failures or not _has_failed(one):
            kept.append(one)
        elif failure := failures[alias]:
            kept.append(failure)
            failures[alias] = None
    return kept


def _failures_of_aliases(told: list[Told]) -> dict[str, Told | None]:
    """For each alias with several addresses its one failure, if any of them failed."""
    members: dict[str, list[Told]] = defaultdict(list)
    for one in told:
        alias = _alias_of(one)
        if alias:
            members[alias].append(one)
    return {
        alias: _failure_of(several)
        for alias, several in members.items()
        if len({report.final_recipient.lower() for report, _ in several}) > 1
        and any(map(_has_failed, several))
    }


def _alias_of(one: Told) -> str:
    original = one[0].original_recipient.lower()
    return original if "@" in original else ""


def _has_failed(one: Told) -> bool:
    return one[0].action not in _NO_FAILURES


def _failure_of(members: list[Told]) -> Told:
    failed = list(filter(_has_failed, members))
    report, verdict = min(failed, key=_severity)
    if len(failed) < len(members) and verdict.kind is Kind.HARD:
        return report, replace(verdict, kind=Kind.SOFT, category=Category.UNDEFINED)
    return report, verdict


def _severity(one: Told) -> tuple[int, bool, bool]:
    """How bad a failure is for the recipient: one that locks is the worst."""
    verdict = one[1]
    blames_recipient = verdict.blamed is Blame.RECIPIENT
    return _SEVERITY.get(verdict.kind, 0), blames_recipient, verdict.category is Category.ADDRESS
