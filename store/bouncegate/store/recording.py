"""Recording bounces: each is taken in and takes effect, within one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Event
from bouncegate.store.effects import Effects, Recorded
from bouncegate.store.intake import Encoded, Intake, Weighed
from bouncegate.store.table import Transaction

FAILED: Final = "failed"
_IDENTITY_OCTETS: Final = 16


class Recording:
    """Bounces recorded once each."""

    def __init__(self, intake: Intake, effects: Effects) -> None:
        self._intake = intake
        self._effects = effects

    def record(self, transaction: Transaction, bounce: Encoded, policy: Policy) -> list[Recorded]:
        """Record a bounce; one outcome for each of its events."""
        outcomes = [
            self._effects.known_already(transaction, event)
            or self._record(transaction, event, octets, policy)
            for event, octets in bounce.entries
        ]
        fresh = [outcome for outcome in outcomes if outcome.is_new]
        octets = self._intake.keep(transaction, bounce) if fresh else 0
        aside = bounce.is_set_aside
        self._effects.apply_quotas(transaction, fresh, octets, policy, is_set_aside=aside)
        return outcomes

    def record_weighed(
        self,
        transaction: Transaction,
        some: Sequence[Weighed],
        octets: int,
        policy: Policy,
        *,
        is_set_aside: bool,
    ) -> list[Recorded]:
        """The same of events that were taken in before, with a message of so many octets."""
        outcomes = [
            self._effects.known_already(transaction, weighed.event)
            or self._effects.apply(transaction, weighed, policy)
            for weighed in some
        ]
        fresh = [outcome for outcome in outcomes if outcome.is_new]
        aside = is_set_aside
        self._effects.apply_quotas(transaction, fresh, octets, policy, is_set_aside=aside)
        return outcomes

    def _record(
        self, transaction: Transaction, event: Event, octets: bytes, policy: Policy
    ) -> Recorded:
        weighed = self._intake.weigh(transaction, event, octets, policy)
        return self._effects.apply(transaction, weighed, policy)


def identity(message: str, recipient: str, outcome: str = FAILED) -> bytes:
    """16 octets that are equal for everything that tells this outcome of a message and recipient.

    A delay and the failure that follows it are two; a failure reported twice is one.
    """
    text = "\0".join((outcome, recipient, message))
    return blake2b(text.encode("utf-8", "replace"), digest_size=_IDENTITY_OCTETS).digest()


def name_of_sent(time: int, message: bytes) -> str:
    """How identities name a message in the ledger."""
    return f"sent {time} {message.hex()}"
