"""That no bounce came proves a delivery only where one could come: on a real Postfix."""

from collections.abc import Iterator
from contextlib import closing
from typing import Final

import pytest

from bouncegate.config.settings import LedgerSettings, StoreSettings
from bouncegate.store.entry import QueueState, Sent
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Store
from lab import refuser
from lab.bouncegate import Bouncegate
from lab.postfix import Postfix
from lab.remote import Remote
from lab.smtp import Client, Exchange, message
from lab.system import RETURN_DOMAIN, MailSystem
from lab.waiting import wait_for

SENDER: Final = "news@sender.test"
BOSS: Final = "boss@sender.test"
FULL: Final = "552 5.2.2 Mailbox full"
MILTER: Final = "{ unix:bouncegate/milter.sock, default_action=accept }"


@pytest.fixture(scope="module")
def system(can_run_postfix: None) -> Iterator[MailSystem]:
    """A lab that signs and reads its log; a milter behind ours refuses by the subject."""
    with MailSystem() as system:
        refuser.start(system.folder, system.postfix.queue / "bouncegate" / "refuser.sock")
        configure(system.gate, system.postfix, log=True)
        system.start()
        system.postfix.set(smtpd_milters=f"{MILTER}, unix:bouncegate/refuser.sock")
        system.postfix.reload()
        yield system


def configure(gate: Bouncegate, postfix: Postfix, *, log: bool) -> None:
    """Silence settles after a second; what the log says of deliveries never does."""
    trusted = {"source": "file", "file": str(postfix.log), "trust_file": True}
    source = {**trusted, "count": ["bounced"]} if log else {}
    gate.configure(
        {
            "return_path": {"domain": RETURN_DOMAIN, "count": ["signed", "matched"]},
            "exempt": {"senders": [BOSS]},
            "policy": {"settling": "1 second"},
            "guard": {"enabled": False},
            "dns": {"enabled": False},
            "maillog": source,
        }
    )


@pytest.fixture
def gate(system: MailSystem) -> Bouncegate:
    """Bouncegate with the settings of this module."""
    return system.gate


def send(
    postfix: Postfix, to: str, subject: str = "News", notify: str = "", sender: str = SENDER
) -> Exchange:
    """One message; the answer to it."""
    with Client(postfix.submission_port) as client:
        client.say(f"MAIL FROM:<{sender}>")
        client.say(f"RCPT TO:<{to}> {notify}")
        code, text = client.data(message(subject).as_bytes())
    return Exchange("", code, text.decode())


def sends(gate: Bouncegate, address: str) -> list[Sent]:
    """What the ledger has of an address, the newest first."""
    settings = StoreSettings(path=gate.store)
    with closing(Ledger.open(settings, LedgerSettings())) as ledger:
        return list(ledger.sent_to(address, 0))


def last_send(gate: Bouncegate, address: str, earlier: list[Sent]) -> Sent:
    """The one send that the ledger has besides the earlier ones: all may be of one second."""
    known = {one.message for one in earlier}
    (last,) = (one for one in sends(gate, address) if one.message not in known)
    return last


def fail(postfix: Postfix, gate: Bouncegate, address: str) -> list[Sent]:
    """One more soft failure for an address; all that was sent to it by now."""
    before = gate.show(address)["soft"]
    send(postfix, address)
    wait_for("the bounce was counted", lambda: gate.show(address)["soft"] > before)
    return sends(gate, address)


def settle(gate: Bouncegate, address: str) -> None:
    """Let the newest send become as old as settling asks for, and walk past it."""
    newest = wait_for("the send is in the ledger", lambda: sends(gate, address))[0]

    def is_past() -> bool:
        done = gate.run("maintain", "--once")
        assert done.returncode == 0, done.stderr
        return place(gate) >= newest.time

    wait_for("the send has settled", is_past)


def place(gate: Bouncegate) -> int:
    """The time of the last send that was looked at."""
    with closing(Store.open(StoreSettings(path=gate.store), readonly=True)) as store:
        return int.from_bytes(store.progress.get("ledger")[:4], "big")


def in_row(gate: Bouncegate, address: str) -> int:
    row: int = gate.show(address)["soft_in_row"]
    return row


def test_silence_of_a_message_that_was_taken_ends_a_row(
    postfix: Postfix, remote: Remote, gate: Bouncegate
) -> None:
    address = "mended@silence.example"
    remote.refuse({address: FULL})
    earlier = fail(postfix, gate, address)
    remote.refuse({})
    send(postfix, address)
    postfix.wait_for_log(rf"to=<{address}>.*status=sent")
    settle(gate, address)
    assert in_row(gate, address) == 0
    assert last_send(gate, address, earlier).queue is QueueState.TAKEN


@pytest.mark.parametrize(
    ("subject", "code", "state"),
    [
        ("later", 451, QueueState.REFUSED),
        ("refuse", 554, QueueState.REFUSED),
        ("discard", 250, QueueState.REFUSED),
        ("hold", 250, QueueState.UNKNOWN),
    ],
)
def test_silence_of_what_a_later_milter_keeps_from_the_queue_proves_nothing(
    system: MailSystem, gate: Bouncegate, subject: str, code: int, state: QueueState
) -> None:
    postfix, address = system.postfix, f"full-{subject}@silence.example"
    system.remote.refuse({address: FULL})
    earlier = fail(postfix, gate, address)
    assert send(postfix, address, subject=subject).code == code
    wait_for("it is in the ledger", lambda: len(sends(gate, address)) == 2)
    settle(gate, address)
    assert last_send(gate, address, earlier).queue is state
    assert in_row(gate, address) == 1


def test_silence_lifts_no_lock_where_the_log_is_not_read(
    system: MailSystem, gate: Bouncegate
) -> None:
    postfix, address = system.postfix, "locked@silence.example"
    system.remote.refuse({address: FULL})
    for _ in range(3):
        fail(postfix, gate, address)
    send(postfix, address, subject="later", sender=BOSS)
    configure(gate, postfix, log=False)
    settle(gate, address)
    configure(gate, postfix, log=True)
    assert gate.show(address)["locked"]


@pytest.mark.parametrize("notify", ["NOTIFY=NEVER", "NOTIFY=SUCCESS,DELAY"])
def test_silence_proves_nothing_where_no_dsn_would_be_written(
    system: MailSystem, gate: Bouncegate, notify: str
) -> None:
    postfix, address = system.postfix, f"{notify[7:12].lower()}@silence.example"
    system.remote.refuse({address: FULL})
    earlier = fail(postfix, gate, address)
    send(postfix, address, notify=notify)
    configure(gate, postfix, log=False)  # which would tell that it bounced
    settle(gate, address)
    configure(gate, postfix, log=True)
    assert last_send(gate, address, earlier).unreported == 1
    assert in_row(gate, address) == 1
