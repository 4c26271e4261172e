"""Forged DSNs on a real Postfix: nothing that strangers and local users send locks anybody."""

import itertools
import random
import re
import time
from collections.abc import Iterator
from email.utils import formatdate

import pytest
from tests.postfix.forged import by_lmtp, by_sendmail, by_smtp, forged

from lab.remote import Remote
from lab.smtp import Client, message
from lab.system import RETURN_DOMAIN, MailSystem
from lab.waiting import wait_for

SENDER = "newsletter@sender.test"
UNKNOWN = "550 5.1.1 The email account that you tried to reach does not exist"
SECRET_ID = "<7c9e6679-7425-40de-944b-e07fc1f90ae7@sender.test>"

_numbers = itertools.count()


@pytest.fixture(scope="module", params=[RETURN_DOMAIN, ""], ids=["signed", "unsigned"])
def system(can_run_postfix: None, request: pytest.FixtureRequest) -> Iterator[MailSystem]:
    """A lab with the counts that are the default."""
    sections = {
        "ledger": {"enabled": True},
        "return_path": {"domain": request.param, "count": ["signed", "matched"]},
    }
    with MailSystem(sections=sections) as system:
        system.attach()
        system.postfix.set(non_smtpd_milters="unix:bouncegate/milter.sock")
        system.gate.start()
        system.postfix.start()
        yield system


def send(system: MailSystem, *recipients: str, message_id: str = "") -> str:
    """Send one message; its queue id, which everybody who gets it can read in it."""
    news = message("News", message_id=message_id)
    sender = SENDER if is_signed(system) else f"bounces@{RETURN_DOMAIN}"
    with Client(system.postfix.submission_port) as client:
        client.deliver(news, sender, recipients)
        told = client.dialogue[-1].text
    found = re.search(r"queued as (\w+)", told)
    assert found, told
    return found[1]


def is_signed(system: MailSystem) -> bool:
    return f'domain = "{RETURN_DOMAIN}"' in system.gate.config.read_text()


def facts(queue_id: str, arrival: float) -> dict[str, str]:
    """What bounce(8) would tell of a message; the sender is one that everybody can see."""
    return {
        "X-Postfix-Queue-ID": queue_id,
        "X-Postfix-Sender": f"rfc822; bounces@{RETURN_DOMAIN}",
        "Arrival-Date": formatdate(arrival),
    }


def sender_at(remote: Remote, recipient: str) -> str:
    return next(str(m["sender"]) for m in remote.messages() if recipient in m["recipients"])


def test_forged_dsns_by_smtp_and_sendmail_with_all_that_is_known_lock_nobody(
    system: MailSystem,
) -> None:
    postfix, remote, gate = system.postfix, system.remote, system.gate
    number = next(_numbers)
    ann, bob, eve = (f"{name}-{number}@forged.example" for name in ("ann", "bob", "eve"))
    now = time.time()
    alone = send(system, ann, message_id=SECRET_ID)
    together = send(system, bob, eve)
    own = send(system, eve, message_id=SECRET_ID.replace("7c9e", "8c9e"))
    postfix.wait_until_empty()
    raws = [
        forged(victim, facts(queue_id, now), message_id=message_id, action=action)
        for victim in (ann, bob)
        for queue_id in (alone, together, own)
        for message_id in ("", SECRET_ID.replace("7c9e", "8c9e"))
        for action in ("failed", "delivered")
    ]
    for mailbox in ("postmaster", "abuse"):
        assert by_smtp(postfix, raws, f"{mailbox}@{RETURN_DOMAIN}") == len(raws)
    by_sendmail(postfix, raws[0], f"postmaster@{RETURN_DOMAIN}")
    by_sendmail(postfix, raws[0], sender_at(remote, ann))
    postfix.wait_until_empty()
    assert gate.locks() == {}
    for victim in (ann, bob):
        shown = gate.show(victim)
        assert (shown["hard"], shown["soft"]) == (0, 0)
    incidents = gate.run("incident", "list")
    assert incidents.returncode == 0
    assert b"forged" not in incidents.stdout


def test_forged_dsns_by_lmtp_with_guessed_queue_ids_lock_nobody(system: MailSystem) -> None:
    number = next(_numbers)
    readers = [f"reader{n}-{number}@forged.example" for n in range(5)]
    known = [send(system, reader) for reader in readers]
    system.postfix.wait_until_empty()
    chance = random.Random(number)
    own = sender_at(system.remote, readers[0])  # what its recipient knows
    for reader, queue_id in itertools.product(readers[1:], known):
        guessed = f"{chance.randrange(1_000_000):05X}{queue_id[5:]}"
        for name in {guessed, queue_id} - {known[readers.index(reader)]}:
            raw = forged(reader, facts(name, time.time()))
            for to in (f"postmaster@{RETURN_DOMAIN}", f"bounces@{RETURN_DOMAIN}", own):
                by_lmtp(system.gate, raw, to)
    assert not set(system.gate.locks()) - {readers[0]}, "he may lock himself"


def test_true_bounces_still_lock_beside_forged_ones(system: MailSystem) -> None:
    """What Postfix's own DSN says is known by the token, or by queue id, arrival and sender."""
    gone = f"gone-{next(_numbers)}@forged.example"
    system.remote.refuse({gone: UNKNOWN})
    queue_id = send(system, gone)
    by_smtp(system.postfix, [forged(gone, facts(queue_id, 0))], f"postmaster@{RETURN_DOMAIN}")
    system.postfix.wait_until_empty()
    wait_for("the lock", lambda: gone in system.gate.locks())
    assert system.gate.show(gone)["hard"] == 1
