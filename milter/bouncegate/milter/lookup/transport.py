"""The map `transport` for transport_maps: locked recipients go to Postfix's own error(8).

    smtpd(8) refuses them at RCPT; what is in the queue already, or came by sendmail(1) or out of
    an alias, is bounced by error(8) with the text below. A temporary code goes to retry(8), which
    defers, and [reply] action = "discard" to discard(8). "tag" is not possible here, since a
    table cannot add a header field: the recipient passes.

The table is asked for a recipient and nothing else: who sends, and from where, it never learns.
"""

import logging
import re
import time
from collections.abc import Callable
from typing import Final

import lmdb

from bouncegate.config.replies import UNMARKED
from bouncegate.config.settings import Settings
from bouncegate.daemon.ratelimitedlog import RateLimitedLog
from bouncegate.daemon.wire import for_log
from bouncegate.milter.lookup.protocol import NOT_FOUND
from bouncegate.milter.refusal.action import Action
from bouncegate.milter.refusal.counts import DecisionCounts
from bouncegate.milter.refusal.decision import Outcome, Scope, decide_unseen, lock_in_force
from bouncegate.milter.refusal.recipient import exact_key, folded_key, is_address, untagged
from bouncegate.milter.refusal.reply import Reply, compose, lock_fields
from bouncegate.milter.refusal.undeliverable import Undeliverable
from bouncegate.policy.records import Lock
from bouncegate.store.errors import StoreError
from bouncegate.store.lockrecord import LockRecordError
from bouncegate.store.locktable import Find

_LOG: Final = logging.getLogger("bouncegate.map")
_EXPECTED: Final = (lmdb.Error, StoreError, LockRecordError)
_LOCKED: Final = frozenset({Outcome.REFUSED, Outcome.OBSERVED})
# RFC 5322, 3.2.3: what no atom holds, and a dot at an end or behind another is left alone.
_SPECIAL: Final = re.compile(rb'[\x00-\x20\x7f"(),:;<>@\[\]\\]')
_NO_QUEUE_ID: Final = "NOQUEUE"


class TransportMap:
    """Answers look-ups for recipients."""

    def __init__(
        self,
        settings: Settings,
        find: Find,
        counts: DecisionCounts,
        mark: Callable[[], str] = lambda: UNMARKED,
        undeliverable: Undeliverable | None = None,
    ) -> None:
        """`find` gives the record of a key's lock; it may raise lmdb.Error or StoreError.

        `mark` tells what ends our refusals; `undeliverable` are the rules against recipients
        without a lock, where they are asked for.
        """
        self._undeliverable = undeliverable
        self._find = find
        self._mark = mark
        self._delimiters = settings.store.recipient_delimiter
        self._key = folded_key if settings.store.fold_local_part else exact_key
        self._scope = Scope.of(settings)
        self._reply = settings.reply
        self._action = Action.of(settings.reply.action)
        on_error = settings.milter.on_error
        self._error_log = RateLimitedLog(on_error, daemon="map", step="transport")
        self._on_error = (
            b"TEMP the locks cannot be read [bouncegate]" if on_error == "tempfail" else NOT_FOUND
        )
        self._counts = counts

    def __call__(self, key: bytes) -> bytes:
        """The answer to one key. Nothing is ever raised: the connection would be lost."""
        # transport(5): Postfix also asks for "*", "domain" and ".domain", which are no recipients.
        if key.find(b"@") < 1:
            return NOT_FOUND
        try:
            return self._answer(key)
        except Exception as error:  # noqa: BLE001 - the boundary; logged and answered
            self._error_log.log(_NO_QUEUE_ID, error, expected=isinstance(error, _EXPECTED))
            self._counts.failed()
            return self._on_error

    def _answer(self, recipient: bytes) -> bytes:
        key = self._key(quoted(recipient))
        if key is None:
            return NOT_FOUND
        record, base = self._find(key), untagged(key, self._delimiters)
        now = int(time.time())
        by_rule = None
        if self._undeliverable is not None:
            by_rule = self._undeliverable.lock_of(key, now)
        if record is None and base is None and by_rule is None:
            return NOT_FOUND
        lock = self._lock_of(key, record, base, now) or by_rule
        address = key.decode()
        outcome = decide_unseen(address, lock, now, self._scope)
        if lock is not None:
            self._counts.decided(outcome, lock)
        if lock is None or outcome not in _LOCKED:
            return NOT_FOUND
        if self._action is Action.TAG:
            return NOT_FOUND
        reply = compose(self._reply, lock, address, mark=self._mark())
        _LOG.info("%s", _line(self._action.logged(outcome), address, lock, reply))
        return NOT_FOUND if outcome is Outcome.OBSERVED else b"OK " + route(self._action, reply)

    def _lock_of(
        self, key: bytes, record: bytes | None, base: bytes | None, now: int
    ) -> Lock | None:
        """The lock in force of a recipient, or of it without its extension."""
        lock = lock_in_force(self._find, key, record, now)
        if lock is None and base is not None:
            lock = lock_in_force(self._find, base, self._find(base), now)
        return lock if lock is not None and is_address(key) else None


def route(action: Action, reply: Reply) -> bytes:
    """The transport and next hop that do it, and say why in Postfix's log."""
    if action is Action.DISCARD:
        return f"discard:{reply.of_table}".encode()
    service = "retry" if reply.temporary else "error"
    return f"{service}:{reply.status} {reply.of_table}".encode()


def quoted(recipient: bytes) -> bytes:
    """A recipient with its local part in quotes if it needs them.

    Postfix asks with quotes first, then without: what looks like a comment then is none.
    """
    local, _, domain = recipient.rpartition(b"@")
    if (local.startswith(b'"') and local.endswith(b'"')) or not _SPECIAL.search(local):
        return recipient
    return b'"%b"@%b' % (local.replace(b"\\", b"\\\\").replace(b'"', b'\\"'), domain)


def _line(what: str, recipient: str, lock: Lock, reply: Reply) -> str:
    return (
        f"{_NO_QUEUE_ID}: {what}: transport: {reply.code} {reply.status} "
        f"<{for_log(recipient)}>: {for_log(reply.text, 512)}; to=<{for_log(recipient)}> "
        f"{lock_fields(lock)}"
    )
