"""Refusals whose session and kind of lock were seen before: look-ups, and one write for the log.

A refusal takes the step at RCPT some 20 us of Python while its code is in the processor's cache,
and three times that behind a Postfix, which uses the cache in between (`python -m bench refused`).
But a mailing has one session, and its locks few kinds and days. What depends on the session alone
is decided once (`learn`), what depends on the kind of lock, its days and the sender's group is
worded once, and the rest is put together: the same reply, log line and count as of `RcptStep`.

What is not prepared is judged by `RcptStep`, as is whatever is out of the ordinary.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

import milter

from bouncegate.config.settings import GroupReply, Settings
from bouncegate.daemon.infolines import Write
from bouncegate.milter.logline import NO_QUEUE_ID
from bouncegate.milter.refusal.counts import DecisionCounts
from bouncegate.milter.refusal.decision import Facts, Outcome, Scope, is_exempt
from bouncegate.milter.refusal.recipient import is_address
from bouncegate.milter.refusal.reply import A_DAY, REF, Wording, group_of, kind_fields, wording
from bouncegate.milter.session import (
    AUTHENTICATED,
    CLIENT,
    DAEMON,
    QUEUE_ID,
    SENDER,
    TRANSPORT,
    RefusedAt,
    session_of,
)
from bouncegate.policy.records import NO_END
from bouncegate.policy.undeliverable import ref_to
from bouncegate.store.lockrecord import is_of_all, parts_of, unpack
from bouncegate.store.tokens.returndomain import ReturnAddresses

if TYPE_CHECKING:
    from milter import Context

# A sender of its own for each recipient (VERP) is never seen again.
_MOST_SESSIONS: Final = 1000
# Kinds of locks, and the days on which they began and end: those of a year, and some.
_MOST_WORDINGS: Final = 10_000
# What stands in a log line in full, with room to spare.
_LONGEST: Final = 254


_Kind = tuple[bytes, int, int, str]
"""Of a lock: version, origin, kind, category and reason; its days; and what marks our replies."""


class _Worded(NamedTuple):
    """What recurs in the refusals of a kind of lock."""

    wording: Wording
    text: str
    """To all of them, with `REF` where the ref goes; empty if it names the recipient."""
    has_percent: bool
    fields: str
    """Of the log line, all but the ref."""
    place: int
    """Where they are counted."""
    reason: str
    answer: int


class _Session(NamedTuple):
    """What recurs in the refusals of a session."""

    facts: Facts
    group: GroupReply | None
    client: str
    """As the log line has it, like the sender."""
    sender: str
    worded: dict[_Kind, _Worded]
    """Shared with all sessions of the same group."""


class PreparedRefusals:
    """Those of one worker that rejects."""

    __slots__ = (
        *("_counts", "_log", "_mark", "_records", "_reply", "_returns", "_scope"),
        *("_sessions", "_worded"),
    )

    def __init__(
        self,
        settings: Settings,
        counts: DecisionCounts,
        mark: Callable[[], str],
        returns: ReturnAddresses | None,
        log: Write,
    ) -> None:
        """Nothing is prepared yet. A sender among `returns` is judged each time."""
        self._scope = Scope.of(settings)
        self._reply = settings.reply
        self._records = settings.keeps_ledger
        self._counts = counts
        self._mark = mark
        self._returns = returns
        self._log = log
        self._sessions: dict[tuple[str | None, ...], _Session] = {}
        self._worded: dict[GroupReply | None, dict[_Kind, _Worded]] = {}

    def refuse(self, context: "Context", key: bytes, record: bytes) -> int | None:
        """The answer to a recipient whose lock is in `record`; None: it is not prepared."""
        try:
            session = self._sessions.get(_macros(context))
            queue_id = context.getsymval(QUEUE_ID) or NO_QUEUE_ID
        except UnicodeDecodeError:
            return None
        if session is None or not (is_of_all(record) and key.isascii() and _is_plain(queue_id)):
            return None
        head, until, since, cause = parts_of(record)
        address = key.decode()
        if time.time() >= until or not is_address(key) or is_exempt(address, self._scope):
            return None
        end = until if until == NO_END else until // A_DAY
        kind = head, since // A_DAY, end, self._mark()
        worded = session.worded.get(kind) or self._word(session, kind, record)
        ref = ref_to(cause)
        code, status = worded.wording[:2]
        text = worded.text.replace(REF, ref) or worded.wording.reply(ref, address).text
        self._counts.decided_at(worded.place)
        self._log(
            f"{queue_id}: reject: RCPT from [{session.client}]: {code} {status} <{address}>: "
            f"{text}; from=<{session.sender}> to=<{address}> {worded.fields} ref={ref}"
        )
        if self._records:
            refused = RefusedAt(session.facts, address, worded.reason, cause)
            session_of(context).refused.append(refused)
        escaped = text.replace("%", "%%") if worded.has_percent else text
        context.setreply(code, status, escaped)
        return worded.answer

    def learn(self, context: "Context", facts: Facts) -> None:
        """A recipient of this session was refused: all are that a lock holds, unless exempt."""
        sender = facts.sender or ""
        if facts.client is None or not _is_plain(sender):
            return
        if self._returns is not None and self._returns.mailboxes(sender.encode()):
            return  # whether it is signed depends on the time
        try:
            macros = _macros(context)
        except UnicodeDecodeError:
            return
        if not macros[0]:
            return  # the client is known by its connection alone
        if len(self._sessions) >= _MOST_SESSIONS:
            self._sessions.clear()
        group = group_of(self._reply, sender)
        worded = self._worded.setdefault(group, {})
        self._sessions[macros] = _Session(facts, group, str(facts.client), sender, worded)

    def _word(self, session: _Session, kind: _Kind, record: bytes) -> _Worded:
        lock = unpack(record)
        assert lock is not None, "it has an end"
        if len(session.worded) >= _MOST_WORDINGS:
            session.worded.clear()
        words = wording(self._reply, lock, session.group, kind[-1])
        text = words.to_all()
        found = session.worded[kind] = _Worded(
            words,
            text,
            not text or "%" in text,
            kind_fields(lock),
            self._counts.place_of(Outcome.REFUSED, lock),
            lock.reason,
            milter.TEMPFAIL if words.code.startswith("4") else milter.REJECT,
        )
        return found


def _macros(context: "Context") -> tuple[str | None, ...]:
    """All that a decision depends on besides the recipient and the time.

    Raises UnicodeDecodeError.
    """
    symbol = context.getsymval
    return (
        *(symbol(CLIENT), symbol(DAEMON), symbol(AUTHENTICATED)),
        *(symbol(TRANSPORT), symbol(SENDER)),
    )


def _is_plain(text: str) -> bool:
    """Whether a text stands in a log line as it is."""
    return len(text) <= _LONGEST and text.isascii() and text.isprintable()
