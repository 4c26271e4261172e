"""Signed return paths on a real Postfix: what they prove, whom they refuse, whom they spare."""

import itertools
import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bouncegate.config.settings import StoreSettings
from bouncegate.policy.records import Event
from bouncegate.store.store import Store
from lab.bouncegate import Bouncegate
from lab.postfix import HOSTNAME, Postfix
from lab.remote import Remote
from lab.smtp import Client, Exchange, message
from lab.system import RETURN_DOMAIN, MailSystem
from lab.system import SENDER as BOUNCES
from lab.waiting import wait_for

SENDER = "newsletter@sender.test"
UNKNOWN = "550 5.1.1 The email account that you tried to reach does not exist"
TOKEN = re.compile(rf"b-[a-z2-7]{{56}}@{re.escape(RETURN_DOMAIN)}")

SECTIONS = {"return_path": {"domain": RETURN_DOMAIN, "count": ["signed", "matched"]}}

_numbers = itertools.count()


@pytest.fixture(scope="module")
def system(can_run_postfix: None) -> Iterator[MailSystem]:
    """A lab whose senders are signed, and where only what is proven counts."""
    with MailSystem(sections=SECTIONS) as system:
        system.start()
        yield system


@pytest.fixture
def gate(system: MailSystem) -> Iterator[Bouncegate]:
    """Bouncegate with the settings of this module, also after a test that has changed them."""
    before = system.gate.config.read_text()
    yield system.gate
    if system.gate.config.read_text() != before:
        system.gate.config.write_text(before)
        restart(system.gate)


@pytest.fixture
def address() -> Callable[[str], str]:
    number = next(_numbers)
    return lambda local: f"{local}-{number}@signed.example"


Address = Callable[[str], str]


def send(postfix: Postfix, *recipients: str, sender: str = SENDER) -> dict[str, Exchange]:
    return postfix.submit(sender, recipients)


def sender_at(remote: Remote, recipient: str) -> str:
    """The envelope sender that a recipient's server was told."""
    return next(str(m["sender"]) for m in remote.messages() if recipient in m["recipients"])


def test_the_envelope_sender_that_leaves_is_a_token_of_ours(
    postfix: Postfix, remote: Remote, address: Address
) -> None:
    reader = address("reader")
    send(postfix, reader)
    postfix.wait_until_empty()
    assert TOKEN.fullmatch(sender_at(remote, reader))


def test_the_token_comes_back_as_envelope_id_in_the_dsn(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    """So a bounce that goes elsewhere can still be matched."""
    gone = address("gone")
    remote.refuse({gone: UNKNOWN})
    send(postfix, gone)
    postfix.wait_until_empty()
    event = only_event(gate, gone)
    assert re.fullmatch(r"b-[a-z2-7]{56}", event.envelope_id)
    assert (event.trust, event.sender) == ("signed", SENDER)


def test_a_bounce_to_a_signed_return_path_locks_the_one_who_bounced(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    gone = address("gone")
    others = [address(f"reader{number}") for number in range(4)]
    remote.refuse({gone: UNKNOWN})
    send(postfix, gone, *others)
    postfix.wait_until_empty()
    assert gate.show(gone)["locked"] is True
    assert [entry for entry in gate.locks() if entry in {gone, *others}] == [gone]
    assert send(postfix, gone)[gone].code == 550


def test_the_member_that_postfix_mailed_counts_and_never_the_alias(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    alias, target = address("alias"), address("target")
    postfix.set(virtual_alias_maps=postfix.table("virtual", {alias: target}))
    postfix.reload()
    remote.refuse({target: UNKNOWN})
    send(postfix, alias)
    postfix.wait_until_empty()
    assert gate.show(target)["hard"] == 1
    assert gate.show(alias)["hard"] == 0
    assert alias not in gate.locks()


def test_the_null_sender_and_inbound_mail_are_left_as_they_are(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    null, inbound = address("null"), address("inbound")
    send(postfix, null, sender="")
    assert sender_at_once(postfix, remote, null) == "<>"
    gate.configure({**SECTIONS, "outbound": {"networks": ["192.0.2.0/24"]}})
    restart(gate)
    with Client(postfix.port) as client:
        client.deliver(message("From outside"), "someone@elsewhere.test", [inbound])
    assert sender_at_once(postfix, remote, inbound) == "someone@elsewhere.test"


def test_the_door_refuses_what_has_no_token_and_lets_in_what_has_one(
    postfix: Postfix, remote: Remote, address: Address
) -> None:
    reader = address("reader")
    send(postfix, reader)
    postfix.wait_until_empty()
    token = sender_at(remote, reader)
    other_letter = "a" if token[2] != "a" else "b"
    forged = f"{token[:2]}{other_letter}{token[3:]}"
    with Client(postfix.port) as client:
        client.say("MAIL FROM:<>")
        replies = {
            to: client.say(f"RCPT TO:<{to}>")
            for to in (
                token,
                token.upper(),
                forged,
                f"bounces@{RETURN_DOMAIN}",
                f"postmaster@{RETURN_DOMAIN}",
            )
        }
        client.say("RSET")
        client.say("MAIL FROM:<odd@system.example>")
        odd = client.say(f"RCPT TO:<{token}>")
    codes = [reply.code for reply in replies.values()]
    assert codes == [250, 250, 550, 550, 250]
    assert replies[forged].text.startswith("5.7.1 ")
    assert odd.code == 250, "some systems bounce without the null sender"


@pytest.mark.parametrize(
    "recipient",
    [
        f"whoever@{RETURN_DOMAIN}.",
        f"whoever@{RETURN_DOMAIN.upper()}.",
        f"whoever%{RETURN_DOMAIN}",
        f"whoever%{RETURN_DOMAIN}@{HOSTNAME}",
        f"whoever%{RETURN_DOMAIN}.@{HOSTNAME}.",
        f"{RETURN_DOMAIN}!whoever",
        f"whoever @{RETURN_DOMAIN}",
        f"whoever@{RETURN_DOMAIN} (a comment)",
        f"@a.example:whoever@{RETURN_DOMAIN}",
        f'"who ever"@{RETURN_DOMAIN}',
        f'"whoever@{RETURN_DOMAIN}"@{HOSTNAME}',
        f"whoever%{RETURN_DOMAIN}@[127.0.0.1]",
    ],
)
def test_return_domain_is_closed_to_every_spelling(postfix: Postfix, recipient: str) -> None:
    with Client(postfix.port) as client:
        client.say("MAIL FROM:<>")
        assert client.say(f"RCPT TO:<{recipient}>").code == 550


def test_return_path_refuses_what_came_past_the_milter(postfix: Postfix, address: Address) -> None:
    """From sendmail(1), which no milter of smtpd(8) sees."""
    stranger = f"{address('stranger').partition('@')[0]}@{RETURN_DOMAIN}"
    postfix.sendmail(message("Undelivered"), "", [stranger])
    said = postfix.wait_for_log(rf"to=<{stranger}>.*status=(\w+) \((.*)\)")
    assert said[1] == "bounced"
    assert "550 5.7.1 Not a return path" in said[2]


def test_return_path_takes_the_token_of_a_message_and_refuses_its_other_recipient(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    reader, stranger = address("reader"), address("stranger").partition("@")[0]
    send(postfix, reader)
    token = sender_at_once(postfix, remote, reader)
    postfix.sendmail(message("Undelivered"), "", [f"{stranger}@{RETURN_DOMAIN}", token])
    postfix.wait_for_log(rf"to=<{token}>.*status=sent \(250 ")
    postfix.wait_for_log(rf"to=<{stranger}@{RETURN_DOMAIN}>.*status=bounced \(.* 550 5.7.1 ")


def test_mail_flows_and_it_is_said_when_the_ledger_cannot_be_written(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    ledger_writer = ledger_writer_of(gate)
    os.kill(ledger_writer, signal.SIGSTOP)  # a disk that stalls
    try:
        readers = [address(f"reader{number}") for number in range(3)]
        started = time.monotonic()
        assert all(reply.code == 250 for reply in send(postfix, *readers).values())
        assert time.monotonic() - started < 5
        postfix.wait_until_empty()
        assert [remote.accepted().count(reader) for reader in readers] == [1, 1, 1]
    finally:
        os.kill(ledger_writer, signal.SIGCONT)


def test_a_ledger_writer_that_dies_is_replaced_and_what_was_handed_over_is_written(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    ledger_writer = ledger_writer_of(gate)
    os.kill(ledger_writer, signal.SIGKILL)
    gone = address("gone")
    remote.refuse({gone: UNKNOWN})
    send(postfix, gone)
    wait_for("the bounce to be counted", lambda: gate.show(gone)["locked"])
    assert ledger_writer_of(gate) != ledger_writer


def sender_at_once(postfix: Postfix, remote: Remote, recipient: str) -> str:
    postfix.wait_until_empty()
    return sender_at(remote, recipient)


def only_event(gate: Bouncegate, recipient: str) -> Event:
    """The one event of an address."""
    with closing(Store.open(StoreSettings(path=gate.store), readonly=True)) as store:
        ((_, event),) = store.journal.of_address(recipient)
    assert isinstance(event, Event)
    return event


def restart(gate: Bouncegate) -> None:
    """Let both daemons read their configuration."""
    gate.stop()
    gate.start()


def ledger_writer_of(gate: Bouncegate) -> int:
    """The process id of the milter's youngest child."""
    assert gate.milter is not None
    pid = gate.milter.pid
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[-1])


def test_unverified_bounces_are_kept_and_not_counted(
    postfix: Postfix, gate: Bouncegate, address: Address
) -> None:
    victim = address("victim")
    dsn = f"""From: MAILER-DAEMON@mx.example.net
Message-ID: <{victim}>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; {victim}
Action: failed
Status: 5.1.1

--b--
"""
    done = gate.run("receive", stdin=dsn.encode())
    assert done.returncode == 0
    shown = json.loads(gate.run("show", "--json", victim).stdout)
    assert (shown["locked"], shown["hard"]) == (False, 0)


def test_without_signing_the_ledger_alone_proves_a_bounce_and_knows_its_mailing(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    """For senders with return paths of their own, such as VERP, which must not be replaced."""
    gate.configure(
        {
            "ledger": {"enabled": True, "mailing_headers": ["X-Campaign-ID"]},
            "return_path": {"count": ["matched"]},
        }
    )
    restart(gate)
    gone = address("gone")
    remote.refuse({gone: UNKNOWN})
    news = message("News", message_id="<spring@sender.test>")
    news["X-Campaign-ID"] = "spring"
    with Client(postfix.submission_port) as client:
        client.deliver(news, BOUNCES, [gone, address("reader")])
    postfix.wait_until_empty()
    event = only_event(gate, gone)
    assert (event.trust, event.mailing, event.group) == ("matched", "spring", RETURN_DOMAIN)
    assert event.sender == BOUNCES
    assert gate.show(gone)["locked"] is True


def test_only_senders_of_our_own_domains_are_signed_where_that_is_set(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    signing = {"domain": RETURN_DOMAIN, "sign": "own", "own_domains": ["sender.test"]}
    gate.configure({"return_path": signing})
    restart(gate)
    ours, theirs = address("ours"), address("theirs")
    send(postfix, ours)
    send(postfix, theirs, sender="someone@customer.test")
    assert TOKEN.fullmatch(sender_at_once(postfix, remote, ours))
    assert sender_at_once(postfix, remote, theirs) == "someone@customer.test"
