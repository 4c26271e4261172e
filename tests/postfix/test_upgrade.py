"""An upgrade while Postfix has sessions open: none of them goes on without the milter."""

import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.installation import UPGRADED, Installation

from lab.bouncegate import Bouncegate
from lab.folder import Process
from lab.postfix import Postfix
from lab.smtp import Client, message
from lab.system import MailSystem

SENDER = "newsletter@sender.test"
SESSIONS = 200


@pytest.fixture
def installed(system: MailSystem) -> Iterator[Installation]:
    """The milter runs from a copy of its code that can be upgraded."""
    folder = tempfile.mkdtemp(prefix="lib-", dir=system.folder.path)
    installation = Installation(Path(folder), "milter")
    assert system.gate.milter is not None
    system.gate.milter.stop()
    system.gate.start_milter(**installation.environment)
    yield installation
    system.gate.milter.stop()
    system.gate.start_milter()


def upgrade(installed: Installation, milter: Process) -> None:
    before = milter.log.read_text().count(UPGRADED)
    installed.upgrade_workers("milter.worker", "work")
    milter.send_signal(signal.SIGHUP)
    milter.wait_until(
        "it is upgraded", lambda: milter.log.read_text().count(UPGRADED) == before + 2
    )


def test_upgrade_between_mail_and_rcpt_leaves_the_session_its_milter(
    installed: Installation, postfix: Postfix, gate: Bouncegate, address: Callable[[str], str]
) -> None:
    locked, free = address("locked"), address("free")
    gate.lock(locked)
    milter = gate.milter
    assert milter is not None
    ended = "of the old settings ended (exit code 0)"
    before = milter.log.read_text().count(ended)
    with Client(postfix.port) as client:
        assert client.say(f"MAIL FROM:<{SENDER}>").code == 250
        upgrade(installed, milter)
        assert client.say(f"RCPT TO:<{locked}>").code == 550
        assert client.say(f"RCPT TO:<{free}>").code == 250
        assert client.data(message("News").as_bytes())[0] == 250
        # To the end of the session, not to that of the message.
        replies = client.deliver(message("News"), SENDER, [locked, free])
        assert [replies[locked].code, replies[free].code] == [550, 250]
    milter.wait_until(
        "the old worker ends with the session",
        lambda: milter.log.read_text().count(ended) == before + 2,
    )


def test_upgrade_while_sessions_come_and_go_lets_no_recipient_pass(
    installed: Installation, postfix: Postfix, gate: Bouncegate, address: Callable[[str], str]
) -> None:
    locked = address("locked")
    gate.lock(locked)
    assert gate.milter is not None
    codes: list[int] = []

    def send() -> None:
        for _ in range(SESSIONS // 2):
            with Client(postfix.port) as client:
                client.say(f"MAIL FROM:<{SENDER}>")
                codes.append(client.say(f"RCPT TO:<{locked}>").code)

    clients = [threading.Thread(target=send) for _ in range(2)]
    for client in clients:
        client.start()
    upgrade(installed, gate.milter)
    for client in clients:
        client.join()
    assert codes == [550] * SESSIONS
