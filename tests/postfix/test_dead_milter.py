"""The milter dies at each step of a session, under each default_action: what a client is told.

Whatever Postfix is set to do then, no message may be both accepted and lost, and the next session
meets a living milter again.
"""

from collections.abc import Callable, Iterator
from smtplib import SMTPConnectError
from typing import Any

import pytest
from tests.postfix.test_milter import codes

from lab.bouncegate import Bouncegate
from lab.postfix import Postfix
from lab.remote import Remote
from lab.smtp import Client, message
from lab.system import RETURN_DOMAIN, MailSystem
from lab.waiting import wait_for

Address = Callable[[str], str]
SENDER = "newsletter@sender.test"

# What the client is told after MAIL, two RCPTs, DATA and the message, as far as it gets. A milter
# that died is missed when it is next asked: at CONNECT, at the first or second RCPT, at the end.
CODES: dict[str, dict[str, list[int]]] = {
    "accept": {
        "before the session": [250, 250, 250, 354, 250],
        "before MAIL": [250, 250, 250, 354, 250],
        "before the second RCPT": [250, 250, 250, 354, 250],
        "before the end": [250, 250, 250, 354, 250],
    },
    "tempfail": {
        "before the session": [451, 503, 503, 503],
        "before MAIL": [250, 451, 451, 554],
        "before the second RCPT": [250, 250, 451, 451],
        "before the end": [250, 250, 250, 354, 451],
    },
    "reject": {
        "before the session": [554],
        "before MAIL": [250, 550, 550, 554],
        "before the second RCPT": [250, 250, 550, 550],
        "before the end": [250, 250, 250, 354, 550],
    },
}
CODES["quarantine"] = CODES["accept"]


@pytest.fixture(scope="module")
def signing(system: MailSystem) -> Iterator[MailSystem]:
    """A milter that is asked until the end of the message, since it signs."""
    assert system.gate.milter is not None
    system.gate.milter.stop()
    system.gate.configure({"return_path": {"domain": RETURN_DOMAIN}})
    system.gate.start_milter()
    yield system
    system.attach()
    system.postfix.reload()
    system.gate.configure({})
    system.gate.milter.stop()
    system.gate.start_milter()


def told(gate: Bouncegate, port: int, step: str, recipients: list[str]) -> list[int]:
    """The codes of one message during which the milter is killed, as far as it goes."""
    assert gate.milter is not None
    kill = {step: gate.milter.kill}
    kill.pop("before the session", lambda: None)()
    try:
        client = Client(port)
    except SMTPConnectError as error:
        return [error.smtp_code]
    with client:
        kill.pop("before MAIL", lambda: None)()
        codes = [client.say(f"MAIL FROM:<{SENDER}>").code]
        codes.append(client.say(f"RCPT TO:<{recipients[0]}>").code)
        kill.pop("before the second RCPT", lambda: None)()
        codes.append(client.say(f"RCPT TO:<{recipients[1]}>").code)
        codes.append(client.say("DATA").code)
        kill.pop("before the end", lambda: None)()
        if codes[-1] == 354:
            client.send(message("News").as_bytes() + b"\r\n.\r\n")
            codes.append(client.getreply()[0])
    return codes


@pytest.mark.usefixtures("signing")
@pytest.mark.parametrize("action", CODES)
def test_what_postfix_has_accepted_is_delivered_or_held_and_the_next_session_is_judged(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address, action: str
) -> None:
    postfix.set(
        smtpd_milters=f"{{ unix:bouncegate/milter.sock, default_action={action}, "
        "connect_timeout=3s, command_timeout=10s }"
    )
    postfix.reload()
    everybody = []
    for number, step in enumerate(CODES[action]):
        recipients = [address(f"a{number}"), address(f"b{number}")]
        everybody += recipients
        assert told(gate, postfix.submission_port, step, recipients) == CODES[action][step], step
        gate.start_milter()
    if action == "accept":
        wait_for("the mail", lambda: all(remote.accepted().count(to) == 1 for to in everybody))
    elif action == "quarantine":
        wait_for("the mail on hold", lambda: held(postfix) == set(everybody))
        postfix.command("postsuper", "-c", postfix.config, "-d", "ALL", "hold")
    else:
        assert postfix.queued() == []
        assert not set(everybody) & set(remote.accepted())
    locked = address("locked")
    gate.lock(locked)
    assert codes(postfix.submission_port, locked, address("other")) == [550, 250]


def held(postfix: Postfix) -> set[str]:
    """Who has a message in the hold queue."""
    entries: list[dict[str, Any]] = postfix.queued()
    return {
        one["address"]
        for entry in entries
        if entry["queue_name"] == "hold"
        for one in entry["recipients"]
    }
