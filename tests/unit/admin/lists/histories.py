"""Bounces as they come in, and stores that hold them, for the tests of the lists."""

from collections.abc import Iterable
from hashlib import blake2b

from tests.events import event_of

from bouncegate.admin.lists.listing import Listed, Listing
from bouncegate.admin.lists.row import Row, RowFilters
from bouncegate.config.durations import Duration
from bouncegate.config.settings import PolicySettings, Threshold, Trust
from bouncegate.config.taxonomy import Reason
from bouncegate.config.values import Terms
from bouncegate.policy.fold import Policy
from bouncegate.policy.providers import Providers
from bouncegate.policy.records import Event
from bouncegate.store.store import Bounce, Store

NOW = 1_790_000_000
DAY = 86_400
SIGNED: tuple[Trust, ...] = ("signed",)
YEAR = Terms((Duration(months=12),))
POLICY = Policy(PolicySettings(), SIGNED)
BY_GROUP = Policy(PolicySettings(hard=Threshold(1, YEAR, scope="group")), SIGNED)


def bounce(
    address: str,
    reason: Reason = Reason.USER_UNKNOWN,
    *,
    number: int = 0,
    time: int = NOW - DAY,
    group: str = "",
    mailing: str = "",
    provider: str = "",
) -> Event:
    """One bounce; those of one address and number are one."""
    return event_of(
        address,
        time + number,
        reason,
        identity=blake2b(f"{address} {number} {group}".encode(), digest_size=16).digest(),
        group=group,
        mailing=mailing,
        provider=provider,
    )


def record(store: Store, events: Iterable[Event], policy: Policy = POLICY) -> None:
    """Take bounces in."""
    store.record([Bounce([event], b"") for event in events], policy)


def rows(
    store: Store, listed: Listed, filters: RowFilters | None = None, after: str = "", now: int = NOW
) -> list[Row]:
    """A list as it stands at `now`."""
    listing = Listing(store, Providers.of(), POLICY, now, Duration(months=3))
    return list(listing.rows(listed, filters or RowFilters(), after))


def addresses(
    store: Store, listed: Listed, filters: RowFilters | None = None, after: str = "", now: int = NOW
) -> list[str]:
    """The addresses of a list alone."""
    return [row.address for row in rows(store, listed, filters, after, now)]
