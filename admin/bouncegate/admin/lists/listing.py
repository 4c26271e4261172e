"""The lists by state, from the store.

`locked`, `detected`, `bounced` and the bounced part of `predicted` are in order of address;
`invalid` and the dead domains of `predicted` in order of domain; `stale` starts with the longest
ago.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from heapq import merge, nlargest, nsmallest
from operator import itemgetter
from typing import Final, Literal, get_args

from msgspec.structs import replace

from bouncegate.admin.lists.bounces import BounceRows, bounces_in
from bouncegate.admin.lists.prefilter import key_prefilter, lock_prefilter
from bouncegate.admin.lists.row import Row, RowFilters, row_of_lock
from bouncegate.admin.lists.stale import last_stale_day
from bouncegate.config.durations import Duration
from bouncegate.config.reasons import REASONS
from bouncegate.policy import deaddomain as dead
from bouncegate.policy.addressstate import (
    ALL_MAIL,
    ScopedLock,
    blocked_in,
    hard_of,
    has_counted,
    is_detected,
    lock_for,
    locks_at,
    locks_of,
)
from bouncegate.policy.fold import EMPTY, Policy
from bouncegate.policy.mx import DENIALS, Status
from bouncegate.policy.providers import Providers
from bouncegate.policy.records import State
from bouncegate.policy.timeline import Mark
from bouncegate.store import lockrecord
from bouncegate.store.address import domain_of
from bouncegate.store.lastmailed import Used, date_of
from bouncegate.store.lists import Known, Prefilter
from bouncegate.store.places import Place
from bouncegate.store.store import Store

_DOMAINS: Final = 10_000
_LEFT_OUT: Final = frozenset(get_args(Mark)) - {""}
Listed = Literal["locked", "detected", "bounced", "predicted", "invalid", "stale"]


class Listing:
    """Reads the lists of one store."""

    def __init__(
        self,
        store: Store,
        providers: Providers,
        policy: Policy,
        now: int,
        stale_after: Duration,
    ) -> None:
        """The lists at `now` under the policy in force.

        An address is stale `stale_after` its last message.
        """
        self._store = store
        self._lists = store.lists
        self._providers = providers
        self._domain_lock: Final = lru_cache(_DOMAINS)(self._lock_of_domain)
        self._bounce_rows = BounceRows(policy, now)
        self._now = now
        self._stale_day = last_stale_day(now, stale_after)
        self._read: Final[dict[Listed, Callable[[RowFilters, str], Iterator[Row]]]] = {
            "locked": self._locked,
            "detected": self._detected,
            "bounced": self._bounced,
            "predicted": self._predicted,
            "invalid": self._invalid,
            "stale": self._stale,
        }

    def rows(self, listed: Listed, filters: RowFilters, after: str = "") -> Iterator[Row]:
        """The rows of a list that match, behind the address `after`."""
        for found in self._read[listed](filters, after):
            row = self._with_provider(found)
            if filters.matches(row):
                yield row

    def rest(self, filters: RowFilters, after: str = "") -> Iterator[Row]:
        """The rows of `bounced` whose addresses are in neither `locked` nor `detected`."""
        known = self._lists.bounced(after, key_prefilter(filters))
        others = (one for one in known if not self._is_detected(*one))
        for row in self._of_bounces(others, filters):
            if row.state == "locked":
                locks = map(self._with_provider, self.locks_of(row.address))
                if any(filters.matches(lock) and _is_of_group(filters, lock) for lock in locks):
                    continue
            yield row

    def with_blocked(self, row: Row) -> Row:
        """The row with the number of bounces that blame the sender, which its state lacks."""
        if row.bounces:
            return row
        others = self._lists.bounces_beyond(row.address, row.hard + row.soft + row.blocked)
        return replace(row, blocked=blocked_in(bounces_in(others))) if others else row

    def completed(self, row: Row) -> Row:
        """The row of a lock with its provider and the bounces that its state lacks."""
        return self.with_blocked(self._with_provider(row))

    def locked_at(self, address: str, state: State, filters: RowFilters, place: Place) -> list[Row]:
        """The locks in force that match, by the entry of a place or with its end."""
        rows = map(self._with_provider, self._of_locks(address, state))
        return [
            self.with_blocked(row)
            for row in rows
            if (row.until == place.end if place.end else row.cause == place.number)
            and filters.matches(row)
            and _is_of_group(filters, row)
        ]

    def last_bounce(self, address: str, state: State, filters: RowFilters) -> list[Row]:
        """The last bounce that matches, or none."""
        return list(self._of_bounces(iter([(address, state)]), filters))

    def bounces_of(self, address: str, filters: RowFilters, *, only_detected: bool) -> list[Row]:
        """The same of an address whose state is not known yet, or none if it has to be detected."""
        state = self._store.addresses.get(address) or EMPTY
        if only_detected and not self._is_detected(address, state):
            return []
        return self.last_bounce(address, state, filters)

    def is_detected(self, address: str, state: State) -> bool:
        """Whether bounces count, and neither the address nor its domain is locked."""
        return self._is_detected(address, state)

    def _with_provider(self, row: Row) -> Row:
        return replace(row, provider=row.provider or self._providers.provider_of(row.address))

    def ended(self, filters: RowFilters, after: str = "") -> Iterator[Row]:
        """All locks: those in force as rows of `locked`, the others as `ended`."""
        return (row for row in self._locks(filters, after, ended=True) if filters.matches(row))

    def first_by_end(
        self, filters: RowFilters, limit: int, *, descending: bool = False
    ) -> list[Row] | None:
        """Rows of `locked` that match, among them the first `limit` by end, then by address.

        Chosen by the lock records alone, which takes a fortieth of reading all rows; None where the
        filters leave out some of those chosen, so that these are too few.
        """
        matches = lock_prefilter(filters, self._now, ended=False)
        ends = (
            (lockrecord.until_of(record), key)
            for key, record in self._lists.lock_records()
            if lockrecord.is_of_all(record) and matches(key, record)
        )
        chosen = (nlargest if descending else nsmallest)(limit, ends)
        found = self._matching(
            self._lists.known(key.decode() for _, key in chosen).items(), filters
        )
        if len(found) < len(chosen) == limit:
            return None
        # Locks of one group stand behind that for all mail in a record: few addresses have any.
        return found + self._matching(self._lists.with_locks_of_groups(), filters)

    def _matching(self, known: Iterable[Known], filters: RowFilters) -> list[Row]:
        """The rows of the locks of some addresses that match."""
        rows = (self._with_provider(row) for one in known for row in self._of_locks(*one))
        return [row for row in rows if filters.matches(row) and _is_of_group(filters, row)]

    def _locked(self, filters: RowFilters, after: str) -> Iterator[Row]:
        return self._locks(filters, after, ended=False)

    def _locks(self, filters: RowFilters, after: str, *, ended: bool) -> Iterator[Row]:
        prefilter = lock_prefilter(filters, self._now, ended=ended)
        for address, state in self._with_locks(filters, after, prefilter):
            for row in self._of_locks(address, state, ended=ended):
                if _is_of_group(filters, row):
                    yield row

    def _with_locks(self, filters: RowFilters, after: str, prefilter: Prefilter) -> Iterator[Known]:
        if not filters.domain:
            return self._lists.locked(after, prefilter)
        return self._lists.of_domain(
            filters.domain, after, lambda key, record: bool(record) and prefilter(key, record)
        )

    def locks_of(self, address: str) -> Iterator[Row]:
        """The current locks of one address, for all groups and for single ones."""
        return self._of_locks(address, self._store.addresses.get(address) or EMPTY)

    def _of_locks(self, address: str, state: State, *, ended: bool = False) -> Iterator[Row]:
        locks = list(locks_of(state))
        ends = [one.lock.until for one in locks if one.lock.in_force(self._now)]
        free_at = 0 if address.startswith("@") else max(ends, default=0)
        for found in locks:
            if ended or found.lock.in_force(self._now):
                yield self._of_lock(address, state, found, free_at)

    def _of_lock(self, address: str, state: State, found: ScopedLock, free_at: int) -> Row:
        listed = "locked" if found.lock.in_force(self._now) else "ended"
        cause = self._lists.cause(found.lock, address)
        return row_of_lock(address, listed, state, found, cause, free_at)

    def _detected(self, filters: RowFilters, after: str) -> Iterator[Row]:
        if filters.domain:
            known = self._lists.of_domain(filters.domain, after)
        else:
            known = self._lists.detected(self._now, after)
        return self._of_bounces((one for one in known if self._is_detected(*one)), filters)

    def _is_detected(self, address: str, state: State) -> bool:
        return is_detected(state, self._now) and self._domain_lock(domain_of(address)) is None

    def _bounces_of(self, address: str, state: State) -> Iterator[Row]:
        entries = self._store.history.of_address(address)
        of_domain = self._domain_lock(domain_of(address))
        return self._bounce_rows.rows(address, state, entries, of_domain)

    def is_domain_locked(self, domain: str) -> bool:
        """Whether a domain is locked as a whole."""
        return self._domain_lock(domain) is not None

    def _lock_of_domain(self, domain: str) -> ScopedLock | None:
        """The lock that a domain has as a whole."""
        state = self._store.addresses.get(f"@{domain}") or EMPTY
        return lock_for(state, self._now, ALL_MAIL)

    def _bounced(self, filters: RowFilters, after: str) -> Iterator[Row]:
        if filters.domain:
            return self._of_bounces(self._lists.of_domain(filters.domain, after), filters)
        return self._of_bounces(self._lists.bounced(after), filters)

    def _of_bounces(self, known: Iterator[Known], filters: RowFilters) -> Iterator[Row]:
        """For each address the last bounce that matches."""
        for address, state in known:
            rows = self._bounces_of(address, state)
            for row in map(self._with_provider, rows):
                if filters.group in ("", row.group) and filters.matches(row):
                    yield row
                    break

    def _predicted(self, filters: RowFilters, after: str) -> Iterator[Row]:
        """Addresses that bounced or are locked for others, then those of dead domains."""
        if not self._is_of_dead_domain(after):
            yield from self._elsewhere(filters, after)
            after = ""
        yield from self.of_dead_domains(after)

    def _is_of_dead_domain(self, address: str) -> bool:
        """Whether an address is listed because of its domain."""
        is_denied = self._store.mx.of(domain_of(address)).status in DENIALS
        return is_denied and not self._matters(address)

    def _matters(self, address: str) -> bool:
        """Whether an address has bounced or is locked."""
        state = self._store.addresses.get(address) or EMPTY
        return has_counted(state) or bool(locks_at(state, self._now))

    def _elsewhere(self, filters: RowFilters, after: str) -> Iterator[Row]:
        """Addresses locked for another group, and with a group, those that bounced only for others.

        Not those that are locked for the group itself.
        """
        prefilter = key_prefilter(filters)
        known = self._lists.with_locks_of_groups(after, prefilter)
        if filters.group:
            free = self._lists.detected(self._now, after, prefilter)
            known = _without_doubles(merge(free, known, key=itemgetter(0)))
        for address, state in known:
            own = lock_for(state, self._now, filters.group)
            if own is not None or self._domain_lock(domain_of(address)) is not None:
                continue
            if locks_at(state, self._now):
                for row in self._of_locks(address, state):
                    yield replace(row, state="predicted", why=f"locked for {row.scope}")
            elif filters.group and has_counted(state):
                yield from self._bounced_elsewhere(address, state, filters)

    def _bounced_elsewhere(self, address: str, state: State, filters: RowFilters) -> Iterator[Row]:
        """The last bounce of an address, if it bounced only for other groups."""
        rows = self._bounces_of(address, state)
        known = [row for row in rows if row.kind and row.why_not not in _LEFT_OUT]
        if known and all(row.group != filters.group for row in known):
            of_mailing = (row for row in known if filters.mailing in ("", row.mailing))
            row = next(of_mailing, known[0])
            why = f"bounced for {row.group or 'another group'}"
            yield replace(row, state="predicted", why=why)

    def of_dead_domains(self, after: str = "") -> Iterator[Row]:
        """Mailed addresses of domains that now take no mail, which have not bounced."""
        begun = domain_of(after)
        if begun:
            yield from self._of_dead_domain(begun, self._store.mx.of(begun).status, after)
        for domain, mx in self._store.mx.denied(begun):
            yield from self._of_dead_domain(domain, mx.status)

    def _of_dead_domain(self, domain: str, status: Status, after: str = "") -> Iterator[Row]:
        if status not in DENIALS or self._domain_lock(domain) is not None:
            return
        reason, why = dead.REASONS[status], dead.WORDS[status]
        for address in self._store.lastmailed.in_domain(domain, after):
            if not self._matters(address):
                kind, category = REASONS[reason].kind, REASONS[reason].category
                yield Row(address, "predicted", kind, category, reason, why=why)

    def _invalid(self, filters: RowFilters, after: str) -> Iterator[Row]:
        for address, fault in self._store.lastmailed.invalid(after):
            if filters.in_domain(address):
                yield self._with_lock(Row(address, "invalid", why=fault))

    def stale(self, after: str = "") -> Iterator[Used]:
        """Who was not mailed for long, the longest ago first."""
        return self._store.lastmailed.stale(self._stale_day, after)

    def _stale(self, filters: RowFilters, after: str) -> Iterator[Row]:
        for used in self.stale(after):
            if not filters.in_domain(used.address):
                continue
            row = Row(
                used.address, "stale", since=used.time, why=f"not mailed since {date_of(used.day)}"
            )
            yield self._with_lock(row)

    def _with_lock(self, row: Row) -> Row:
        """The row with the address's first lock and its bounces."""
        state = self._store.addresses.get(row.address) or EMPTY
        known = replace(row, hard=hard_of(state), soft=state.soft, last_event=state.last_event)
        scope, lock = next(iter(locks_at(state, self._now)), (None, None))
        if lock is None:
            return known
        return replace(
            known,
            scope=scope,
            kind=lock.kind,
            category=lock.category,
            reason=lock.reason,
            origin=lock.origin,
            until=lock.until,
        )


def _is_of_group(filters: RowFilters, lock: Row) -> bool:
    """Whether a lock is for the group of the filters, or was made by a bounce in it."""
    return not filters.group or filters.group in (lock.group, lock.scope)


def _without_doubles(known: Iterator[Known]) -> Iterator[Known]:
    last = ""
    for address, state in known:
        if address != last:
            yield address, state
        last = address


def page(rows: Iterator[Row], limit: int) -> Iterator[Row]:
    """The first rows, up to `limit` and then to the end of that address; 0: all rows."""
    last = ""
    for number, row in enumerate(rows):
        if limit and number >= limit and row.address != last:
            return
        yield row
        last = row.address
