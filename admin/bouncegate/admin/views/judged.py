"""What is said of an address before it is mailed."""

from collections.abc import Callable, Collection, Mapping

from msgspec import Struct

from bouncegate.admin.installation import Installation
from bouncegate.admin.lists.check import CheckContext, CheckedAddress, ListCheck, Statuses
from bouncegate.admin.lists.scope import scope_text
from bouncegate.admin.lists.stale import last_stale_day
from bouncegate.admin.lists.typos import Typos
from bouncegate.admin.views.values import iso
from bouncegate.config.structs import struct_from
from bouncegate.policy.mx import Status
from bouncegate.store.store import Store


class JudgedView(Struct):
    """One address as scripts read it; times in UTC, ISO 8601."""

    line: int
    address: str
    verdict: str
    """invalid, locked, dead, typo, predicted, stale, detected, unknown or good: the first that
    applies."""
    mailable: bool
    why: str
    reason: str | None
    detail: str | None
    until: str | None
    scope: str | None
    """Which mail the lock stops: `global` or `group:NAME`; null without a lock."""
    suggestion: str


AskDns = Callable[[list[str]], Mapping[str, Status]]
"""Asks DNS about domains of which the store knows nothing; empty where it cannot tell."""


def judged_view(one: CheckedAddress) -> JudgedView:
    """What was found of one address, as scripts read it."""
    return struct_from(
        one,
        JudgedView,
        until=iso(one.until),
        scope=None if one.scope is None else scope_text(one.scope),
        reason=one.reason and one.reason.general,
        detail=one.reason,
    )


def list_check(  # noqa: PLR0913, PLR0917 - whose list, and by what it is judged
    installation: Installation,
    store: Store,
    now: int,
    group: str = "",
    ask: AskDns | None = None,
    typos: Typos | None = None,
) -> ListCheck:
    """The check of a list as mail of a group; without `ask`, by what the store knows of domains.

    `typos`: those of the installation's providers, from who checks again and again.
    """
    settings = installation.settings
    stale_day = last_stale_day(now, settings.lists.stale_after)
    looks_up = ask is not None
    context = CheckContext(now, stale_day, settings.store.fold_local_part, group, looks_up)
    typos = typos or Typos(installation.providers.domains())
    return ListCheck(store, typos, _statuses(store, ask), context)


def _statuses(store: Store, ask: AskDns | None) -> Statuses:
    """What the store knows of domains, each read once, and what DNS says of the others."""
    known: dict[str, Status] = {}

    def statuses(domains: Collection[str]) -> Mapping[str, Status]:
        fresh = [domain for domain in domains if domain not in known]
        known.update((domain, store.mx.of(domain).status) for domain in fresh)
        unknown = [domain for domain in fresh if known[domain] == "unknown"]
        if ask is not None and unknown:
            known.update(ask(unknown))
        return known

    return statuses
