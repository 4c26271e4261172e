"""Recipients that are refused at the first send: undeliverable as written, or in a dead domain.

With `[lists] invalid = "refuse"` the send path applies the rules to each recipient without a lock.
It reads what DNS has said before, and asks nobody. What an operator has unlocked passes.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from bouncegate.config.settings import Settings
from bouncegate.milter.refusal.recipient import is_address
from bouncegate.policy.mx import MxHosts
from bouncegate.policy.records import Lock
from bouncegate.policy.undeliverable import AddressRule, lock_by, rule_against, rule_of_domain

_DECODE: Final = msgspec.msgpack.Decoder(MxHosts).decode


class Known(NamedTuple):
    """What the store knows; both may raise lmdb.Error or StoreError."""

    domain: Callable[[bytes], bytes | None]
    """The record of what DNS has said of a domain."""
    was_freed: Callable[[str], bool]
    """Whether an operator has ever unlocked an address, or it has given a sign of life."""


class Undeliverable:
    """The rules, under the settings in force."""

    __slots__ = ("_confirm", "_known")

    def __init__(self, known: Known, confirm: int) -> None:
        """`confirm`: for how many seconds DNS must have denied a domain."""
        self._known = known
        self._confirm = confirm

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
