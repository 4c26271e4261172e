"""The RCPT step: the hot path of every send, and the only step that decides.

A recipient without a lock costs one key and one look-up. Nothing else is read, and nothing
is logged, before a lock was found.
"""

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

import lmdb
import milter

from bouncegate.config.replies import UNMARKED
from bouncegate.config.settings import Settings
from bouncegate.daemon.infolines import info_lines
from bouncegate.daemon.ratelimitedlog import RateLimitedLog
from bouncegate.milter import logline
from bouncegate.milter.preparedrefusals import PreparedRefusals
from bouncegate.milter.refusal.action import Action
from bouncegate.milter.refusal.counts import DecisionCounts
from bouncegate.milter.refusal.decision import Facts, Outcome, Scope, decide, lock_in_force
from bouncegate.milter.refusal.group import group_at_rcpt
from bouncegate.milter.refusal.recipient import (
    KeyOf,
    as_resolved,
    exact_key,
    folded_key,
    is_address,
    no_key,
    plain_key,
    untagged,
)
from bouncegate.milter.refusal.reply import Reply, compose
from bouncegate.milter.refusal.undeliverable import Undeliverable
from bouncegate.milter.session import (
    QUEUE_ID,
    RESOLVED,
    MacrosAtRcpt,
    PendingRecipient,
    RefusedAt,
    facts,
    macro,
    session_of,
)
from bouncegate.policy.records import Lock
from bouncegate.store.errors import StoreError
from bouncegate.store.lockrecord import LockRecordError
from bouncegate.store.locktable import Find
from bouncegate.store.tokens.returndomain import ReturnAddresses

if TYPE_CHECKING:
    from milter import Context

_LOG: Final = logging.getLogger("bouncegate.milter")
_EXPECTED: Final = (lmdb.Error, StoreError, LockRecordError)

Rcpt = Callable[..., int]
"""Answers (context, recipient, ESMTP parameters...) with CONTINUE, REJECT or TEMPFAIL."""


class Locks(NamedTuple):
    """What the store gives to the step."""

    find: Find
    """The record of a key's lock; it may raise lmdb.Error or StoreError."""
    mark: Callable[[], str] = lambda: UNMARKED
    """What ends our refusals."""
    undeliverable: Undeliverable | None = None
    """The rules against recipients without a lock, where they are asked for."""


class RcptStep:
    """Answers RCPT TO for one worker."""

    __slots__ = (
        *("_action", "_delimiters", "_find", "_key", "_mark", "_error_log", "_prepared"),
        *(
            "_on_error",
            "_plain_key",
            "_reply",
            "_returns",
            "_scope",
            "_counts",
            "_group_of",
            "_macros",
            "_is_deliverable",
            "_only_locks",
            "_undeliverable",
            "_records",
        ),
    )

    def __init__(
        self,
        settings: Settings,
        locks: Locks,
        counts: DecisionCounts,
        returns: ReturnAddresses | None = None,
        macros: MacrosAtRcpt | None = None,
    ) -> None:
        """Among `returns` are the senders that we have signed.

        `macros` learns of a locked recipient of whose sender the MTA said nothing.
        """
        # The end of the message takes away what the session remembers for the ledger.
        self._records = settings.keeps_ledger
        self._group_of = group_at_rcpt(settings.ledger)
        self._returns = returns
        self._find, self._mark, self._undeliverable = locks
        self._macros = macros
        self._counts = counts
        fold = settings.store.fold_local_part
        self._plain_key: KeyOf = plain_key if fold else no_key
        self._key: KeyOf = folded_key if fold else exact_key
        self._delimiters = settings.store.recipient_delimiter
        # A recipient without a lock is asked nothing else, or a rule alone.
        self._only_locks = not self._delimiters and self._undeliverable is None
        self._is_deliverable: Callable[[bytes], bool] | None = None
        if not self._delimiters and self._undeliverable is not None:
            self._is_deliverable = self._undeliverable.is_deliverable
        self._scope = Scope.of(settings)
        self._reply = settings.reply
        self._action = Action.of(settings.reply.action)
        self._prepared: PreparedRefusals | None = None
        if self._action is Action.REJECT and not self._scope.observe:
            self._prepared = PreparedRefusals(
                settings, counts, self._mark, returns, info_lines(_LOG)
            )
        self._error_log = RateLimitedLog(settings.milter.on_error)
        self._on_error = answer_on_error(settings)

    def __call__(self, context: "Context", recipient: bytes, *_parameters: bytes) -> int:
        """The answer to one recipient. Nothing is ever raised: libmilter could not take it.

        Never ACCEPT, which would end filtering for the later recipients too.
        """
        try:
            key = self._plain_key(recipient) or self._odd_key(context, recipient)
            if key is None:
                return milter.CONTINUE
            record = self._find(key)
            if record is None:
                if self._only_locks or (self._is_deliverable and self._is_deliverable(key)):
                    return milter.CONTINUE
            elif self._prepared is not None:
                answer = self._prepared.refuse(context, key, record)
                if answer is not None:
                    return answer
            return self._judge(context, recipient, key, record)
        except Exception as error:  # noqa: BLE001 - the boundary to C; logged and answered
            return self._fail(context, error)

    def _odd_key(self, context: "Context", recipient: bytes) -> bytes | None:
        """The key of a recipient that can be written in several ways."""
        return self._key(as_resolved(recipient, macro(context, RESOLVED)))

    def _judge(self, context: "Context", recipient: bytes, key: bytes, record: bytes | None) -> int:
        base = untagged(key, self._delimiters)
        now = int(time.time())
        by_rule = None
        if self._undeliverable is not None:
            by_rule = self._undeliverable.lock_of(key, now)
        if record is None and base is None and by_rule is None:
            return milter.CONTINUE
        known = facts(context, key.decode())
        lock = self._lock_of(key, record, base, now, self._group_of(known)) or by_rule
        if lock is None:
            return milter.CONTINUE
        if self._returns is not None:
            signed = self._returns.has_signed(known.sender or "", now)
            known = known._replace(signed=signed)
        outcome = decide(known, lock, now, self._scope)
        self._counts.decided(outcome, lock)
        if outcome not in (Outcome.REFUSED, Outcome.OBSERVED):
            if outcome is Outcome.SENDER_UNKNOWN and self._macros is not None:
                self._macros.missing()
            line = logline.passed(outcome, macro(context, QUEUE_ID), known, lock)
            _LOG.debug("%s", line)
            return milter.CONTINUE
        reply = compose(self._reply, lock, known.recipient, known.sender or "", self._mark())
        said = self._action.logged(outcome)
        _LOG.info("%s", logline.refusal(said, macro(context, QUEUE_ID), known, lock, reply))
        if outcome is Outcome.OBSERVED:
            return milter.CONTINUE
        return self._refuse(context, recipient, known, lock, reply)

    def _refuse(
        self, context: "Context", recipient: bytes, known: Facts, lock: Lock, reply: Reply
    ) -> int:
        """Do what `[reply] action` says."""
        if self._records and self._action is not Action.TAG:
            refused = RefusedAt(known, known.recipient, lock.reason, lock.cause)
            session_of(context).refused.append(refused)
        if self._action is not Action.REJECT:
            session_of(context).pending.append(PendingRecipient(recipient, lock))
            return milter.CONTINUE
        if self._prepared is not None:
            self._prepared.learn(context, known)
        context.setreply(reply.code, reply.status, reply.escaped)
        return milter.TEMPFAIL if reply.temporary else milter.REJECT

    def _lock_of(
        self, key: bytes, record: bytes | None, base: bytes | None, now: int, group: str
    ) -> Lock | None:
        """The lock in force of a recipient, or of it without its extension."""
        lock = lock_in_force(self._find, key, record, now, group)
        if lock is None and base is not None:
            lock = lock_in_force(self._find, base, self._find(base), now, group)
        return lock if lock is not None and is_address(key) else None

    def _fail(self, context: "Context", error: Exception) -> int:
        queue_id = macro(context, QUEUE_ID) or logline.NO_QUEUE_ID
        self._error_log.log(queue_id, error, expected=isinstance(error, _EXPECTED))
        self._counts.failed()
        return self._on_error


def answer_on_error(settings: Settings) -> int:
    """What a recipient is answered when it cannot be judged."""
    return milter.TEMPFAIL if settings.milter.on_error == "tempfail" else milter.CONTINUE
