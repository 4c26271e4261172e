"""What is known about addresses: events, acts of operators, and the state they add up to.

The journal holds `Event`s and `Act`s in the order in which they came; `State` is what they
amount to for one address, and is a pure function of them (`bouncegate.policy.fold`). Between
them stand `Ruling`s, which say that earlier events no longer count, or count again, and what
the guard found (`Opened`, `Settled`). A `Summary` replaces entries that were deleted.
Times are whole seconds since 1970, UTC. Addresses are canonical (`bouncegate.store.address`).
"""

from enum import StrEnum
from typing import Final, Literal

from msgspec import Struct

from bouncegate.config import durations
from bouncegate.config.reasons import REASONS
from bouncegate.config.settings import Trust
from bouncegate.config.taxonomy import Blame, Category, Kind, Reason

NO_END = durations.NO_END  # `Lock.until` of a lock that no date ends


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
    held: int = 0
    """The incident for which it was held when it came, `UNCONFIRMED`, or 0."""
    sent: int = 0
    """When our message was sent, as the ledger knows it; 0: unknown."""
    named: int = 0
    """How many recipients of a report this event represents; 0: one."""
    blame: Blame | None = None
    """Whom the rule blames; None: whom the reason does."""
    feedback: str = ""
    """The Feedback-Type of a complaint (RFC 5965, 7.3), in lower case."""

    @property
    def blamed(self) -> Blame:
        """Who has to act for the next message to arrive."""
        return self.blame or REASONS[self.reason].blame

    @property
    def moment(self) -> int:
        """The time that orders failures: when the message was sent, else when the bounce came."""
        return self.sent or self.time


UNCONFIRMED: Final = (1 << 64) - 1
"""In place of an incident: the event is held until DNS has denied the domain of its address twice
(`bouncegate.policy.unconfirmed`). No entry of the journal ever has this number."""

MOST_ADDRESSES = 1000
"""How many addresses one act names at most: an entry of the journal stays below 256 KiB."""


Condition = Literal["", "unlocked", "by-list", "as-seen", "shortens-none", "outlasts"]
"""What must be true of an address when an act is carried out (`bouncegate.policy.conditions`).

Empty: it frees from no lock that is younger than the act itself. `unlocked`: no lock for all mail
is in force. `by-list`: a list's lock is. `as-seen`: the locks in force are those that were there
when the act was decided. `shortens-none`: no lock in force that needs force to be lifted ends later
than the act's. `outlasts`: no lock in force is stronger than the act's, or ends later.
"""


class Act(Struct, frozen=True, tag="act", omit_defaults=True):
    """What an operator did to one address or to many: who, when and why.

    `alive` is a proof of life: an opened mail, a click, a message from the address. `release` ends
    the lock that a list has made, and nothing else: that is no sign of life. `correct`: the address
    was mistyped, `other` was meant; `renew`: it was meant by `other`, and its counts are reset.
    `recover`: its domain takes mail again; that ends what bounces locked because it took none.
    """

    addresses: tuple[str, ...]
    time: int
    verb: Literal["lock", "unlock", "alive", "release", "correct", "renew", "recover"]
    by: str
    why: str = ""
    until: int = NO_END
    origin: Origin = Origin.MANUAL
    reason: Reason = Reason.OPERATOR
    group: str = ""
    """The only group for which it is; empty: for all."""
    other: str = ""
    """The other address of a correction."""
    audit: bytes = b""
    """The key of the operator's audit record; empty for automatic acts."""
    condition: Condition = ""
    seen: tuple[int, ...] = ()
    """For `as-seen`: of each of the addresses, the number of its locks then."""


class Delivered(Struct, frozen=True, tag="delivered", omit_defaults=True):
    """Messages of one time arrived at these addresses, all of which had failures in a row."""

    addresses: tuple[str, ...]
    time: int
    sent: int
    """When the messages were sent."""
    source: Literal["ledger", "log"]
    """`ledger`: no bounce followed within the settling time; `log`: Postfix says `status=sent`."""


MOST_EVENTS = 1000
"""How many events one ruling names at most: a transaction then takes some tens of milliseconds."""


class Ruling(Struct, frozen=True, tag="ruling", omit_defaults=True):
    """What becomes of events that had come before.

    `void`: as if they had never come, for good. `hold`: the same until an incident is settled.
    `release`: no longer held, neither for an incident nor until DNS confirms them.
    """

    verb: Literal["void", "hold", "release"]
    numbers: tuple[int, ...]
    time: int
    by: str = ""
    why: str = ""
    incident: int = 0
    audit: bytes = b""
    """As in `Act`."""


class Opened(Struct, frozen=True, tag="incident-opened", omit_defaults=True):
    """The guard tripped; the number of this entry is the number of the incident."""

    time: int
    provider: str
    reason: Reason
    addresses: int
    """How many distinct addresses had bounced within the window, the last one included."""
    limit: int
    """How many would have been normal."""
    window: int = 0
    """Of how many seconds, where that was not `[guard] window`."""


class Settled(Struct, frozen=True, tag="incident-settled", omit_defaults=True):
    """An incident is over.

    `confirmed`: the addresses are dead, the held events count. `dismissed`, by an operator, and
    `closed`, by the guard, since deliveries succeed again: the held events are void.
    """

    incident: int
    time: int
    verb: Literal["confirmed", "dismissed", "closed"]
    by: str = ""
    why: str = ""
    audit: bytes = b""
    """As in `Act`."""


AddressEntry = Event | Act | Delivered
"""What concerns addresses, and is folded."""

Entry = AddressEntry | Ruling | Opened | Settled


MOST_TARGETS: Final = 20
"""How many addresses an audit record names; of a change of more it tells their number alone."""


class Audit(Struct, frozen=True, tag="audit", omit_defaults=True):
    """One change. No text in it has more than one line, whatever came from outside."""

    key: bytes
    time: int
    command: str
    """As it was called, without the addresses: `import --locks`, `undo --rule x`."""
    by: str
    """Who asked for it, as the command was told; without a word, the person who called it."""
    why: str = ""
    targets: tuple[str, ...] = ()
    """The addresses, if they are no more than `MOST_TARGETS`."""
    count: int = 0
    """How many addresses, or events of an undo."""
    user: str = ""
    uid: int = 0
    login: str = ""
    """Who had logged in, as the kernel knows it: neither su(1) nor sudo(8) changes it."""
    sudo: str = ""
    """Who called sudo(8), as it says."""
    tty: str = ""
    client: str = ""
    """The address of the SSH client."""
    host: str = ""
    purged: bytes = b""
    """The digests of the addresses that were purged, if they are no more than `MOST_TARGETS`."""
    scope: str = ""
    """Which mail the locks are for that it made or lifted: `global`, `group:NAME`, or `several`."""
    changed: str = ""
    """What it changed other than addresses: lines of files, a key."""
    via: Literal["cli", "web", "api"] = "cli"
    """By the command, the page or the HTTP interface."""
    token: str = ""
    """The name of the token of the HTTP interface."""

    def has_purged(self, digest: bytes) -> bool:
        """Whether the address of a digest was purged."""
        size = len(digest)
        return digest in (self.purged[n : n + size] for n in range(0, len(self.purged), size))


class Streak(Struct, frozen=True, omit_defaults=True):
    """How the sends to an address went of late, for all groups or for one: what locks are made of.

    The runs are the moments of the last failures in a row, the oldest first.
    """

    lock: Lock | None = None
    hard_in_row: int = 0
    soft_in_row: int = 0
    hard_run: tuple[int, ...] = ()
    soft_run: tuple[int, ...] = ()
    complaint_run: tuple[int, ...] = ()
    """Of complaints, which no delivery ends: whoever complains got the message."""
    needed: int = 0
    """How many failures in a row the lock took."""
    times_locked: int = 0
    """How often bounces have locked it; what operators lock does not count."""
    times_locked_hard: int = 0
    """How often hard ones have: each kind has terms of its own."""
    times_locked_complaint: int = 0
    """How often complaints have; they are in neither of the others."""


MOST_GROUPS = 64
"""So many groups have a streak of their own at one address; the bounces of others count for all."""


class State(Streak, frozen=True, omit_defaults=True):
    """What the journal of one address adds up to; its own streak is that of all groups."""

    hard: int = 0
    """Those that blame the sender too, where the policy counts them."""
    soft: int = 0
    complaints: int = 0
    categories: dict[str, int] = {}
    """How often each `kind/category` was seen since the last proof of life; hard ones that
    blame the sender are `blocked`, as in reports."""
    first_event: int = 0
    last_event: int = 0
    delivered: int = 0
    """When the last message that is known to have arrived was sent."""
    alive: int = 0
    """When the address last gave a proof of life."""
    corrected: str = ""
    """What was meant by an address that an operator says was mistyped."""
    groups: dict[str, Streak] = {}
    """The streaks of the groups for which bounces count apart."""


class Summary(Struct, frozen=True):
    """What the oldest entries of one address added up to, which are no longer kept."""

    state: State
    last: int
    """The number of the last of them."""
    time: int
    """When the last of them came."""
    first_time: int
    entries: int
    """How many they were."""


JournalEntry = AddressEntry | Summary
"""What the journal of one address tells: a summary, if there is one, and what came behind it."""
