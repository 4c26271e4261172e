"""The send path on a real Postfix: who is refused, who passes, and what the milter relies on."""

import re
import time
from collections.abc import Callable, Iterator

import pytest
from tests.unit.milter.locks import put_locks

from bouncegate.store.installationmark import known_mark
from lab.bouncegate import Bouncegate
from lab.postfix import Postfix
from lab.remote import Remote
from lab.smtp import Client, message
from lab.waiting import wait_for

Address = Callable[[str], str]
SENDER = "newsletter@sender.test"
STRANGER = "NAME=mx.stranger.example ADDR=192.0.2.77"

pytestmark = pytest.mark.usefixtures("milter")


def codes(
    port: int, *recipients: str, sender: str = SENDER, client: str = "", options: str = ""
) -> list[int]:
    """The codes that each recipient of one message gets; it is sent if one is accepted."""
    with Client(port) as session:
        session.command_encoding = "utf-8"
        if client:
            assert session.say(f"XCLIENT {client}").code == 220
            session.ehlo()
        session.say(f"MAIL FROM:<{sender}> {options}".strip())
        found = [session.say(f"RCPT TO:<{recipient}>").code for recipient in recipients]
        if 250 in found:
            code, _ = session.data(message("News").as_bytes())
            assert code == 250
    return found


@pytest.fixture
def changed(postfix: Postfix) -> Iterator[Callable[..., None]]:
    """Changes main.cf for one test."""
    names: list[str] = []

    def change(**parameters: str) -> None:
        names.extend(parameters)
        postfix.set(**parameters)
        postfix.reload()

    yield change
    postfix.reset(*names)
    postfix.reload()


def test_of_five_recipients_the_one_with_a_live_lock_is_refused_and_four_get_the_mail(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    locked, freed = address("locked"), address("freed")
    others = [address(f"reader{number}") for number in range(3)]
    gate.lock(locked)
    put_locks(gate.store, freed, until=int(time.time()) - 1)
    assert codes(postfix.port, others[0], locked, freed, *others[1:]) == [250, 550, 250, 250, 250]
    postfix.wait_until_empty()
    accepted = remote.accepted()
    assert [accepted.count(to) for to in (locked, freed, *others)] == [0, 1, 1, 1, 1]


def test_the_refusal_reads_as_postfix_s_own_in_dialogue_and_log(
    postfix: Postfix, gate: Bouncegate, address: Address
) -> None:
    """An administrator looks for queue id, sender and recipient; a client for the reason."""
    locked, other = address("locked"), address("other")
    gate.lock(locked)
    with Client(postfix.port) as client:
        replies = client.deliver(message("News"), SENDER, [locked, other, locked.upper()])
    assert re.fullmatch(
        r"5\.7\.1 Recipient address rejected: locked after an operator's decision "
        r"without end, ref=\d+ \[bouncegate [0-9a-f]{8}\]",
        replies[locked].text,
    )
    postfix.wait_for_log(rf"NOQUEUE: milter-reject: RCPT from .*to=<{re.escape(locked)}>")
    queue_id = postfix.wait_for_log(rf"(\w+): milter-reject: .*to=<{re.escape(locked.upper())}>")[1]
    assert gate.milter is not None
    log = gate.milter.log.read_text()
    for head in ("NOQUEUE", queue_id):
        assert re.search(
            rf"{head}: reject: RCPT from \[127\.0\.0\.1\]: 550 5\.7\.1 <{re.escape(locked)}>: .*; "
            rf"from=<{re.escape(SENDER)}> to=<{re.escape(locked)}> "
            r"reason=operator until=never ref=\d+",
            log,
        )


def test_postfix_sends_the_macros_that_are_asked_for_so_that_rcpt_alone_will_do(
    postfix: Postfix, gate: Bouncegate, address: Address
) -> None:
    """Every other step would cost each message of each sender a write to the milter."""
    assert gate.milter is not None
    gate.milter.stop()
    process = gate.start_milter()
    assert codes(postfix.port, address("reader")) == [250]
    assert "at RCPT: no step before it from now on" in process.log.read_text()


def test_a_percent_sign_in_the_reply_arrives_once(
    postfix: Postfix, gate: Bouncegate, address: Address
) -> None:
    gate.configure({"reply": {"text": "100% locked: {recipient}"}})
    assert gate.milter is not None
    gate.milter.stop()
    gate.start_milter()
    locked = address("50%off")
    gate.lock(locked)
    with Client(postfix.port) as client:
        client.say(f"MAIL FROM:<{SENDER}>")
        text = client.say(f"RCPT TO:<{locked}>").text
        assert text == f"5.7.1 100% locked: {locked} {known_mark(gate.store)}"
    gate.milter.stop()


def test_mail_that_comes_in_is_never_refused(
    postfix: Postfix, gate: Bouncegate, address: Address, changed: Callable[..., None]
) -> None:
    """A stranger's mail to a locked address is not ours to refuse."""
    locked = address("locked")
    gate.lock(locked)
    changed(relay_domains="recipients.example")
    assert codes(postfix.port, locked, client=STRANGER) == [250]
    assert codes(postfix.port, locked) == [550]


def test_a_client_that_has_authenticated_is_ours_wherever_it_is(
    postfix: Postfix, gate: Bouncegate, address: Address, changed: Callable[..., None]
) -> None:
    locked = address("locked")
    gate.lock(locked)
    changed(relay_domains="recipients.example")
    assert codes(postfix.port, locked, client=f"{STRANGER} LOGIN=newsletter") == [550]
    assert codes(postfix.port, locked, client=STRANGER) == [250]


def test_the_submission_service_is_ours_by_its_daemon_name(
    postfix: Postfix, gate: Bouncegate, address: Address, changed: Callable[..., None]
) -> None:
    locked = address("locked")
    gate.lock(locked)
    changed(relay_domains="recipients.example")
    assert codes(postfix.submission_port, locked, client=STRANGER) == [550]


def test_recipients_that_this_machine_delivers_itself_pass(
    postfix: Postfix, gate: Bouncegate, address: Address, changed: Callable[..., None]
) -> None:
    """Also an alias: what becomes of it is decided only after the milter has spoken."""
    here, alias, target = "root@mail.sender.test", address("alias"), address("target")
    alias = alias.replace("recipients.example", "aliases.example")
    gate.lock(here, alias)
    changed(
        virtual_alias_domains="aliases.example",
        virtual_alias_maps=f"inline:{{ {alias}={target} }}",
        local_transport="discard:",
    )
    assert codes(postfix.port, here, alias) == [250, 250]


def test_the_null_sender_always_passes(
    postfix: Postfix, gate: Bouncegate, address: Address
) -> None:
    """A bounce that could not be returned would be lost for good."""
    locked = address("locked")
    gate.lock(locked)
    assert codes(postfix.port, locked, sender="") == [250]
    assert codes(postfix.port, locked) == [550]


def test_postmaster_and_abuse_pass_by_default(
    postfix: Postfix, gate: Bouncegate, address: Address
) -> None:
    domain = address("x").replace("@", ".").replace("_", "-")
    gate.lock(f"@{domain}")
    recipients = (f"postmaster@{domain}", f"Abuse@{domain}", f"anybody@{domain}")
    assert codes(postfix.port, *recipients) == [250, 250, 550]


def test_every_way_to_write_a_locked_address_is_refused(
    postfix: Postfix, gate: Bouncegate, address: Address
) -> None:
    locked = address("ann")
    local = locked.partition("@")[0]
    gate.lock(locked)
    with Client(postfix.port) as client:
        client.say(f"MAIL FROM:<{SENDER}>")
        forms = (
            f"<{locked.upper()}>",
            f" < {locked} >",
            locked,
            f"<{locked}.>",
            f'<"{local}"@recipients.example>',
            f"<@relay.example:{locked}>",
            f"<{locked}> NOTIFY=FAILURE",
        )
        assert [client.say(f"RCPT TO:{form}").code for form in forms] == [550] * len(forms)


def test_addresses_beyond_ascii_are_refused_in_either_form(
    postfix: Postfix, gate: Bouncegate, address: Address
) -> None:
    """With SMTPUTF8 a client may write the domain as it reads or in its A-label form."""
    local = address("jürgen").partition("@")[0]
    gate.lock(f"{local}@bücher.example")
    recipients = (
        f"{local}@bücher.example",
        f"{local.upper()}@xn--bcher-kva.example",
        f"{local}x@bücher.example",
    )
    found = codes(postfix.port, *recipients, options="SMTPUTF8")
    assert found == [550, 550, 250]


def test_observe_refuses_nobody_and_logs_whom_it_would_refuse(
    postfix: Postfix, gate: Bouncegate, address: Address
) -> None:
    locked = address("locked")
    gate.lock(locked)
    gate.configure({"milter": {"mode": "observe"}})
    assert gate.milter is not None
    gate.milter.stop()
    process = gate.start_milter()
    assert codes(postfix.port, locked) == [250]
    assert re.search(rf"would-reject: .* to=<{re.escape(locked)}>", process.log.read_text())
    process.stop()


def test_mail_from_sendmail_is_delivered_and_leaves_nothing_in_the_queue(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    locked, other = address("locked"), address("other")
    gate.lock(locked)
    postfix.sendmail(message("News"), SENDER, [locked, other])
    wait_for_mail(remote, locked, other)
    postfix.wait_until_empty()


def test_mail_from_sendmail_passes_the_milter_where_it_is_asked(
    postfix: Postfix,
    remote: Remote,
    gate: Bouncegate,
    address: Address,
    changed: Callable[..., None],
) -> None:
    """A refusal there would be `can't reject recipient in non-smtpd(8) submission`: a jam."""
    changed(non_smtpd_milters="unix:bouncegate/milter.sock")
    locked, other = address("locked"), address("other")
    gate.lock(locked)
    postfix.sendmail(message("News"), SENDER, [locked, other])
    wait_for_mail(remote, locked, other)
    postfix.wait_until_empty()
    assert postfix.queued() == [], "maildrop included"
    assert "milter configuration error" not in postfix.maillog()


def wait_for_mail(remote: Remote, *recipients: str) -> None:
    """Wait until the remote server has a message for each."""
    wait_for("the mail", lambda: set(recipients) <= set(remote.accepted()))


def test_postfix_goes_on_without_the_milter(
    postfix: Postfix, gate: Bouncegate, address: Address
) -> None:
    """With default_action=accept a dead milter stops nobody's mail."""
    locked = address("locked")
    gate.lock(locked)
    assert gate.milter is not None
    gate.milter.kill()
    assert codes(postfix.port, locked) == [250]
    gate.start_milter()
    assert codes(postfix.port, locked) == [550]


def test_each_message_of_a_session_is_asked_for_anew(
    postfix: Postfix, gate: Bouncegate, address: Address
) -> None:
    """A message that the milter is done with early must not end its watch over the next one."""
    locked, other = address("locked"), address("other")
    gate.lock(locked)
    with Client(postfix.submission_port) as client:
        for _ in range(3):
            replies = client.deliver(message("News"), SENDER, [other, locked])
            assert [replies[to].code for to in (other, locked)] == [250, 550]
    postfix.wait_until_empty()
