"""Mail for postmaster and abuse of the return domain reaches a person, whatever way it comes."""

import itertools
from collections.abc import Iterator

import pytest

from lab.bouncegate import Bouncegate
from lab.postfix import HOSTNAME, Postfix
from lab.remote import Remote
from lab.smtp import Client, message
from lab.system import RETURN_DOMAIN, MailSystem
from lab.waiting import wait_for

PERSON = "ann@office.example"
_numbers = itertools.count()


@pytest.fixture(scope="module")
def system(can_run_postfix: None) -> Iterator[MailSystem]:
    """A lab that signs, and whose postmaster is read elsewhere."""
    with MailSystem(sections={"return_path": {"domain": RETURN_DOMAIN}}) as system:
        aliases = {f"postmaster@{HOSTNAME}": PERSON}
        system.postfix.set(
            virtual_alias_maps=system.postfix.table("aliases", aliases),
            relay_domains=RETURN_DOMAIN,
            non_smtpd_milters="unix:bouncegate/milter.sock",
        )
        system.start()
        yield system


@pytest.fixture
def gate(system: MailSystem) -> Bouncegate:
    """Bouncegate with the settings of this module."""
    return system.gate


@pytest.fixture
def subject() -> str:
    return f"Spam from your host, case {next(_numbers)}"


def came(remote: Remote, subject: str) -> list[tuple[str, list[str]]]:
    """Sender and recipients of what has reached another machine."""
    told = [mail for mail in remote.messages() if subject in mail["content"]]
    return [(mail["sender"], mail["recipients"]) for mail in told]


@pytest.mark.parametrize("local", ["abuse", "Postmaster", '"postmaster"'])
@pytest.mark.parametrize("sender", ["desk@provider.example", ""])
def test_postmaster_mail_from_elsewhere_reaches_the_postmaster_of_this_machine(
    postfix: Postfix, remote: Remote, subject: str, local: str, sender: str
) -> None:
    to = f"{local}@{RETURN_DOMAIN}"
    with Client(postfix.port) as client:
        client.say("XCLIENT ADDR=192.0.2.25 NAME=mx.provider.example")
        client.ehlo()
        assert client.deliver(message(subject), sender, [to])[to].code == 250
        assert client.dialogue[-1].code == 250
    wait_for("the person's copy", lambda: came(remote, subject))
    postfix.wait_until_empty()
    ((_, recipients),) = came(remote, subject)
    assert recipients == [PERSON]


def test_postmaster_mail_keeps_its_sender_and_its_other_recipients(
    postfix: Postfix, remote: Remote, gate: Bouncegate, subject: str
) -> None:
    sender, other = "desk@provider.example", "ben@elsewhere.example"
    gate.configure(
        {
            "return_path": {"domain": RETURN_DOMAIN, "postmaster": "carl@office.example"},
            "outbound": {"networks": ["192.0.2.0/24"]},
        }
    )
    gate.stop()
    gate.start()
    with Client(postfix.port) as client:
        client.deliver(message(subject), sender, [f"abuse@{RETURN_DOMAIN}", other])
    wait_for(
        "both copies", lambda: len({to for _, tos in came(remote, subject) for to in tos}) == 2
    )
    postfix.wait_until_empty()
    told = came(remote, subject)
    assert {name for name, _ in told} == {sender}
    assert sorted(to for _, tos in told for to in tos) == [other, "carl@office.example"]


@pytest.mark.parametrize(
    "written",
    [
        f"abuse@{RETURN_DOMAIN}",
        f"abuse@{RETURN_DOMAIN}.",
        f'(spam) "Abuse"@{RETURN_DOMAIN.upper()}.',
        f"{RETURN_DOMAIN}!abuse",
        f"abuse%{RETURN_DOMAIN}",
    ],
)
def test_postmaster_mail_from_sendmail_reaches_a_person_too(
    postfix: Postfix, remote: Remote, subject: str, written: str
) -> None:
    postfix.sendmail(message(subject), "root@sender.test", [written])
    wait_for("the person's copy", lambda: came(remote, subject))
    postfix.wait_until_empty()
    assert len(came(remote, subject)) == 1


def test_postmaster_mail_that_no_milter_has_seen_waits_in_the_queue(
    postfix: Postfix, subject: str
) -> None:
    """It is neither thrown away nor taken for a bounce, and the log says what is wrong."""
    postfix.set(non_smtpd_milters="")
    postfix.reload()
    try:
        postfix.sendmail(message(subject), "", [f"postmaster@{RETURN_DOMAIN}"])
        postfix.wait_for_log(
            rf"to=<postmaster@{RETURN_DOMAIN}>.*status=deferred .*451 4.3.5 Mail for a person"
        )
        assert postfix.queued()
    finally:
        postfix.command("postsuper", "-c", postfix.config, "-d", "ALL")
        postfix.set(non_smtpd_milters="unix:bouncegate/milter.sock")
        postfix.reload()
