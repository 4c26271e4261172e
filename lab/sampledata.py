"""A store with months of bounces in it, for looking at pages: made up, the same for each seed."""

import random
from collections.abc import Iterator
from typing import Final

from bouncegate.config.reasons import REASONS
from bouncegate.config.taxonomy import Kind, Reason
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Act, Audit, Event
from bouncegate.store.audit import new_key
from bouncegate.store.intake import Bounce
from bouncegate.store.store import Store

_DAY: Final = 86_400
_DAYS: Final = 60
_DOMAINS: Final = ("mail.example", "post.example", "office.example", "school.example", "web.test")
_NAMES: Final = ("info", "orders", "team", "reader", "member", "desk", "hello", "studio", "shop")
_MAILINGS: Final = ("2026-10 Newsletter", "2026-11 Newsletter", "2026-11 Offers", "2026-11 Survey")
_GROUPS: Final = ("news.example.com", "shop.example.com", "")
_REPLIES: Final[tuple[tuple[int, Reason, str, str], ...]] = (
    (30, Reason.MAILBOX_FULL, "4.2.2", "452 4.2.2 The mailbox is over its quota, try again later"),
    (24, Reason.USER_UNKNOWN, "5.1.1", "550 5.1.1 <{address}>: no mailbox here by that name"),
    (9, Reason.NO_ANSWER, "4.4.1", "connect to mx1.{domain}[192.0.2.25]:25: Connection timed out"),
    (7, Reason.SPAM_BLOCK, "5.7.1", "554 5.7.1 This message looks like spam and was rejected"),
    (6, Reason.MAILBOX_DISABLED, "5.2.1", "550 5.2.1 The account is closed"),
    (5, Reason.SYSTEM_ERROR, "4.3.0", "451 4.3.0 Temporary failure on our side"),
    (4, Reason.RATE_LIMIT, "4.7.1", "421 4.7.1 Too many connections from your address"),
    (3, Reason.REPUTATION, "5.7.1", "550 5.7.1 Your address is on our block list"),
    (3, Reason.EXPIRED, "4.4.7", "delivery time expired"),
    (1, Reason.HOST_UNKNOWN, "5.1.2", "Host or domain name not found"),
)


def fill(store: Store, policy: Policy, now: int, people: int = 600, seed: int = 1) -> None:
    """Bounces of so many addresses in the 60 days before `now`, in order, and some acts."""
    chance = random.Random(seed)
    addresses = [_address(number, chance) for number in range(people)]
    events = sorted(_events(addresses, now, chance), key=lambda event: event.time)
    store.record((Bounce((event,), _message(event)) for event in events), policy)
    by_hand = [address for address in addresses if chance.random() < 0.01] or addresses[:1]
    who = Audit(new_key(now - _DAY), now - _DAY, "lock", "operator", "asked to be left alone")
    acts = [
        Act((one,), now - _DAY, "lock", "operator", "asked to be left alone") for one in by_hand
    ]
    store.act(acts, policy.fold, audit=who)


def _address(number: int, chance: random.Random) -> str:
    return f"{chance.choice(_NAMES)}.{number}@{chance.choice(_DOMAINS)}"


def _events(addresses: list[str], now: int, chance: random.Random) -> Iterator[Event]:
    weights = [weight for weight, *_ in _REPLIES]
    for address in addresses:
        # Bounces of one address have mostly one reason.
        reply = chance.choices(_REPLIES, weights)[0]
        for _ in range(chance.choice((1, 1, 1, 2, 3, 4, 6))):
            yield _event(address, now - chance.randrange(3600, _DAYS * _DAY), reply, chance)
            if REASONS[reply[1]].kind is Kind.HARD:
                break


def _event(
    address: str, time: int, reply: tuple[int, Reason, str, str], chance: random.Random
) -> Event:
    _, reason, status, text = reply
    domain = address.rpartition("@")[2]
    known = REASONS[reason]
    return Event(
        address=address,
        time=time,
        kind=known.kind,
        category=known.category,
        reason=reason,
        rule="sample",
        trust="signed",
        identity=chance.randbytes(16),
        status=status,
        diagnostic=text.format(address=address, domain=domain),
        reporting_mta="mx.example.com",
        sender="newsletter@example.com",
        mailing=chance.choice(_MAILINGS),
        group=chance.choice(_GROUPS),
        sent=time - 60,
    )


def _message(event: Event) -> bytes:
    return (
        f"From: MAILER-DAEMON@{event.reporting_mta}\r\nSubject: Undelivered Mail\r\n\r\n"
        f"{event.diagnostic}\r\n"
    ).encode()
