"""Daemons whose clock is wrong, on a real Postfix: nothing is lost, neither kept nor to come."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from bouncegate.config.settings import LedgerSettings, StoreSettings
from bouncegate.policy.records import Event
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Store
from lab.bouncegate import Bouncegate
from lab.folder import Process
from lab.shiftedclock import shifted
from lab.smtp import Client
from lab.system import RETURN_DOMAIN, MailSystem
from lab.waiting import wait_for

DAY = 86_400
SENDER = "newsletter@sender.test"
UNKNOWN = "550 5.1.1 The email account that you tried to reach does not exist"
DOUBT = "the clock is in doubt"
SECTIONS = {"return_path": {"domain": RETURN_DOMAIN, "count": ["signed"]}}


@pytest.fixture
def system(can_run_postfix: None) -> Iterator[MailSystem]:
    with MailSystem(sections=SECTIONS) as system:
        system.start()
        yield system


def send(system: MailSystem, recipient: str) -> None:
    system.postfix.submit(SENDER, [recipient])
    system.postfix.wait_until_empty()


def sends(gate: Bouncegate) -> int:
    with closing(Ledger.open(StoreSettings(path=gate.store), LedgerSettings())) as ledger:
        return ledger.space().entries["sent"]


def says(process: Process, text: str) -> None:
    wait_for(text, lambda: text in process.log.read_text())


def token_of(system: MailSystem, recipient: str) -> str:
    return next(str(m["sender"]) for m in system.remote.messages() if recipient in m["recipients"])


def test_milter_whose_clock_is_far_ahead_keeps_its_ledger_and_its_bounces_count_later(
    system: MailSystem,
) -> None:
    gate = system.gate
    send(system, "before@clock.example")
    wait_for("the ledger knows of it", lambda: sends(gate) == 1)
    assert gate.milter is not None
    gate.milter.stop()
    milter = gate.start_milter(**shifted(gate.store.parent, 40 * DAY))
    says(milter, DOUBT)
    send(system, "meanwhile@clock.example")
    wait_for("the ledger knows of both", lambda: sends(gate) == 2)
    system.remote.refuse({"gone@clock.example": UNKNOWN})
    send(system, "gone@clock.example")
    assert gate.show("gone@clock.example")["locked"] is True
    assert gate.return_path is not None
    assert "token=misdated" in gate.return_path.log.read_text()
    milter.stop()
    gate.start_milter()
    with Client(system.postfix.port) as client:
        client.say("MAIL FROM:<>")
        token = token_of(system, "meanwhile@clock.example")
        assert client.say(f"RCPT TO:<{token}>").code == 250, "the clock is right again"


def test_milter_whose_clock_is_behind_has_its_bounces_taken_when_it_is_right_again(
    system: MailSystem,
) -> None:
    gate = system.gate
    assert gate.milter is not None
    gate.milter.stop()
    milter = gate.start_milter(**shifted(gate.store.parent, -365 * DAY))
    send(system, "reader@clock.example")
    milter.stop()
    gate.start_milter()
    with Client(system.postfix.port) as client:
        client.say("MAIL FROM:<>")
        token = token_of(system, "reader@clock.example")
        assert client.say(f"RCPT TO:<{token}>").code == 250


def test_return_path_whose_clock_is_far_ahead_deletes_no_bounce_message(
    system: MailSystem,
) -> None:
    gate = system.gate
    system.remote.refuse({"gone@clock.example": UNKNOWN})
    send(system, "gone@clock.example")
    assert gate.return_path is not None
    gate.return_path.stop()
    return_path = gate.start_return_path(**shifted(gate.store.parent, 400 * DAY))
    says(return_path, DOUBT)
    with closing(Store.open(StoreSettings(path=gate.store), readonly=True)) as store:
        (event,) = (entry for _, entry in store.journal.entries() if isinstance(entry, Event))
        assert store.messages.get(event.raw)
