"""What is known about addresses: events, acts of operators, and the state they add up to.

The journal holds `Event`s and `Act`s in the order in which they came; `State` is what they
amount to for one address, and is a pure function of them (`bouncegate.policy.fold`). Times
are whole seconds since 1970, UTC. Addresses are canonical (`bouncegate.store.address`).
"""

from enum import StrEnum
from typing import Literal

from msgspec import Struct

from bouncegate.config.settings import Trust
from bouncegate.config.taxonomy import Category, Kind, Reason

NO_END = 0xFFFF_FFFF  # `Lock.until` of a lock that no date ends


class Origin(StrEnum):
    """Who made a lock."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"
    IMPORTED = "imported"


class Lock(Struct, frozen=True):
    """An address, or a whole domain, that must not be mailed from `since` until before `until`."""

    kind: Kind
    category: Category
    reason: Reason
    origin: Origin
    since: int
    until: int
    cause: int
    """The number of the journal entry that made the lock."""

    def in_force(self, now: int) -> bool:
        """Whether the lock still holds at `now`: its end needs no job to take effect."""
        return now < self.until


class Event(Struct, frozen=True, tag="event", omit_defaults=True):
    """One recipient's bounce of one message of ours."""

    address: str
    time: int
    kind: Kind
    category: Category
    reason: Reason
    rule: str
    trust: Trust
    identity: bytes
    """16 octets that are equal for every DSN about the same message and recipient."""
    action: str = ""
    status: str = ""
    reply_code: str = ""
    diagnostic: str = ""
    phase: str = ""
    final_recipient: str = ""
    original_recipient: str = ""
    reporting_mta: str = ""
    remote_mta: str = ""
    message_id: str = ""
    envelope_id: str = ""
    queue_id: str = ""
    sender: str = ""
    mailing: str = ""
    group: str = ""
    provider: str = ""
    reader: str = ""
    raw: bytes = b""
    """The hash under which the bounce message itself is kept."""


MOST_ADDRESSES = 1000
"""How many addresses one act names at most: an entry of the journal stays below 256 KiB."""


class Act(Struct, frozen=True, tag="act", omit_defaults=True):
    """What an operator did to one address or to many: who, when and why."""

    addresses: tuple[str, ...]
    time: int
    verb: Literal["lock", "unlock"]
    by: str
    why: str = ""
    until: int = NO_END
    origin: Origin = Origin.MANUAL


Entry = Event | Act


class State(Struct, frozen=True, omit_defaults=True):
    """What the journal of one address adds up to."""

    lock: Lock | None = None
    hard_in_row: int = 0
    soft_in_row: int = 0
    hard: int = 0
    soft: int = 0
    categories: dict[str, int] = {}
    """How often each `kind/category` was seen, over all time."""
    times_locked: int = 0
    """How often bounces have locked it; what operators lock does not count."""
    first_event: int = 0
    last_event: int = 0
