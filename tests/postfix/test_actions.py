"""What else can become of a locked recipient, on a real Postfix: discarded, tagged, deferred."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from tests.postfix.test_milter import SENDER, codes

from bouncegate.config.settings import LedgerSettings, StoreSettings
from bouncegate.store.installationmark import known_mark
from bouncegate.store.ledger import Ledger
from lab.bouncegate import Bouncegate, Sections
from lab.postfix import HOSTNAME, Postfix
from lab.remote import Remote
from lab.smtp import Client, message
from lab.system import RETURN_DOMAIN
from lab.waiting import wait_for

Address = Callable[[str], str]


@pytest.fixture
def milter_with(gate: Bouncegate) -> Iterator[Callable[..., None]]:
    """Starts the milter anew with other settings; after the test it has the lab's own."""

    def restart(sections: Sections, more: str = "") -> None:
        assert gate.milter is not None
        gate.milter.stop()
        gate.configure(sections)
        with gate.config.open("a") as config:
            config.write(more)
        gate.start_milter()

    yield restart
    restart({})


def content_for(remote: Remote, recipient: str) -> str:
    return next(str(m["content"]) for m in remote.messages() if recipient in m["recipients"])


def test_a_discarded_recipient_is_left_out_in_silence_however_it_was_written(
    postfix: Postfix,
    remote: Remote,
    gate: Bouncegate,
    address: Address,
    milter_with: Callable[..., None],
) -> None:
    """DELRCPT compares octets: a form that it does not know would be delivered."""
    milter_with({"reply": {"action": "discard"}})
    gone = address("ann")
    local = gone.partition("@")[0]
    gate.lock(gone, f"{local}@bücher.example", f'"{local} x"@recipients.example')
    forms = (
        f"<{gone}>",
        f"<{gone.upper()}>",
        f" < {gone} >",
        gone,
        f"<{gone}.>",
        f'<"{local}"@recipients.example>',
        f"<@relay.example:{gone}>",
        f"<{local}(a comment)@recipients.example>",
        f"<{local}%Recipients.example>",
        f"<recipients.example!{local}>",
        f"<{local}%recipients.example@{HOSTNAME}>",
        f"<{gone}> NOTIFY=FAILURE",
        f"<{local}@bücher.example>",
        f"<{local}@xn--bcher-kva.example>",
        f'<"{local} x"@recipients.example>',
    )
    others = [address(f"other{number}") for number, _ in enumerate(forms)]
    with Client(postfix.port) as client:
        for form, other in zip(forms, others, strict=True):
            client.say(f"MAIL FROM:<{SENDER}> SMTPUTF8")
            assert [client.say(f"RCPT TO:{to}").code for to in (form, f"<{other}>")] == [250, 250]
            assert client.data(message("News").as_bytes())[0] == 250
    postfix.wait_until_empty()
    accepted = remote.accepted()
    assert [accepted.count(other) for other in others] == [1] * len(others)
    assert [to for to in accepted if local in to] == []


def test_a_message_for_discarded_recipients_alone_goes_nowhere_and_nobody_is_told(
    postfix: Postfix,
    remote: Remote,
    gate: Bouncegate,
    address: Address,
    milter_with: Callable[..., None],
) -> None:
    milter_with({"reply": {"action": "discard"}})
    gone, again, sender = address("gone"), address("again"), address("writer")
    gate.lock(gone, again)
    before = len(remote.messages())
    assert codes(postfix.port, gone, again, sender=sender) == [250, 250]
    postfix.wait_until_empty()
    assert len(remote.messages()) == before


def test_a_tag_says_that_somebody_is_locked_and_does_not_name_him(
    postfix: Postfix,
    remote: Remote,
    gate: Bouncegate,
    address: Address,
    milter_with: Callable[..., None],
) -> None:
    """The others who get the message must not learn of a blind copy."""
    milter_with({"reply": {"action": "tag", "tag": "X-Locked"}})
    gone, other, alone = address("gone"), address("other"), address("alone")
    gate.lock(gone)
    assert codes(postfix.port, gone, other) == [250, 250]
    assert codes(postfix.port, alone) == [250]
    postfix.wait_until_empty()
    tagged = content_for(remote, other)
    pattern = r"^X-Locked: recipients=1; refs=(\d+); reasons=operator\r?$"
    found = re.search(pattern, tagged, re.MULTILINE)
    assert found is not None
    assert gone not in tagged
    assert gone in remote.accepted()
    assert "X-Locked" not in content_for(remote, alone)
    assert gone in gate.run("explain", found[1]).stdout.decode()


def test_deferred_mail_waits_with_the_client(
    postfix: Postfix,
    gate: Bouncegate,
    address: Address,
    milter_with: Callable[..., None],
) -> None:
    milter_with({"reply": {"action": "defer"}})
    gone, other = address("gone"), address("other")
    gate.lock(gone)
    assert codes(postfix.port, gone, other) == [450, 250]


def test_each_sender_domain_reads_its_own_words(
    postfix: Postfix,
    gate: Bouncegate,
    address: Address,
    milter_with: Callable[..., None],
) -> None:
    gone = address("50%off")
    gate.lock(gone)
    milter_with(
        {"reply": {"text": "Locked, case {case}"}},
        '[[reply.groups]]\nsender_domains = ["news.test"]\n'
        'text = "100% gone: {recipient}, see {url}"\nurl = "https://news.test/%20{reason}"\n',
    )
    with Client(postfix.port) as client:
        told = {}
        for sender in ("a@news.test", "a@elsewhere.test"):
            client.say(f"MAIL FROM:<{sender}>")
            told[sender] = client.say(f"RCPT TO:<{gone}>").text
            client.say("RSET")
    assert told["a@news.test"] == (
        f"5.7.1 100% gone: {gone}, see https://news.test/%20operator {known_mark(gate.store)}"
    )
    assert re.fullmatch(
        r"5\.7\.1 Locked, case \d+ \[bouncegate [0-9a-f]{8}\]", told["a@elsewhere.test"]
    )


def test_the_ledger_does_not_know_a_recipient_that_was_left_out(
    postfix: Postfix,
    remote: Remote,
    gate: Bouncegate,
    address: Address,
    milter_with: Callable[..., None],
) -> None:
    """Whoever forges a bounce for him would find a proof there."""
    milter_with({"reply": {"action": "discard"}, "return_path": {"domain": RETURN_DOMAIN}})
    gone, other = address("gone"), address("other")
    gate.lock(gone)
    assert codes(postfix.submission_port, gone, other) == [250, 250]
    wait_for("the mail", lambda: other in remote.accepted())
    sender = next(m["sender"] for m in remote.messages() if other in m["recipients"])
    assert sender.endswith(f"@{RETURN_DOMAIN}")
    assert gone not in remote.accepted()
    wait_for("the ledger", lambda: other in recipients_of_sends(gate))
    assert gone not in recipients_of_sends(gate)


def recipients_of_sends(gate: Bouncegate) -> set[str]:
    with closing(Ledger.open(StoreSettings(path=gate.store), LedgerSettings())) as ledger:
        return {to for _, sent in ledger.walk(b"", 2**32 - 1, 100) for to in sent.recipients}
