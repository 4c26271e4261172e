"""Keys on running daemons: one that is taken out ends at once; a broken file loses no mail."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.postfix.forged import by_lmtp, forged

from bouncegate.store.tokens.keys import KEY_FILE, KeyRing, rotate
from bouncegate.store.tokens.token import sign
from lab.bouncegate import Bouncegate
from lab.remote import Remote
from lab.smtp import Client, message
from lab.system import RETURN_DOMAIN, MailSystem
from lab.waiting import wait_for

UNKNOWN = "550 5.1.1 The email account that you tried to reach does not exist"
READER = "reader@keys.example"


@pytest.fixture(scope="module")
def system(can_run_postfix: None) -> Iterator[MailSystem]:
    sections = {"return_path": {"domain": RETURN_DOMAIN, "count": ["signed", "matched"]}}
    with MailSystem(sections=sections) as system:
        system.start()
        yield system


def key_file(gate: Bouncegate) -> Path:
    return gate.store / KEY_FILE


def token_of(ring: KeyRing, recipient: str = READER) -> str:
    return f"{sign(ring, recipient, b'12345678', int(time.time()) - 120)}@{RETURN_DOMAIN}"


def door(system: MailSystem, return_path: str) -> int:
    """What a stranger is answered who bounces to a return path."""
    with Client(system.postfix.port) as client:
        client.say("MAIL FROM:<>")
        return client.say(f"RCPT TO:<{return_path}>").code


@contextmanager
def broken(path: Path) -> Iterator[None]:
    whole = path.read_text()
    path.write_text("no key\n")
    try:
        yield
    finally:
        path.write_text(whole)


def test_a_key_that_is_taken_out_is_believed_nowhere_and_what_is_kept_signs_on(
    system: MailSystem, remote: Remote
) -> None:
    gate, postfix = system.gate, system.postfix
    path = key_file(gate)
    stolen = KeyRing.load(path)
    newest = rotate(path, int(time.time()), 0)
    forged_path, good_path = token_of(stolen), token_of(newest)
    wait_for("the new key", lambda: door(system, good_path) == 250)
    assert door(system, forged_path) == 250, "what it has signed stays good"
    path.write_text(path.read_text().splitlines(keepends=True)[-1])
    wait_for("the key's end", lambda: door(system, forged_path) == 550)
    raw = forged(READER, {})
    wait_for("its end at the return path", lambda: by_lmtp(gate, raw, forged_path)[:3] == "550")
    assert door(system, good_path) == 250
    assert by_lmtp(gate, forged("other@keys.example", {}), good_path)[:3] == "250"
    assert gate.locks() == {}
    postfix.submit("newsletter@sender.test", [READER])
    postfix.wait_until_empty()
    sender = next(str(m["sender"]) for m in remote.messages() if READER in m["recipients"])
    assert door(system, sender) == 250


def test_a_key_file_that_is_broken_loses_neither_mail_nor_bounces(
    system: MailSystem, remote: Remote
) -> None:
    gate, postfix = system.gate, system.postfix
    gone, reader = "gone@broken.example", "reader@broken.example"
    good = token_of(KeyRing.load(key_file(gate)), "victim@broken.example")
    remote.refuse({gone: UNKNOWN})
    with broken(key_file(gate)):
        # Each process looks once a second; which of them answers is not known.
        seen_by_all = time.monotonic() + 3
        wait_for("the fault to be seen", lambda: door(system, good) == 450)
        wait_for("every process to look", lambda: time.monotonic() > seen_by_all)
        with Client(postfix.submission_port) as client:
            client.deliver(message("News"), "newsletter@sender.test", [reader])
            client.deliver(message("News"), "newsletter@sender.test", [gone])
        wait_for("the mail", lambda: reader in remote.accepted())
        signed = next(str(m["sender"]) for m in remote.messages() if reader in m["recipients"])
        assert re.fullmatch(rf"b-[a-z2-7]{{56}}@{re.escape(RETURN_DOMAIN)}", signed)
        wait_for("the bounce to wait", lambda: [e["queue_name"] for e in postfix.queued()])
        assert by_lmtp(gate, forged("victim@broken.example", {}), good)[:3] == "451"
        assert gate.locks() == {}
    wait_for("the keys again", lambda: door(system, signed) == 250)
    postfix.flush()
    wait_for("the lock", lambda: gone in gate.locks())
    assert json.loads(gate.run("show", "--json", gone).stdout)["hard"] == 1
    postfix.wait_until_empty()
