"""Bounces that wait until DNS confirms what they say about a domain."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Final

from bouncegate.admin.doctor.findings import Finding, Severity
from bouncegate.config.settings import Settings
from bouncegate.store.errors import StoreError
from bouncegate.store.mx import NameServerFault
from bouncegate.store.store import Store
from bouncegate.store.unconfirmed import Pile

_NAME: Final = "domains"
# "bouncegate maintain" asks within a minute or two, unless it has more to ask than its budget.
_SOON: Final = 3600


def check_domains(settings: Settings, now: int) -> Iterator[Finding]:
    """Check how many bounces wait for DNS, and whether the name servers are trusted."""
    try:
        with closing(Store.open(settings.store, readonly=True)) as store:
            pile = store.unconfirmed.pile(store.mx.of)
            fault = store.mx.fault()
    except StoreError:  # a finding of the check of the store
        return
    confirm = settings.dns.confirm.after(0)
    is_believed = fault is not None and fault.may_be_true and now - fault.since >= confirm
    if fault is not None and settings.dns.enabled and not is_believed:
        yield _of_fault(fault)
    finding = _of_pile(pile, settings, now)
    if finding is not None:
        yield finding


def _of_fault(fault: NameServerFault) -> Finding:
    text = f"the name servers are not trusted since {_day(fault.since)}: {fault.why}"
    fix = "check that [dns] resolvers answer for [dns] reference_domains"
    return Finding(_NAME, Severity.ERROR, text, fix)


def _of_pile(pile: Pile, settings: Settings, now: int) -> Finding | None:
    waiting = f"bounces that wait for DNS: {pile.events}, about domains: {pile.domains}"
    if pile.events and not settings.dns.enabled:
        return Finding(
            _NAME, Severity.WARNING, f"{waiting}: DNS is disabled", "set [dns] enabled = true"
        )
    if pile.unanswered > settings.alarm.unanswered_domains:
        text = f"{waiting}, without any answer: {pile.unanswered}: the name servers may be broken"
        fix = "look up these domains with Postfix's resolver; check that bouncegate-maintain runs"
        return Finding(_NAME, Severity.ERROR, text, fix)
    if pile.unanswered and now - pile.oldest > _SOON:
        text = f"{waiting}, without any answer: {pile.unanswered}, since {_day(pile.oldest)}"
        return Finding(_NAME, Severity.NOTE, text, "check that bouncegate-maintain runs")
    return Finding(_NAME, Severity.OK, waiting) if pile.events else None


def _day(time: int) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%SZ}"
