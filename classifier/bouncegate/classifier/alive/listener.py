"""Checks a message that may be a sign of life, and records it if it makes a difference.

At most one act is recorded per address and day, and only for addresses that have bounced. Addresses
that are mailed are noted as in use.
"""

import hmac
import logging
from collections.abc import Sequence
from functools import partial
from typing import Final

from bouncegate.classifier.alive.signoflife import Doubt, SignOfLife, names_in_results, sign_of_life
from bouncegate.config.settings import Settings
from bouncegate.config.text import clean
from bouncegate.daemon.wire import for_field
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Act, State
from bouncegate.store.alive import has_bounced, is_aged, is_proven, mailbox_of
from bouncegate.store.lastmailed import DAY
from bouncegate.store.store import Store

log: Final = logging.getLogger("bouncegate.alive")

BY: Final = "mail"
"""The `by` of acts for signs of life that arrived by mail."""
NOT_PROVEN: Final = (
    "not proven that forged Authentication-Results are removed from incoming mail: "
    "run bouncegate doctor"
)
_SHOWN: Final = 200


class Listener:
    """Records signs of life in a store."""

    def __init__(self, settings: Settings, store: Store, policy: Policy) -> None:
        """Check messages by `settings` and record them in `store` under `policy`."""
        self._settings = settings.alive
        self._mailbox = mailbox_of(settings).encode() if settings.alive.authserv_ids else b""
        self._is_proven = partial(is_proven, settings)
        self._fold = settings.store.fold_local_part
        self._store = store
        self._policy = policy

    def is_meant(self, recipient: str) -> bool:
        """Whether the recipient is the mailbox for signs of life."""
        local = recipient.strip("<>").rpartition("@")[0]
        return bool(self._mailbox) and hmac.compare_digest(local.lower().encode(), self._mailbox)

    def believes(self, raw: bytes, number: str) -> bool:
        """Whether a probe has results that name its number and would be trusted."""
        return names_in_results(raw, number, self._settings)

    def take(self, _recipients: Sequence[str], raw: bytes, sender: str | None, now: int) -> None:
        """Check a message that arrived at `now`; its record is durable on return.

        `sender` is the envelope sender if known, empty for the null sender. Raises StoreError.
        """
        if not self._is_proven(now):
            log.warning("no sign of life: %s", NOT_PROVEN)
            return
        sign = sign_of_life(raw, sender, self._settings, now, fold_local_part=self._fold)
        if isinstance(sign, Doubt):
            log.info("no sign of life: %s", sign)
            return
        if is_aged(self._store, sign.address, now):
            self._store.lastmailed.note_alive([sign.address], now)
        if not _matters(self._store.addresses.get(sign.address), now):
            log.info("alive=<%s> %s: makes no difference", sign.address, sign.method)
            return
        self._store.act([_act(sign, now)], self._policy.fold)
        log.info(
            "alive=<%s> %s message-id=%s", sign.address, sign.method, for_field(sign.message_id)
        )


def _matters(state: State | None, now: int) -> bool:
    """Whether the address has bounced, and has had no sign of life today."""
    return state is not None and has_bounced(state) and state.alive // DAY != now // DAY


def _act(sign: SignOfLife, now: int) -> Act:
    why = clean(f"{sign.method}=pass by {sign.authserv_id}, message {sign.message_id}", _SHOWN)
    return Act((sign.address,), now, "alive", by=BY, why=why)
