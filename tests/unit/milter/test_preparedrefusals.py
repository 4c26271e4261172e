"""Prepared refusals: reply, log line, count and record are those of a recipient judged anew."""

import logging
import time
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import milter
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.milter.locks import YEAR, lock_of
from tests.unit.scoreboards import counters_of

from bouncegate.config.loading import loads
from bouncegate.config.reasons import REASONS
from bouncegate.config.replies import mark_with
from bouncegate.config.settings import Settings
from bouncegate.milter.rcpt import Locks, RcptStep
from bouncegate.milter.refusal.counts import DECISIONS, DecisionCounts
from bouncegate.milter.session import Session
from bouncegate.policy.records import NO_END, Lock, Origin
from bouncegate.store.lockrecord import pack

NOW: Final = int(time.time())
MACROS: Final = {
    "{auth_authen}": "newsletter",
    "{client_addr}": "192.0.2.1",
    "{daemon_name}": "ORIGINATING",
    "{mail_addr}": "news@sender.test",
    "{rcpt_mailer}": "smtp",
}
LEDGER: Final = "[ledger]\nenabled = true\n"
SETTINGS: Final = tuple(
    map(
        loads,
        (
            LEDGER,
            '[reply]\ntext = "{recipient} is locked: 50% {ref} {until} {since}, {recipient}"\n',
            '[reply]\ntext = "100% {url} {ref}"\nurl = "https://a.example/%41?{ref}"\n',
            '[reply]\naction = "defer"\n[exempt]\nrecipients = ["ann@", "@b.example"]\n',
            '[exempt]\nsenders = ["shop@sender.test"]\n' + LEDGER,
            '[reply]\naction = "discard"\n' + LEDGER,
            '[milter]\nmode = "observe"\n' + LEDGER,
            '[store]\nrecipient_delimiter = "+"\nfold_local_part = false\n',
            '[[reply.groups]]\nsender_domains = ["other.test"]\ntext = "other words {ref}"\n',
        ),
    )
)


class Context:
    """A session, as far as RCPT asks for it, and what it was told."""

    def __init__(self, macros: dict[str, str]) -> None:
        self._macros = macros
        self.session = Session("192.0.2.9")
        self.reply: tuple[str, ...] = ()

    def getsymval(self, name: str) -> str | None:
        return self._macros.get(name)

    def getpriv(self) -> Session:
        return self.session

    def setreply(self, *reply: str) -> None:
        self.reply = reply


class Seen(NamedTuple):
    """All that came of one recipient."""

    answer: int
    reply: tuple[str, ...]
    lines: list[str]
    counted: list[int]
    recorded: list[tuple[object, ...]]
    pending: int


class Lines(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def step_of(settings: Settings, records: dict[bytes, bytes]) -> tuple[RcptStep, memoryview]:
    counters = counters_of(DECISIONS)
    locks = Locks(records.get, lambda: mark_with("01234567"))
    return RcptStep(settings, locks, DecisionCounts(counters, DECISIONS)), counters


def seen(
    step: RcptStep, counters: memoryview, macros: dict[str, str], recipient: bytes, log: Lines
) -> Seen:
    before, log.lines = list(counters), []
    context: Any = Context(macros)
    answer = step(context, recipient)
    counted = [now - then for now, then in zip(counters, before, strict=True)]
    group = [(at.facts.sender, at.facts.login, *at[1:]) for at in context.session.refused]
    return Seen(answer, context.reply, log.lines, counted, group, len(context.session.pending))


locks = st.builds(
    lambda reason, origin, since, until, cause: Lock(
        REASONS[reason].kind, REASONS[reason].category, reason, origin, since, until, cause
    ),
    st.sampled_from(sorted(REASONS)),
    st.sampled_from((Origin.AUTOMATIC, Origin.MANUAL, Origin.IMPORTED)),
    st.integers(NOW - YEAR, NOW),
    st.one_of(
        st.just(NO_END), st.integers(NO_END - 86_400, NO_END), st.integers(NOW - 9, NOW + YEAR)
    ),
    st.integers(1, 2**40),
)  # fmt: skip
addresses = st.sampled_from(
    (
        *("ann@a.example", "Ann@A.example", "bob@b.example", "bob+x@a.example", "a..b@a.example"),
        *('"a b"@a.example', "ä@a.example", "100%@a.example", "@a.example"),
        "x" * 250 + "@a.example",
    )
)  # fmt: skip
sessions = st.dictionaries(
    st.sampled_from((*MACROS, "i")),
    st.sampled_from(
        (
            *("", "192.0.2.1", "10.0.0.1", "smtp", "local", "news@other.test", "shop@sender.test"),
            "x\ny",
        )
    ),
    max_size=2,
).map(lambda changed: {**MACROS, **changed})  # fmt: skip
messages = st.lists(st.tuples(sessions, addresses), min_size=2, max_size=8)
tables = st.dictionaries(
    st.sampled_from(("ann@a.example", "bob@b.example", "bob@a.example", "@a.example")), locks
)


@given(st.sampled_from(SETTINGS), tables, messages)
def test_prepared_refusals_are_those_of_recipients_judged_anew(
    settings: Settings, table: dict[str, Lock], offered: Sequence[tuple[dict[str, str], str]]
) -> None:
    """The same step all along, beside one that has seen nothing before each recipient."""
    log, logger = Lines(), logging.getLogger("bouncegate.milter")
    logger.addHandler(log)
    level, logger.propagate = logger.level, False
    logger.setLevel(logging.INFO)
    try:
        records = {key.encode(): pack(lock) for key, lock in table.items()}
        step, counters = step_of(settings, records)
        for macros, recipient in [*offered, *offered]:
            path = f"<{recipient}>".encode()
            anew = seen(*step_of(settings, records), macros, path, log)
            assert seen(step, counters, macros, path, log) == anew
    finally:
        logger.removeHandler(log)
        logger.propagate = True
        logger.setLevel(level)


@pytest.mark.parametrize(
    ("changed", "recipient", "prepared"),
    [
        ({}, b"<gone@a.example>", True),
        ({}, b"<left@a.example>", True),
        ({"i": "4Zx8Gk2l1vz"}, b"<gone@a.example>", True),
        ({"{mail_addr}": "shop@sender.test"}, b"<gone@a.example>", False),
        ({"{rcpt_mailer}": "relay"}, b"<gone@a.example>", False),
        ({}, b"<postmaster@a.example>", False),
        ({}, b"<freed@a.example>", False),
    ],
)
def test_prepared_refusals_are_of_the_session_that_was_judged(
    changed: dict[str, str], recipient: bytes, *, prepared: bool
) -> None:
    lock = pack(lock_of(NOW + YEAR))
    records: dict[bytes, bytes] = {}
    for name in ("first", "gone", "left", "postmaster"):
        records[f"{name}@a.example".encode()] = lock
    records[b"freed@a.example"] = pack(lock_of(NOW - 1))
    step, _ = step_of(loads(""), records)
    context: Any = Context(MACROS)
    assert step(context, b"<first@a.example>") == milter.REJECT
    assert step._prepared is not None
    key = recipient.strip(b"<>")
    other: Any = Context({**MACROS, **changed})
    assert (step._prepared.refuse(other, key, records[key]) == milter.REJECT) is prepared


def test_prepared_refusals_tell_the_last_day_of_the_calendar_from_no_end() -> None:
    until = {b"never@a.example": NO_END, b"late@a.example": NO_END - 1}
    step, _ = step_of(loads(""), {key: pack(lock_of(end)) for key, end in until.items()})
    for key in (*until, *reversed(until)):
        context: Any = Context(MACROS)
        step(context, key)
        assert ("without end" in context.reply[2]) is (until[key] == NO_END)


def test_prepared_refusals_remember_a_bounded_number_of_senders() -> None:
    step, _ = step_of(loads(""), {b"gone@a.example": pack(lock_of(NOW + YEAR))})
    for number in range(3000):
        context: Any = Context({**MACROS, "{mail_addr}": f"b-{number}@sender.test"})
        assert step(context, b"<gone@a.example>") == milter.REJECT
    assert step._prepared is not None
    assert len(step._prepared._sessions) <= 1000
