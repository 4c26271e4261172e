"""The bounce messages of addresses that are purged: deleted, or blanked where others need them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from bouncegate.policy.records import Event
from bouncegate.store.environment import Environment
from bouncegate.store.history import History
from bouncegate.store.messages import Messages, message_key
from bouncegate.store.redaction import Redaction
from bouncegate.store.table import Table, Transaction

# How far apart in the journal two recipients of one bounce may stand.
_APART: Final = 1100


class PurgedMessage(Struct):
    """A message that tells of addresses which are purged."""

    key: bytes
    names: frozenset[str]
    """These addresses, and what their bounces call them: where one forwards its mail to, say."""
    others: set[int]
    """The bounces of others that it tells of too."""


class PurgedMessages(Table):
    """Within transactions of the caller's."""

    def __init__(self, environment: Environment, history: History, messages: Messages) -> None:
        super().__init__(environment)
        self._journal: Final = history.journal
        self._messages = messages

    def of(
        self, transaction: Transaction, address: str, purged: AbstractSet[str]
    ) -> list[PurgedMessage]:
        """The messages of the bounces of an address, one of those that are purged."""
        found: dict[bytes, set[int]] = {}
        names = {address}
        for number, entry in self._journal.of_address_within(transaction, address):
            if not isinstance(entry, Event):
                continue
            names.update(_aliases(entry))
            if entry.raw and self._messages.get_within(transaction, entry.raw) is not None:
                before = range(number - 1, max(number - _APART, 0), -1)
                behind = range(number + 1, number + _APART)
                others = found.setdefault(entry.raw, set())
                for way in (before, behind):
                    others.update(self._alike(transaction, way, entry.raw, purged))
        return [PurgedMessage(key, frozenset(names), others) for key, others in found.items()]

    def _alike(
        self,
        transaction: Transaction,
        numbers: Iterable[int],
        raw: bytes,
        purged: AbstractSet[str],
    ) -> Iterator[int]:
        """The bounces of others by the same message: they came in the same transaction."""
        for number in numbers:
            if not self._journal.exists(transaction, number):
                continue
            entry = self._journal.get(transaction, number)
            if not isinstance(entry, Event):
                continue
            if entry.raw != raw:
                return
            if entry.address not in purged:
                yield number

    def remove(self, transaction: Transaction, message: PurgedMessage) -> None:
        """Delete a message, or keep it for others without the names."""
        raw = self._messages.get_within(transaction, message.key)
        if raw is None:
            return
        blanked = Redaction(message.names).blanked_message(raw) if message.others else None
        self._messages.delete(transaction, message.key)
        new = b""
        if blanked is not None:
            new = message_key(blanked, int.from_bytes(message.key[:4], "big"))
            self._messages.put(transaction, new, blanked)
        for number in sorted(message.others):
            event = self._journal.event(transaction, number)
            self._journal.rewrite(transaction, number, replace(event, raw=new))


def _aliases(event: Event) -> Iterator[str]:
    for name in (event.final_recipient, event.original_recipient):
        if "@" in name.strip("@"):
            yield name
