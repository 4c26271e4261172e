"""A row of a list: an address and why it is there; and the filters of rows."""

from msgspec import Struct

from bouncegate.config.taxonomy import Blame, Category, Kind, Reason, ReportedKind
from bouncegate.policy.addressstate import ALL_MAIL, ScopedLock, blocked_in, hard_of
from bouncegate.policy.disposition import reported_kind
from bouncegate.policy.records import Act, Entry, Event, Lock, Origin, State


class Row(Struct, frozen=True):
    """An address on a list. Times are seconds since 1970."""

    address: str
    state: str
    """locked, ended (a lock of the past), detected, bounced, predicted, invalid or stale."""
    kind: Kind | None = None
    category: Category | None = None
    reason: Reason | None = None
    origin: Origin | None = None
    since: int | None = None
    """The time of the lock, or else of the last bounce or message."""
    until: int | None = None
    """The end of the lock."""
    free_at: int = 0
    """When the last lock in force of the address ends; 0: of a domain, or without a lock."""
    group: str = ""
    """The group of the bounce that locked, or of the last one."""
    scope: str | None = None
    """The group that the lock is for; empty: all mail; None: no lock."""
    mailing: str = ""
    provider: str = ""
    hard: int = 0
    """Hard bounces that count, without those that blame the sender."""
    soft: int = 0
    blocked: int = 0
    """Hard bounces that blame the sender, whether or not they count."""
    last_event: int = 0
    why: str = ""
    cause: int = 0
    """The number of the journal entry that made the lock."""
    reported: ReportedKind | None = None
    """What reports call the bounce; None: no bounce is named."""
    blame: Blame | None = None
    """Whom the bounce blames."""
    counts: bool | None = None
    """Whether the bounce counts against the address; None: there is none."""
    why_not: str = ""
    """Why it does not, in the words of `explain`."""
    text: str = ""
    """What the server said."""
    in_row: int = 0
    """How many bounces that count are in a row now."""
    threshold: int = 0
    """How many of them in a row lock, by the policy in force; 0: none counts."""
    bounces: dict[str, int] = {}
    """How often it bounced, by kind/category, whether or not that counts; empty: not looked up."""
    corrected: str = ""
    """What was meant, if an operator says that the address was mistyped."""

    @property
    def shown_kind(self) -> Kind | ReportedKind | None:
        """A bounce has the kind that reports give it, a lock its own."""
        return self.reported if self.bounces else self.kind


class RowFilters(Struct, frozen=True):
    """Filters of rows; an empty one matches all."""

    kind: ReportedKind | None = None
    category: Category | None = None
    reason: Reason | None = None
    origin: Origin | None = None
    provider: str = ""
    domain: str = ""
    group: str = ""
    mailing: str = ""
    for_group: str = ""
    """Only locks that stop the mail of this group."""
    since: int = 0
    until: int = 0
    """Before this time; 0: no limit."""
    seen_by: frozenset[str] = frozenset()
    """Only rows of these groups, and locks that are for all mail; none: all rows."""
    scopes: frozenset[str] = frozenset()
    """Only locks for these groups alone; none: all locks."""
    ends_by: int = 0
    """Only locks of addresses that are free at this time by the clock alone; 0: all."""

    def in_domain(self, address: str) -> bool:
        """Whether an address is in the filter's domain, if there is one."""
        return not self.domain or address.endswith(f"@{self.domain}")

    def matches_scope(self, row: Row) -> bool:
        """Whether the lock of a row stops mail of the filter's group, if there is one.

        A domain is only locked for all mail: the send path looks at nothing else of it.
        """
        if not self.for_group:
            return True
        if row.address.startswith("@"):
            return row.scope == ALL_MAIL
        return row.scope in (ALL_MAIL, self.for_group)

    def _is_seen(self, row: Row) -> bool:
        """Whether whoever asks may know of a row: of a bounce by its group, of a lock by either."""
        if self.scopes and row.scope not in self.scopes:
            return False
        if not self.seen_by or row.group in self.seen_by:
            return True
        return not row.bounces and (row.scope == ALL_MAIL or row.scope in self.seen_by)

    def _has_reason(self, reason: Reason | None) -> bool:
        return self.reason is None or (reason is not None and self.reason.covers(reason))

    def matches_lock(self, lock: Row | Lock) -> bool:
        """Whether a lock, or the lock of a row, matches; of a lock alone the kind as stored."""
        return (
            (self.kind is None or lock.kind is self.kind.kind)
            and (self.category is None or lock.category is self.category)
            and self._has_reason(lock.reason)
            and (self.origin is None or lock.origin is self.origin)
            and (lock.since or 0) >= self.since
            and (not self.until or (lock.since or 0) < self.until)
        )

    def matches(self, row: Row) -> bool:
        """Whether a row matches."""
        return (
            self.matches_lock(row)
            and (self.kind is None or (row.reported or row.kind) == self.kind)
            and self.matches_scope(row)
            and self._is_seen(row)
            and (not self.provider or row.provider == self.provider)
            and self.in_domain(row.address)
            and (not self.mailing or row.mailing == self.mailing)
            and (not self.ends_by or 0 < row.free_at <= self.ends_by)
        )


def row_of_lock(  # noqa: PLR0913, PLR0917 - what is known of it
    address: str,
    listed: str,
    state: State,
    found: ScopedLock,
    cause: Entry | None,
    free_at: int = 0,
) -> Row:
    """The row of one lock; `cause` is the entry that made it."""
    event = cause if isinstance(cause, Event) else None
    act = cause if isinstance(cause, Act) else None
    lock = found.lock
    return Row(
        address,
        listed,
        kind=lock.kind,
        category=lock.category,
        reason=lock.reason,
        origin=lock.origin,
        since=lock.since,
        until=lock.until,
        free_at=free_at,
        group=event.group if event else "",
        scope=found.scope,
        mailing=event.mailing if event else "",
        provider=event.provider if event else "",
        hard=hard_of(state),
        soft=state.soft,
        blocked=blocked_in(state.categories),
        last_event=state.last_event,
        why=act.why if act else "",
        cause=lock.cause,
        reported=reported_kind(event) if event else None,
        blame=event.blamed if event else None,
        counts=True if event else None,
        text=event.diagnostic if event else "",
        corrected=state.corrected,
    )
