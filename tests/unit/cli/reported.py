"""What the tests of `report` have in the store: bounces, and the sends that they answer."""

import os
import time
from contextlib import closing
from pathlib import Path

from tests.events import event_of

from bouncegate.config.settings import (
    GuardSettings,
    LedgerSettings,
    PolicySettings,
    StoreSettings,
    Trust,
)
from bouncegate.config.taxonomy import Reason
from bouncegate.config.values import Size
from bouncegate.policy.fold import Policy
from bouncegate.policy.guard import Guard
from bouncegate.policy.providers import Providers
from bouncegate.policy.records import Event
from bouncegate.store.entry import Sent, entry_of
from bouncegate.store.ledger import Ledger
from bouncegate.store.refusals import Refused, RefusedRecipient
from bouncegate.store.store import Bounce

from .conftest import store_of

DAY = 86_400
NOW = int(time.time())
TODAY = NOW // DAY * DAY
PROVIDERS = Providers.of()
SIGNED: tuple[Trust, ...] = ("signed",)
POLICY = Policy(PolicySettings(), SIGNED, guard=Guard(GuardSettings()))


def event(
    address: str,
    reason: Reason = Reason.USER_UNKNOWN,
    *,
    ago: int = 60,
    mailing: str = "spring",
    group: str = "readers",
    sender: str = "news@example.org",
    sent_ago: int | None = None,
    trust: Trust = "signed",
    diagnostic: str = "550 5.1.1 gone",
) -> Event:
    return event_of(
        address,
        NOW - ago,
        reason,
        rule="the-rule",
        trust=trust,
        identity=os.urandom(16),
        status="5.1.1",
        diagnostic=diagnostic,
        mailing=mailing,
        group=group,
        sender=sender,
        provider=PROVIDERS.provider_of(address),
        sent=0 if sent_ago is None else NOW - sent_ago,
    )


def record(config: Path, *events: Event, raw: bytes = b"") -> None:
    """Each a DSN of its own, without a message of its own unless one is given."""
    with closing(store_of(config)) as store:
        store.record([Bounce([one], raw) for one in events], POLICY)


def record_message(config: Path, raw: bytes, *events: Event) -> None:
    """One DSN that names all of them."""
    with closing(store_of(config)) as store:
        store.record([Bounce(events, raw)], POLICY)


def send(
    config: Path,
    *recipients: str,
    ago: int = 120,
    mailing: str = "spring",
    group: str = "readers",
    sender: str = "news@example.org",
) -> None:
    """Have it in the ledger that a message was sent to these."""
    store = StoreSettings(path=config.parent / "store")
    ledger = Ledger.open(store, LedgerSettings(max_size=Size(64 * 2**20)), readonly=False)
    sent = Sent(NOW - ago, os.urandom(8), sender, recipients, mailing=mailing, group=group)
    ledger.write([entry_of(sent)])
    ledger.close()


def refuse(
    config: Path, *recipients: str, ago: int = 120, mailing: str = "spring", group: str = "readers"
) -> None:
    """Have it in the ledger that the send path refused these."""
    store = StoreSettings(path=config.parent / "store")
    with closing(
        Ledger.open(store, LedgerSettings(max_size=Size(64 * 2**20)), readonly=False)
    ) as ledger:
        some = tuple(RefusedRecipient(one, "user-unknown", 7) for one in recipients)
        sender = "news@example.org"
        ledger.write([], [Refused(NOW - ago, sender, some, mailing, group, header_seen=True)])
