"""What is signed and recorded of a session's messages is the same, whether it was met before."""

import itertools
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import milter
import pytest
from tests.unit.scoreboards import counters_of

from bouncegate.config.loading import loads
from bouncegate.milter.counts import FIGURES, Counts
from bouncegate.milter.ledgerqueue import LedgerQueue
from bouncegate.milter.send import SendStep
from bouncegate.milter.session import Session
from bouncegate.milter.worker import keys_of
from bouncegate.store.entry import Entry

OURS: Final = {
    "i": "4Zx8Gk2l1vz",
    "{auth_authen}": "newsletter",
    "{client_addr}": "192.0.2.1",
    "{daemon_name}": "mail.sender.test",
    "{mail_addr}": "news@sender.test",
    "{rcpt_mailer}": "smtp",
}
SETTINGS: Final = """
[store]
path = "{folder}"
[return_path]
domain = "return.sender.test"
[ledger]
group = "login"
"""
RECIPIENTS: Final = (
    [b"<ann@example.com>"],
    [b"<Ann@Example.com>", b"<ann@example.com>"],
    [b'<"ann bee"@example.com>', b"<bob@example.com>"],
)


class Context:
    """A session, as far as the end of a message asks for it."""

    def __init__(self, macros: dict[str, str], peer: str) -> None:
        self._macros = macros
        self._session = Session(peer)
        self.sender = ""

    def getsymval(self, name: str) -> str | None:
        value = self._macros.get(name)
        if value == "undecodable":
            b"\xff".decode()
        return value

    def getpriv(self) -> Session:
        return self._session

    def chgfrom(self, sender: str, _parameters: str) -> None:
        self.sender = sender


@pytest.fixture
def ledger_queue() -> Iterator[LedgerQueue]:
    with closing(LedgerQueue()) as ledger_queue:
        yield ledger_queue


def step_of(folder: Path, ledger_queue: LedgerQueue) -> SendStep:
    settings = loads(SETTINGS.format(folder=folder))
    keys = keys_of(settings, ledger_queue)
    assert keys is not None
    counts = Counts(counters_of(FIGURES))
    return SendStep(settings, keys, ledger_queue, lambda *_: milter.CONTINUE, counts)


def sent(
    step: SendStep, ledger_queue: LedgerQueue, macros: dict[str, str], peer: str, to: list[bytes]
) -> tuple[object, ...]:
    """All of a message that is not drawn anew for each."""
    context: Any = Context(macros, peer)
    for recipient in to:
        step.rcpt(context, recipient)
    assert step.end(context) == milter.CONTINUE
    recorded = [entry.sent for entry in ledger_queue.drain() if isinstance(entry, Entry)]
    told = [(one.sender, one.recipients, one.queue_id, one.group) for one in recorded]
    return context.sender.partition("@")[2], told


def test_send_of_a_known_session_is_that_of_an_unknown_one(
    tmp_path: Path, ledger_queue: LedgerQueue
) -> None:
    step = step_of(tmp_path, ledger_queue)
    changes: tuple[dict[str, str], ...] = (
        {}, {"{auth_authen}": ""}, {"{auth_authen}": "shop"}, {"{mail_addr}": ""},
        {"{mail_addr}": "shop@sender.test"}, {"{mail_addr}": "b-x@return.sender.test"},
        {"{mail_addr}": "undecodable"}, {"{auth_authen}": "", "{client_addr}": ""},
        {"{auth_authen}": "", "{client_addr}": "127.0.0.1"},
    )  # fmt: skip
    cases = [*itertools.product(changes, ("192.0.2.1", "127.0.0.1"), RECIPIENTS)]
    signed = 0
    for changed, peer, to in [*cases, *cases]:
        macros = {**OURS, **changed}
        anew = sent(step_of(tmp_path, ledger_queue), ledger_queue, macros, peer, to)
        assert sent(step, ledger_queue, macros, peer, to) == anew
        signed += anew[0] == "return.sender.test>"
    assert 0 < signed < 2 * len(cases)
    assert step._origins


def test_send_remembers_a_bounded_number_of_senders(
    tmp_path: Path, ledger_queue: LedgerQueue
) -> None:
    step = step_of(tmp_path, ledger_queue)
    for number in range(2500):
        macros = {**OURS, "{mail_addr}": f"b-{number}@sender.test"}
        sent(step, ledger_queue, macros, "192.0.2.1", [b"<ann@example.com>"])
    assert len(step._origins) <= 1000
