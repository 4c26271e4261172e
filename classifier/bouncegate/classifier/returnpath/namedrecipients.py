"""Selects the recipients of a report that get their own event.

A DSN may name ten thousand recipients. If it is proven, each recipient that *we* mailed has an
event: their number is bounded by the message. All other recipients that it names share one event,
as do all unproven ones; that event has their number and names the first of them.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from bouncegate.classifier.classified import ClassifiedReport
from bouncegate.classifier.limits import BELIEVED, SHOWN_NAMES, VALUE
from bouncegate.classifier.report import COMPLAINED, NOT_FAILURES, Report
from bouncegate.store.recording import FAILED


class NamedRecipient(NamedTuple):
    """One recipient that a report names."""

    classified: ClassifiedReport
    address: str
    """The canonical address that we mailed, or that is claimed; empty if there is none."""
    is_proven: bool
    alias: str = ""
    """The address that we mailed, where our own Postfix expanded that to this one and others."""


class Sorted(NamedTuple):
    """The recipients of one report."""

    own: Sequence[NamedRecipient]
    """Recipients with their own event; one for each address and outcome."""
    together: Sequence[Sequence[NamedRecipient]]
    """Recipients that share an event."""


def sorted_out(named: Iterable[NamedRecipient], *, is_believed: bool) -> Sorted:
    """The recipients that get an event; `is_believed`: whether the site counts unproven reports.

    They count for as many recipients as Postfix accepts for one message; if they do not count, an
    event is recorded under an address only if the report names no other.
    """
    proven: dict[tuple[str, str], NamedRecipient] = {}
    claimed: dict[tuple[str, str], NamedRecipient] = {}
    of_nobody: list[NamedRecipient] = []
    beyond: list[NamedRecipient] = []
    for one in named:
        own, others = (proven, of_nobody) if one.is_proven else (claimed, beyond)
        key = (one.address, outcome_of(one.classified.report))
        # Of a message of ours there are so many recipients; of what it expands to there is no end.
        is_bounded = not one.is_proven or one.alias
        if not one.address or (is_bounded and len(own) >= BELIEVED and key not in own):
            others.append(one)
        else:
            own.setdefault(key, one)
    if not is_believed and len({address for address, _ in claimed}) + len(beyond) > 1:
        beyond = [*claimed.values(), *beyond]
        claimed = {}
    together = [others for others in (of_nobody, beyond) if others]
    return Sorted([*proven.values(), *claimed.values()], together)


def outcome_of(report: Report) -> str:
    """The key that distinguishes two reports about one message and recipient.

    A complaint does not repeat a bounce: a recipient who complains has got the message.
    """
    return report.action if report.action in _OTHER_THAN_FAILED else FAILED


def first_of(several: Sequence[NamedRecipient]) -> NamedRecipient:
    """One event for several recipients: the first that failed, with the first names."""
    first = next((o for o in several if o.classified.report.action not in NOT_FAILURES), several[0])
    names = dict.fromkeys(one.classified.report.recipient for one in several[:_LOOKED_AT])
    shown = ", ".join(list(filter(None, names))[:SHOWN_NAMES])[:VALUE]
    report = replace(
        first.classified.report, final_recipient=shown, original_recipient="", notice="", extra={}
    )
    return NamedRecipient(ClassifiedReport(report, first.classified.verdict), "", first.is_proven)


_LOOKED_AT: Final = 10 * SHOWN_NAMES
_OTHER_THAN_FAILED: Final = NOT_FAILURES | {COMPLAINED}
