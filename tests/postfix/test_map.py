"""The second plane on a real Postfix: the map in transport_maps, wherever a message comes from."""

import itertools
import re
import time
from collections.abc import Callable, Iterator

import pytest
from tests.postfix.lines import follow

from bouncegate.store.installationmark import known_mark
from lab.bouncegate import Bouncegate, Sections
from lab.postfix import Postfix
from lab.remote import Remote
from lab.smtp import Client, message
from lab.system import SENDER, MailSystem
from lab.waiting import wait_for

Address = Callable[[str], str]
BUSY = "450 4.2.1 The mailbox is busy, try again later"

_numbers = itertools.count()


@pytest.fixture(scope="module")
def system(can_run_postfix: None) -> Iterator[MailSystem]:
    """A lab with the map attached by the lines of the how-to, in Debian's chroot; no milter."""
    with MailSystem(chroot=True) as system:
        system.attach()
        system.postfix.reset("smtpd_milters")
        system.postfix.set(recipient_delimiter="+")
        follow("Enable the map", system.postfix)
        system.gate.start_return_path()
        system.gate.start_map()
        system.postfix.start()
        yield system


@pytest.fixture
def gate(system: MailSystem) -> Iterator[Bouncegate]:
    """Bouncegate with the lab's own settings and the map running, also after the test."""
    yield system.gate
    system.gate.configure({})
    if system.gate.map is None or system.gate.map.returncode is not None:
        system.gate.start_map()


@pytest.fixture
def address() -> Address:
    number = next(_numbers)
    return lambda local: f"{local}-{number}@mapped.example"


@pytest.fixture
def aliases(postfix: Postfix) -> Iterator[Callable[[dict[str, str]], None]]:
    def use(table: dict[str, str]) -> None:
        postfix.set(virtual_alias_maps=postfix.table("virtual", table))
        postfix.reload()

    yield use
    postfix.reset("virtual_alias_maps")
    postfix.reload()


def codes(postfix: Postfix, *recipients: str, sender: str = SENDER, options: str = "") -> list[int]:
    with Client(postfix.port) as client:
        client.say(f"MAIL FROM:<{sender}> {options}".strip())
        return [client.say(f"RCPT TO:<{recipient}>").code for recipient in recipients]


def notices(gate: Bouncegate) -> list[str]:
    """The log line of each DSN that came to the return path."""
    assert gate.return_path is not None
    text = gate.return_path.log.read_text()
    return [line for line in text.splitlines() if "event=" in line]


def delivered(remote: Remote, *recipients: str) -> bool:
    accepted = remote.accepted()
    return all(accepted.count(recipient) == 1 for recipient in recipients)


def test_smtpd_refuses_a_locked_recipient_at_rcpt_and_takes_the_others(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    locked, other = address("locked"), address("other")
    gate.lock(locked)
    with Client(postfix.port) as client:
        replies = client.deliver(message("News"), SENDER, [locked, other, locked.upper()])
    assert [reply.code for reply in replies.values()] == [550, 250, 550]
    assert re.search(
        r"^5\.7\.1 .*after an operator's decision without end, ref=\d+ "
        r"\[bouncegate [0-9a-f]{8}\]$",
        replies[locked].text,
    )
    postfix.wait_until_empty()
    assert delivered(remote, other)


def test_of_mail_from_sendmail_the_sender_is_told_of_the_locked_one_and_the_rest_is_delivered(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    """A milter could not: cron's mail would jam in maildrop, or bounce for the innocent too."""
    locked, *others = address("locked"), address("one"), address("two")
    sender = address("writer")  # a person, who reads the DSN
    gate.lock(locked)
    postfix.sendmail(message("News"), sender, [others[0], locked, others[1]])
    wait_for("the mail and the DSN", lambda: delivered(remote, *others, sender))
    postfix.wait_until_empty()
    assert locked not in remote.accepted()
    assert list((postfix.queue / "maildrop").iterdir()) == []
    dsn = next(str(m["content"]) for m in remote.messages() if sender in m["recipients"])
    assert re.findall(r"^Final-Recipient: rfc822; (\S+)", dsn, re.MULTILINE) == [locked]
    assert re.search(r"^Status: 5\.7\.1", dsn, re.MULTILINE)
    assert known_mark(gate.store) in dsn


def test_the_dsns_of_our_own_refusals_never_count(
    postfix: Postfix, gate: Bouncegate, address: Address
) -> None:
    """Otherwise a soft lock would renew itself, and a lifted one come back."""
    locked = address("locked")
    gate.lock(locked)
    before = len(notices(gate))
    postfix.sendmail(message("News"), SENDER, [locked])
    line = wait_for("the DSN", lambda: notices(gate)[before:])[0]
    assert f"to=<{locked}>" in line
    assert line.endswith("not counted: own-refusal")
    assert gate.run("unlock", "--yes", "--force", locked).returncode == 0
    shown = gate.show(locked)
    assert (shown["locked"], shown["hard"], shown["soft"]) == (False, 0, 0)


def test_an_alias_that_leads_to_a_locked_address_tells_the_sender_which_alias_it_was(
    postfix: Postfix,
    remote: Remote,
    gate: Bouncegate,
    address: Address,
    aliases: Callable[[dict[str, str]], None],
) -> None:
    """The milter sees the alias alone, which has no lock."""
    alias, locked, other, sender = (address(n) for n in ("alias", "locked", "other", "writer"))
    aliases({alias: f"{locked}, {other}"})
    gate.lock(locked)
    with Client(postfix.port) as client:
        assert client.deliver(message("News"), sender, [alias])[alias].code == 250
    wait_for("the mail and the DSN", lambda: delivered(remote, other, sender))
    dsn = next(str(m["content"]) for m in remote.messages() if sender in m["recipients"])
    assert f"Original-Recipient: rfc822;{alias}" in dsn
    assert f"Final-Recipient: rfc822; {locked}" in dsn
    assert locked not in remote.accepted()


def test_mail_that_waits_in_the_queue_when_the_lock_comes_is_bounced_at_the_next_attempt(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    slow, sender = address("slow"), address("writer")
    remote.refuse({slow: BUSY})
    with Client(postfix.port) as client:
        assert client.deliver(message("News"), sender, [slow])[slow].code == 250
    postfix.wait_for_log(rf"to=<{re.escape(slow)}>, .*status=deferred")
    gate.lock(slow)
    # qmgr(8) remembers the route of the last recipient for 30 s: another one makes it ask anew.
    postfix.sendmail(message("News"), SENDER, [address("other")])
    postfix.flush()
    postfix.wait_for_log(rf"to=<{re.escape(slow)}>, relay=none, .*status=bounced .*\[bouncegate ")
    wait_for("the DSN", lambda: delivered(remote, sender))
    postfix.wait_until_empty()


def test_the_null_sender_is_refused_too_since_no_table_learns_who_sends(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    """The how-to says so: whoever needs such mail to pass uses the milter alone."""
    locked, other = address("locked"), address("other")
    gate.lock(locked)
    assert codes(postfix, locked, other, sender="") == [550, 250]
    postfix.sendmail(message("Notice"), "", [locked, other])
    postfix.wait_for_log(rf"to=<{re.escape(locked)}>, relay=none, .*status=bounced")
    wait_for("the mail", lambda: delivered(remote, other))
    postfix.wait_until_empty()


def test_addresses_beyond_ascii_and_in_quotes_are_refused_in_every_form(
    postfix: Postfix, gate: Bouncegate, address: Address
) -> None:
    local = address("jürgen").partition("@")[0]
    quoted = f'"{local} x"@mapped.example'
    gate.lock(f"{local}@bücher.example", quoted)
    recipients = (
        f"{local}@bücher.example",
        f"{local}@xn--bcher-kva.example",
        quoted,
        f"{local}x@bücher.example",
    )
    assert codes(postfix, *recipients, options="SMTPUTF8") == [550, 550, 550, 250]


def test_an_extension_makes_another_address_as_it_does_for_the_milter(
    postfix: Postfix, gate: Bouncegate, address: Address
) -> None:
    """Postfix must not ask the map for the address without its extension."""
    locked = address("locked")
    gate.lock(locked)
    assert codes(postfix, locked.replace("@", "+news@"), locked) == [250, 550]


def test_a_lock_of_the_domain_holds_but_for_exempt_recipients(
    postfix: Postfix, gate: Bouncegate, address: Address
) -> None:
    domain = address("x").replace("@", ".")
    gate.lock(f"@{domain}")
    recipients = (f"postmaster@{domain}", f"anybody@{domain}", f"anybody@sub.{domain}")
    assert codes(postfix, *recipients) == [250, 550, 250]


def test_domains_of_one_s_own_pass_where_they_are_exempt(
    postfix: Postfix, gate: Bouncegate, address: Address
) -> None:
    """An entry for a domain before the map is no way around it: the how-to says what is."""
    locked = address("locked").replace("mapped.example", "own.example")
    again, other = locked.replace("locked", "again"), locked.replace("locked", "other")
    gate.lock(locked, again, other)
    before = postfix.command("postconf", "-c", postfix.config, "-h", "transport_maps").strip()
    try:
        postfix.set(transport_maps=f"inline:{{ own.example=discard: }} {before}")
        postfix.reload()
        assert codes(postfix, locked) == [550]
        pattern = postfix.table("own", {r"/@own\.example$/": "discard:"})
        postfix.set(transport_maps=f"{pattern.replace('texthash:', 'regexp:')} {before}")
        postfix.reload()
        assert codes(postfix, again) == [250]
    finally:
        postfix.set(transport_maps=before)
        postfix.reload()
    restart(gate, {"exempt": {"recipients": ["@own.example"]}})
    assert codes(postfix, other) == [250]
    restart(gate, {})


def test_observe_refuses_nobody(postfix: Postfix, gate: Bouncegate, address: Address) -> None:
    locked, again = address("locked"), address("again")
    gate.lock(locked, again)
    restart(gate, {"milter": {"mode": "observe"}})
    assert codes(postfix, locked) == [250]
    assert gate.map is not None
    assert re.search(rf"would-reject: .* to=<{re.escape(locked)}>", gate.map.log.read_text())
    restart(gate, {})
    # Not the same: smtpd(8) remembers the route of the last recipient for 30 s.
    assert codes(postfix, again) == [550]


def restart(gate: Bouncegate, sections: Sections) -> None:
    assert gate.map is not None
    gate.map.stop()
    gate.configure(sections)
    gate.start_map()


@pytest.mark.parametrize(("on_error", "code"), [("accept", 250), ("tempfail", 451)])
def test_without_a_store_on_error_decides_whether_mail_flows(
    postfix: Postfix, gate: Bouncegate, address: Address, on_error: str, code: int
) -> None:
    sections = {"store": {"path": "/nonexistent"}, "milter": {"on_error": on_error}}
    restart(gate, sections)
    assert codes(postfix, address("anybody")) == [code]
    assert gate.map is not None
    assert f"answered: {on_error}" in gate.map.log.read_text()
    restart(gate, {})


def test_while_the_map_is_dead_mail_waits_and_is_delivered_when_it_is_back(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    """A table that cannot be asked is temporary to Postfix: nothing is lost, and nothing sent."""
    other = address("other")
    assert gate.map is not None
    gate.map.kill()
    assert codes(postfix, other) == [451]
    postfix.sendmail(message("News"), SENDER, [other])
    wait_for("it to be in the queue", postfix.queued)
    time.sleep(0.5)
    assert other not in remote.accepted()
    gate.start_map()
    wait_for("the mail", lambda: delivered(remote, other), 90.0)
    postfix.wait_until_empty()


def test_the_lines_that_detach_it_leave_what_was_set_before(
    postfix: Postfix, gate: Bouncegate, address: Address
) -> None:
    locked = address("locked")
    gate.lock(locked)
    ask = ("postconf", "-c", postfix.config, "-h", "transport_maps")
    attached = postfix.command(*ask).strip()
    follow("Disable the map", postfix)
    postfix.reload()
    assert postfix.command(*ask).strip() == attached.partition(" socketmap:")[0]
    assert codes(postfix, locked) == [250]
    follow("Enable the map", postfix)
    postfix.reload()
    assert postfix.command(*ask).strip() == attached


def test_with_both_planes_the_map_answers_first_and_the_milter_lets_pass_what_it_has_refused(
    postfix: Postfix, gate: Bouncegate, address: Address
) -> None:
    """smtpd(8) routes a recipient before it asks a milter; the client is told the same."""
    locked, other = address("locked"), address("other")
    gate.lock(locked)
    gate.start_milter()
    postfix.set(smtpd_milters="unix:bouncegate/milter.sock")
    postfix.reload()
    assert codes(postfix, locked, other) == [550, 250]
    postfix.reset("smtpd_milters")
    postfix.reload()
    assert gate.milter is not None
    gate.milter.stop()
    assert gate.map is not None
    assert f"to=<{locked}>" not in gate.milter.log.read_text()
    assert f"to=<{locked}>" in gate.map.log.read_text()
