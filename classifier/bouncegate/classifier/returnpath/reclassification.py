"""Reclassifies events by other rules, to show the effect of a change of rules.

An event keeps less than a report: what its notice said is found in the bounce message, as long as
that is kept. So a report is classified by both sets of rules, and only where these differ does the
event get another verdict: what could not be read again changes nothing.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from msgspec.structs import replace

from bouncegate.classifier import limits
from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.parse import read
from bouncegate.classifier.report import Report
from bouncegate.config.structs import struct_from
from bouncegate.config.text import clean
from bouncegate.policy.records import Event

# Events of one message are consecutive, and those with one diagnostic arrive in groups.
_REMEMBERED: Final = 1024
_UNREAD: Final[dict[str, Report]] = {}


class Reclassification:
    """Classifies events by other rules than those in force."""

    def __init__(
        self, in_force: Classifier, other: Classifier, message: Callable[[bytes], bytes | None]
    ) -> None:
        """`message` gives a bounce message by its key, None where it is no longer kept."""
        self._in_force = in_force
        self._other = other
        self._message = message
        self._reports = lru_cache(_REMEMBERED)(self._read)
        self.unread = 0
        """Events whose message is no longer kept, so that they were classified by their fields."""

    def __call__(self, event: Event) -> Event:
        """The event as the other rules classify it; itself where they see no difference."""
        if not event.action:  # a bounce that could not be read
            return event
        report = self._report(event)
        verdict = self._other.classify(report)
        if verdict == self._in_force.classify(report):
            return event
        return replace(
            event,
            kind=verdict.kind,
            category=verdict.category,
            reason=verdict.detail,
            rule=verdict.rule,
            blame=verdict.blame,
        )

    def _report(self, event: Event) -> Report:
        reports = self._reports(event.raw) if event.raw else _UNREAD
        found = reports.get(event.final_recipient)
        if found is not None:
            return found
        self.unread += 1
        return struct_from(event, Report)

    def _read(self, key: bytes) -> dict[str, Report]:
        """The reports of a message by final recipient; the first that names one counts."""
        raw = self._message(key)
        reports = () if raw is None else read(raw).reports
        return {clean(r.final_recipient, limits.ADDRESS): r for r in reversed(reports)}
