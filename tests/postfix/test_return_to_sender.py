"""A person whose mail was signed still hears of its bounce, on a real Postfix."""

import re
from collections.abc import Iterator

import pytest
from tests.postfix.lines import follow

from lab.bouncegate import Bouncegate
from lab.postfix import Postfix
from lab.remote import Remote
from lab.smtp import Client, message
from lab.system import RETURN_DOMAIN, MailSystem
from lab.waiting import wait_for

UNKNOWN = "550 5.1.1 The email account that you tried to reach does not exist"
SECTIONS: dict[str, dict[str, object]] = {
    "return_path": {"domain": RETURN_DOMAIN, "count": ["signed", "matched"]},
    "map": {"return_to_sender": True},
}


@pytest.fixture(scope="module")
def system(can_run_postfix: None) -> Iterator[MailSystem]:
    """A lab whose senders are signed, with the table `return` attached as the how-to has it."""
    with MailSystem(sections=SECTIONS) as system:
        system.attach()
        follow("Return bounces to senders", system.postfix)
        system.gate.start()
        system.gate.start_map()
        system.postfix.start()
        yield system


@pytest.fixture
def gate(system: MailSystem) -> Bouncegate:
    return system.gate


def to(remote: Remote, recipient: str) -> list[dict[str, object]]:
    return [m for m in remote.messages() if recipient in m["recipients"]]


def test_the_bounce_locks_and_reaches_the_one_who_wrote(
    postfix: Postfix, remote: Remote, gate: Bouncegate
) -> None:
    writer, gone = "writer@people.example", "gone@people.example"
    remote.refuse({gone: UNKNOWN})
    with Client(postfix.submission_port) as client:
        assert client.deliver(message("Lunch?"), writer, [gone])[gone].code == 250
    (dsn,) = wait_for("the bounce to reach the writer", lambda: to(remote, writer))
    assert dsn["sender"] == "<>"
    assert f"Final-Recipient: rfc822; {gone}" in str(dsn["content"])
    wait_for("the lock", lambda: gate.show(gone)["locked"])
    assert gate.show(gone)["hard"] == 1, "two recipients, one bounce"
    postfix.wait_until_empty()


def test_a_bounce_from_outside_reaches_the_writer_and_a_forged_one_nobody(
    postfix: Postfix, remote: Remote
) -> None:
    writer, reader = "asker@people.example", "reader@people.example"
    with Client(postfix.submission_port) as client:
        client.deliver(message("Question"), writer, [reader])
    (sent,) = wait_for("the mail", lambda: to(remote, reader))
    token = str(sent["sender"])
    assert re.fullmatch(rf"b-[a-z2-7]{{56}}@{re.escape(RETURN_DOMAIN)}", token)
    forged = token.replace(token[5], "a" if token[5] != "a" else "b", 1)
    with Client(postfix.port) as client:
        client.say("MAIL FROM:<>")
        assert client.say(f"RCPT TO:<{forged}>").code == 550
        client.say("RSET")
        assert client.deliver(message("Delivery failed"), "", [token])[token].code == 250
    wait_for("the notice to reach the writer", lambda: to(remote, writer))
    postfix.wait_until_empty()
    assert len(to(remote, writer)) == 1
