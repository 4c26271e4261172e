"""A content filter whose way back has milters: a message meets ours twice, on a real Postfix."""

from collections.abc import Iterator
from contextlib import closing
from typing import Final

import pytest

from bouncegate.admin.postfix.contentfilter import filters
from bouncegate.admin.postfix.postconf import read
from bouncegate.config.settings import LedgerSettings, StoreSettings
from bouncegate.store.ledger import Ledger
from lab import contentfilter, mastercf
from lab.bouncegate import Bouncegate, Sections
from lab.postfix import Postfix
from lab.remote import Remote
from lab.smtp import Client, Exchange
from lab.system import RETURN_DOMAIN, MailSystem

SENDER: Final = "news@sender.test"
BOSS: Final = "boss@sender.test"
WATCHED: Final = "watched@sender.test"


@pytest.fixture(scope="module")
def system(can_run_postfix: None) -> Iterator[MailSystem]:
    """A lab that signs. All mail goes through a filter; what comes back meets the milters."""
    sections: Sections = {
        "return_path": {"domain": RETURN_DOMAIN, "count": ["signed", "matched"]},
        "exempt": {"senders": [BOSS]},
    }
    with MailSystem(sections=sections) as system:
        port, back = system.folder.reserve_port(), system.folder.reserve_port()
        services = (
            mastercf.Service("filter", "unix", "-", True, "-", "2", "smtp"),
            mastercf.smtpd(back, "syslog_name=postfix/back", "content_filter="),
        )
        with (system.postfix.config / "master.cf").open("a") as master:
            master.write(mastercf.render(services, chroot=False))
        contentfilter.start(system.folder, port, back)
        system.start()
        system.postfix.set(content_filter=f"filter:[127.0.0.1]:{port}")
        system.postfix.reload()
        yield system


@pytest.fixture
def action(system: MailSystem) -> Iterator[str]:
    """A restriction class that a table names hands mail of one sender to the filter instead."""
    postfix = system.postfix
    destination = postfix.command("postconf", "-c", postfix.config, "-h", "content_filter").strip()
    table = postfix.config / "watched"
    table.write_text(f"# whom to watch\n{WATCHED}\n  watched\n")
    postfix.set(
        content_filter="",
        smtpd_restriction_classes="watched",
        watched=f"check_sender_access static:{{FILTER {destination}}}",
        smtpd_data_restrictions=f"check_sender_access texthash:{table}",
    )
    postfix.reload()
    yield destination
    postfix.set(content_filter=destination, smtpd_data_restrictions="")
    postfix.reload()


@pytest.fixture
def gate(system: MailSystem) -> Bouncegate:
    """Bouncegate with the settings of this module."""
    return system.gate


def send(postfix: Postfix, recipient: str, sender: str = SENDER) -> Exchange:
    """One message; the answer to its recipient."""
    return postfix.submit(sender, [recipient])[recipient]


def test_a_message_that_a_filter_hands_back_is_judged_and_recorded_once(
    postfix: Postfix, remote: Remote, gate: Bouncegate
) -> None:
    address = "twice@silence.example"
    send(postfix, address)
    postfix.wait_until_empty()
    assert address in remote.accepted()
    with closing(Ledger.open(StoreSettings(path=gate.store), LedgerSettings())) as ledger:
        assert [sent.sender for sent in ledger.sent_to(address, 0)] == [SENDER]


def test_mail_of_an_exempt_sender_passes_the_milter_behind_a_filter_too(
    postfix: Postfix, remote: Remote, gate: Bouncegate
) -> None:
    address = "wanted@silence.example"
    gate.lock(address)
    assert send(postfix, address, sender=BOSS).code == 250
    postfix.wait_until_empty()
    assert address in remote.accepted()


def test_a_sender_below_the_return_domain_that_is_no_token_is_judged(
    postfix: Postfix, gate: Bouncegate
) -> None:
    address = "refused@silence.example"
    gate.lock(address)
    with Client(postfix.submission_port) as client:
        for sender in (f"news@{RETURN_DOMAIN}", f"b-{'a' * 56}@{RETURN_DOMAIN}"):
            client.say(f"MAIL FROM:<{sender}>")
            assert client.say(f"RCPT TO:<{address}>").code == 550
            client.say("RSET")


def test_a_filter_action_is_known_and_its_mail_is_recorded_once(
    action: str, postfix: Postfix, remote: Remote, gate: Bouncegate
) -> None:
    found = filters(read(postfix.config))
    assert action in found["smtpd_data_restrictions"]
    address = "watched@silence.example"
    send(postfix, address, sender=WATCHED)
    postfix.wait_until_empty()
    assert address in remote.accepted()
    port = action.rpartition(":")[2]
    postfix.wait_for_log(rf"to=<{address}>, relay=127.0.0.1\[127.0.0.1\]:{port}, .*status=sent")
    with closing(Ledger.open(StoreSettings(path=gate.store), LedgerSettings())) as ledger:
        assert [sent.sender for sent in ledger.sent_to(address, 0)] == [WATCHED]
