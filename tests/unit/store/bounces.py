"""Bounces, policies and whole contents of a store, for the tests of the guard and of rollback."""

from collections.abc import Iterable

from tests.events import event_of

from bouncegate.config.durations import Duration
from bouncegate.config.settings import GuardSettings, PolicySettings, Trust
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.fold import Policy
from bouncegate.policy.guard import Guard, Sends, unknown
from bouncegate.policy.providers import Providers
from bouncegate.policy.records import Act, Event
from bouncegate.store.effects import Recorded
from bouncegate.store.intake import Bounce
from bouncegate.store.layout import ADDRESSES, LOCKS
from bouncegate.store.store import Store

NOW = 1_770_000_000
SIGNED: tuple[Trust, ...] = ("signed",)
WINDOW = 3600
PROVIDERS = Providers.of()


def policy(
    addresses: int = 20,
    sends: Sends = unknown,
    share: float = 0.1,
    settings: PolicySettings = PolicySettings(),  # noqa: B008 - frozen
) -> Policy:
    """One whose guard has a window of an hour."""
    guard = GuardSettings(window=Duration(seconds=WINDOW), addresses=addresses, share=share)
    return Policy(settings, SIGNED, guard=Guard(guard, sends))


def bounce_of(
    address: str, message: int, time: int = NOW, reason: Reason = Reason.USER_UNKNOWN
) -> Event:
    """The bounce of one message of ours."""
    return event_of(
        address,
        time,
        reason,
        rule=f"rule-{reason}",
        identity=message.to_bytes(8, "big") + bytes(8),
        sender="news@example.org",
        provider=PROVIDERS.provider_of(address),
    )


def record(store: Store, events: Iterable[Event], rules: Policy) -> list[Recorded]:
    """Take in events one by one, as they came."""
    outcomes = store.record([Bounce([event], b"") for event in events], rules)
    return [outcome for (outcome,) in outcomes]


def contents(store: Store, *databases: bytes) -> dict[bytes, list[tuple[bytes, bytes]]]:
    """All that these databases hold; the states and locks where none is named."""
    environment = store._environment  # the octets themselves are what must be equal
    found = {}
    for name in databases or (ADDRESSES, LOCKS):
        database = environment.open_db(name, create=False)
        with environment.begin(db=database) as transaction, transaction.cursor() as cursor:
            found[name] = list(cursor.iternext()) if cursor.first() else []
    return found


def lock_by_hand(address: str) -> Act:
    """An operator's lock."""
    return Act((address,), NOW, "lock", by="root")
