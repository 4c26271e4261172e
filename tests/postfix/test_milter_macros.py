"""What the macros that the milter asks for cost a real Postfix: no question to trivial-rewrite(8).

smtpd(8) works {mail_addr}, {rcpt_addr} and {rcpt_mailer} out by trivial-rewrite(8), and remembers
the answer for a pair of sender and recipient. A macro whose pair smtpd(8) has not asked for itself
costs a round trip for each recipient, which no figure of the milter shows.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from lab.smtp import Client, message
from lab.system import RETURN_DOMAIN, MailSystem

SENDER: Final = "newsletter@sender.test"
RECIPIENTS: Final = 10
REQUEST: Final = re.compile(r"trivial-rewrite\[\d+\]: input attribute name: request$", re.MULTILINE)


@contextmanager
def verbose(system: MailSystem) -> Iterator[MailSystem]:
    """The system with a trivial-rewrite(8) that logs each request; it delivers to nowhere."""
    master = system.postfix.config / "master.cf"
    text = master.read_text()
    assert text.count("  trivial-rewrite\n") == 1
    master.write_text(text.replace("  trivial-rewrite\n", "  trivial-rewrite -v\n"))
    system.postfix.set(default_transport="discard:", relayhost="")
    system.gate.start_milter()
    system.postfix.start()
    yield system


def requests(system: MailSystem, name: str) -> int:
    """How many came of a message to recipients of its own, until it has left the queue."""
    before = len(REQUEST.findall(system.postfix.maillog()))
    recipients = [f"{name}{number}@recipients.example" for number in range(RECIPIENTS)]
    with Client(system.postfix.submission_port) as client:
        replies = client.deliver(message("News"), SENDER, recipients)
    assert {reply.code for reply in replies.values()} == {250}
    system.postfix.wait_until_empty()
    return len(REQUEST.findall(system.postfix.maillog())) - before


@pytest.mark.parametrize(
    ("sections", "of_new_sender"),
    # To change the sender, cleanup(8) has it rewritten and resolved, once a message.
    [({}, 0), ({"return_path": {"domain": RETURN_DOMAIN}}, 2)],
    ids=["plain", "signed"],
)
def test_macros_cost_no_request_to_trivial_rewrite_for_a_recipient(
    can_run_postfix: None, sections: dict[str, dict[str, object]], of_new_sender: int
) -> None:
    with MailSystem(sections=sections) as system, verbose(system):
        requests(system, "first")
        without = requests(system, "without")
        system.attach()
        system.postfix.reload()
        requests(system, "second")  # each smtpd(8) resolves the sender once for the milter
        assert RECIPIENTS < requests(system, "asked") <= without + of_new_sender
