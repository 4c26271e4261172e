"""A copy of inbound mail, sent to the return path by Postfix, is a sign of life of its author."""

from collections.abc import Iterator
from email.utils import formatdate
from typing import Final

import pytest

from lab.bouncegate import Bouncegate
from lab.postfix import HOSTNAME, Postfix
from lab.remote import Remote
from lab.smtp import Client, message
from lab.system import RETURN_DOMAIN, MailSystem
from lab.waiting import wait_for

ALIVE: Final = f"alive@{RETURN_DOMAIN}"
ANSWERS: Final = f"answers@{HOSTNAME}"
# What a filter writes, by the same means as policyd-spf does.
PASSED: Final = f"Authentication-Results: {HOSTNAME}; dmarc=pass header.from=example.com"
FAILED: Final = PASSED.replace("pass", "fail")


@pytest.fixture(scope="module")
def system(can_run_postfix: None) -> Iterator[MailSystem]:
    """A lab that signs, and copies the answers to its newsletter to the return path."""
    sections: dict[str, dict[str, object]] = {
        "return_path": {"domain": RETURN_DOMAIN},
        "policy.soft": {"failures": 1},
        "alive": {"authserv_ids": [HOSTNAME], "received": 0},
    }
    with MailSystem(sections=sections) as system:
        copies = {ANSWERS: ALIVE}
        system.postfix.set(
            recipient_bcc_maps=system.postfix.table("copies", copies),
            relay_domains=RETURN_DOMAIN,
            mailbox_transport="discard:",
        )
        system.start()
        yield system


@pytest.fixture
def gate(system: MailSystem) -> Bouncegate:
    """Bouncegate with the settings of this module."""
    return system.gate


def lock(postfix: Postfix, remote: Remote, gate: Bouncegate, who: str) -> None:
    """A mailing comes back: the mailbox is full."""
    remote.refuse({who: "552 5.2.2 The mailbox is full"})
    with Client(postfix.submission_port) as client:
        client.deliver(message("News"), "news@sender.test", [who])
    wait_for("a soft lock", lambda: gate.show(who)["locked"])


def answer(postfix: Postfix, who: str, told: str, extra: str = "") -> None:
    """Somebody writes; a filter of ours has told what it found out."""
    postfix.set(smtpd_client_restrictions=f"check_client_access static:{{PREPEND {told}}}")
    postfix.reload()
    mail = message("Re: News", "Thank you!\n", f"<{who}>")
    mail.replace_header("From", f"Ann <{who}>")
    mail["Date"] = formatdate()
    if extra:
        name, _, value = extra.partition(": ")
        mail[name] = value
    with Client(postfix.port) as client:
        assert client.deliver(mail, who, [ANSWERS])[ANSWERS].code == 250
    postfix.wait_for_log(rf"to=<{ALIVE}>.*status=sent \(250 2.0.0 Heard\)")
    postfix.wait_until_empty()


def test_who_answers_is_freed(postfix: Postfix, remote: Remote, gate: Bouncegate) -> None:
    lock(postfix, remote, gate, "ann@example.com")
    answer(postfix, "ann@example.com", PASSED)
    shown = gate.show("ann@example.com")
    assert (shown["locked"], shown["soft_in_row"]) == (False, 0)


@pytest.mark.parametrize(
    "written",
    [
        ("bob@example.com", FAILED, f"Authentication-{PASSED.partition('-')[2]}"),
        ("cid@example.com", PASSED, "Auto-Submitted: auto-replied"),
        ("dan@example.net", PASSED, ""),
    ],
    ids=["who forges a result", "a robot", "whose domain did not pass"],
)
def test_who_proves_nothing_stays_locked(
    postfix: Postfix, remote: Remote, gate: Bouncegate, written: tuple[str, str, str]
) -> None:
    who, told, extra = written
    lock(postfix, remote, gate, who)
    answer(postfix, who, told, extra)
    assert gate.show(who)["locked"] is True


def test_nobody_writes_to_the_mailbox_of_signs_himself(postfix: Postfix) -> None:
    """What our filter did not look at must not come there: the milter knows no token in it."""
    with Client(postfix.port) as client:
        replies = client.deliver(message("Hello"), "ann@example.com", [ALIVE])
    assert replies[ALIVE].code == 550
