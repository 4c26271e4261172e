"""The ledger: each send can be read and is found by its names, and the rates are what was sent.

So can each refusal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

import lmdb

from bouncegate.store.address import domain_of
from bouncegate.store.entry import KEY, Sent, decoded, name_digests
from bouncegate.store.environment import Environment
from bouncegate.store.ledger import NAMES, SENT
from bouncegate.store.refusals import REFUSED, record_key
from bouncegate.store.refusals import decoded as refusal_decoded
from bouncegate.store.sendrates import ALL_DOMAINS, HOUR, RATES, rate_key, rate_of
from bouncegate.store.tools.verify.difference import Difference, records

_NEVER: Final = b"\xff" * 4
"""An hour as it is written, in a ledger that has no totals."""


class LedgerCheck:
    """One reading of the ledger."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._sent = environment.open_db(SENT, create=False)
        self._names = environment.open_db(NAMES, create=False)
        self._rates = environment.open_db(RATES, create=False)

    def differences(self) -> Iterator[Difference]:
        """All that is found, by table."""
        yield from self._of_sends()
        yield from self._of_names()
        yield from self._of_refusals()

    def _of_sends(self) -> Iterator[Difference]:
        # What is forgotten is forgotten by entries, its rates by hours: the first hour is partial.
        first, hour = -1, -1
        counted: Counter[str] = Counter()
        for transaction, key, value in records(self._environment, SENT):
            sent = _read(key, value)
            if sent is None:
                yield Difference("ledger sent", key.hex(), "cannot be read")
                continue
            now = sent.time // HOUR
            if now != hour:
                if hour > first >= 0:
                    yield from self._of_rates(transaction, hour, counted)
                first, hour = (now if first < 0 else first), now
                counted.clear()
            if sent.was_sent:
                counted.update(domain_of(address) for address in sent.recipients)
            for name in name_digests(sent):
                if transaction.get(name, db=self._names) is None:
                    text = f"is found by no name (queue id {sent.queue_id or 'unknown'})"
                    yield Difference("ledger names", key.hex(), text)

    def _of_rates(
        self, transaction: lmdb.Transaction[bytes], hour: int, counted: Counter[str]
    ) -> Iterator[Difference]:
        rates = dict(counted)
        if hour >= rate_of(transaction.get(rate_key(ALL_DOMAINS, 0), db=self._rates) or _NEVER):
            rates[ALL_DOMAINS] = counted.total()
        for domain, right in rates.items():
            known = rate_of(transaction.get(rate_key(domain, hour), db=self._rates))
            if known != right:
                text = f"recipients in the hour of {hour * HOUR}: says {known}, there are {right}"
                yield Difference("ledger rates", domain, text)

    def _of_names(self) -> Iterator[Difference]:
        for transaction, name, key in records(self._environment, NAMES):
            value = transaction.get(key, db=self._sent)
            sent = None if value is None else _read(key, value)
            if sent is None or name not in name_digests(sent):
                yield Difference("ledger names", name.hex(), "names no send of that name")

    def _of_refusals(self) -> Iterator[Difference]:
        try:
            self._environment.open_db(REFUSED, create=False)
        except lmdb.NotFoundError:
            return
        for _, key, value in records(self._environment, REFUSED):
            if not _is_refusal(key, value):
                yield Difference("ledger refused", key.hex(), "cannot be read")


def _is_refusal(key: bytes, value: bytes) -> bool:
    try:
        refusal = refusal_decoded(value)
    except Exception:  # noqa: BLE001 - whatever it is, it cannot be read
        return False
    return record_key(refusal, refusal.address) == key


def _read(key: bytes, value: bytes) -> Sent | None:
    try:
        sent = decoded(value)
    except Exception:  # noqa: BLE001 - whatever it is, it cannot be read
        return None
    is_it = len(key) == KEY.size and KEY.pack(sent.time, sent.message, sent.part) == key
    return sent if is_it else None
