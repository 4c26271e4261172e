"""Recipients that are refused at the first send: undeliverable as written, or in a dead domain.

With `[lists] invalid = "refuse"` the send path applies the rules to each recipient without a lock.
It reads what DNS has said before, and asks nobody. What an operator has unlocked passes.

A mailing has many recipients in few domains. Those that no rule is against are remembered for a
minute, and of an address in one of them a few octets are looked at: what a key made of a recipient
(`recipient`) can still offend against is the dots and the length of its local part.
"""

import time
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from bouncegate.config.settings import Settings
from bouncegate.milter.refusal.recipient import is_address
from bouncegate.policy.mx import MxHosts
from bouncegate.policy.records import Lock
from bouncegate.policy.undeliverable import AddressRule, lock_by, rule_against, rule_of_domain

_AT, _DOT, _DOTS = b"@", b"."[0], b".."
_LONGEST_LOCAL: Final = 64
_MOST_DOMAINS: Final = 100_000
_REMEMBERED: Final = 60.0
"""Seconds: so much later than the store does the send path know of a domain that has died."""
_DECODE: Final = msgspec.msgpack.Decoder(MxHosts).decode


class Known(NamedTuple):
    """What the store knows; both may raise lmdb.Error or StoreError."""

    domain: Callable[[bytes], bytes | None]
    """The record of what DNS has said of a domain."""
    was_freed: Callable[[str], bool]
    """Whether an operator has ever unlocked an address, or it has given a sign of life."""


class Undeliverable:
    """The rules, under the settings in force."""

    __slots__ = ("_clock", "_confirm", "_good", "_known", "_since")

    def __init__(
        self, known: Known, confirm: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`confirm`: for how many seconds DNS must have denied a domain."""
        self._known = known
        self._confirm = confirm
        self._clock = clock
        self._good: set[bytes] = set()
        """Domains, each behind its @, that no rule was against."""
        self._since = clock()

    def check(self) -> None:
        """Forget the domains in time; to be called about once a second."""
        if self._clock() - self._since >= _REMEMBERED:
            self._good.clear()
            self._since = self._clock()

    def is_deliverable(self, key: bytes) -> bool:
        """Whether no rule is against the recipient with this key, or one that it is freed of."""
        at = key.rfind(_AT)
        if (
            key[at:] in self._good
            and at <= _LONGEST_LOCAL
            and key[at - 1] != _DOT
            and key[0] != _DOT
            and _DOTS not in key
        ):
            return True
        now = int(time.time())
        if self.lock_of(key, now) is not None:
            return False
        self._remember(key[at:], now)
        return True

    def _remember(self, domain: bytes, now: int) -> None:
        address = b"postmaster" + domain
        if rule_against(address.decode()) or self._rule_of_domain(address, now):
            return
        if len(self._good) >= _MOST_DOMAINS:
            self._good.clear()
        if is_address(address):
            self._good.add(domain)

    def lock_of(self, key: bytes, now: int) -> Lock | None:
        """The lock that stands for a refusal of the recipient with this key; None: it may pass."""
        address = key.decode()
        rule = rule_against(address) or self._rule_of_domain(key, now)
        if rule is None and not is_address(key):
            rule = AddressRule.SYNTAX
        if rule is None or self._known.was_freed(address):
            return None
        return lock_by(rule, now)

    def _rule_of_domain(self, key: bytes, now: int) -> AddressRule | None:
        record = self._known.domain(key[key.rfind(b"@") + 1 :])
        return None if record is None else rule_of_domain(_DECODE(record), now, self._confirm)


def undeliverable_by(settings: Settings, known: Known) -> Undeliverable | None:
    """The rules where the settings ask for them."""
    if settings.lists.invalid != "refuse":
        return None
    return Undeliverable(known, settings.dns.confirm.after(0))
