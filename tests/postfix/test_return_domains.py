"""Return domains by sender, at a Postfix that runs: out, back, locked; attached and detached."""

import signal
import smtplib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from tests.postfix.site import DOMAIN, SENDER, Site

from lab.folder import LabFolder, Process
from lab.smtp import Client
from lab.waiting import wait_for

UNKNOWN = "550 5.1.1 The email account does not exist"
OF_A, OF_B = "bounces.a.example", "return.b.example"
BY_SENDER = {"news@a.example": OF_A, "shop@b.example": OF_B, SENDER: DOMAIN}
ENTRIES = [
    {"sender_domains": ["a.example"], "domain": OF_A},
    {"sender_domains": ["b.example", "sub.b.example"], "domain": OF_B},
]


def configure(site: Site, entries: Sequence[Mapping[str, object]]) -> None:
    """Both daemons work by the new settings on return."""
    site.gate.configure({"return_path": {"domain": DOMAIN, "sender_dependent": entries}})
    for process in (site.gate.milter, site.gate.return_path):
        assert process is not None
        reload(process)


def reload(process: Process) -> None:
    """All processes are new ones on return: an old worker may take a last connection meanwhile."""
    before, old = process.log.read_text().count("reloaded: "), children_of(process)
    process.send_signal(signal.SIGHUP)
    process.wait_until("it reloads", lambda: process.log.read_text().count("reloaded: ") > before)
    process.wait_until("the old ones end", lambda: not old & children_of(process))


def children_of(process: Process) -> set[str]:
    return set(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())


def send(site: Site, sender: str, recipient: str) -> int:
    return site.postfix.submit(sender, [recipient])[recipient].code


def return_path(site: Site, recipient: str) -> str:
    """The sender with which a message has left."""
    wait_for("the message", lambda: recipient in site.remote.accepted())
    (sent,) = [one for one in site.remote.messages() if recipient in one["recipients"]]
    return str(sent["sender"]).strip("<>")


def bounced_to(site: Site, recipient: str) -> int:
    """What a server elsewhere is answered that bounces to an address."""
    with Client(site.postfix.port) as client:
        client.say("XCLIENT ADDR=192.0.2.7 NAME=mx.stranger.example")
        client.ehlo()
        client.say("MAIL FROM:<>")
        return client.say(f"RCPT TO:<{recipient}>").code


def handed_over(site: Site, recipient: str) -> int:
    """What Postfix, or whoever may use the socket, is answered by the return path."""
    with smtplib.LMTP(str(site.gate.return_path_socket)) as client:
        client.ehlo_or_helo_if_needed()
        client.mail("")
        return client.rcpt(f"<{recipient}>")[0]


@pytest.fixture
def site(folder: LabFolder) -> Site:
    site = Site(folder, chroot=False)
    configure(site, ENTRIES)
    return site


def test_return_domains_take_the_bounces_of_their_senders_which_lock(site: Site) -> None:
    before = site.files()
    first = site.run("enable", "--enforce", "--yes")
    said = first.stdout.decode() + first.stderr.decode()
    assert first.returncode == 0, said
    for domain in (DOMAIN, OF_A, OF_B):
        assert f"probe: return-path: mail to {domain} reaches the return path" in said
        assert f"probe: sender: signed senders below {domain} leave as they are" in said
    status = site.run("status")
    assert status.returncode == 0, status.stdout
    assert b"nothing to change" in site.run("enable", "--enforce").stdout

    gone = {sender: f"gone-of-{domain}@remote.example" for sender, domain in BY_SENDER.items()}
    site.remote.refuse(dict.fromkeys(gone.values(), UNKNOWN))
    for sender, recipient in gone.items():
        assert send(site, sender, recipient) == 250
    site.postfix.wait_until_empty()
    for sender, recipient in gone.items():
        event = rf"to=<b-[a-z2-7]{{56}}@{BY_SENDER[sender]}>, relay=.*return-path.*status=sent"
        site.postfix.wait_for_log(event)
        assert site.gate.show(recipient)["locked"] is True, recipient
        assert send(site, sender, recipient) == 550
    assert sorted(site.sends()) == sorted(gone), "probes are no sends"

    assert site.run("disable", "--yes").returncode == 0
    assert site.files() == before
    assert bounced_to(site, f"postmaster@{OF_A}") in (454, 554), "relaying is denied again"


def test_return_domains_take_tokens_alone_and_other_domains_take_nothing(site: Site) -> None:
    assert site.run("enable", "--enforce", "--yes").returncode == 0
    assert send(site, "news@a.example", "ann@remote.example") == 250
    token, _, domain = return_path(site, "ann@remote.example").partition("@")
    assert domain == OF_A
    forged = token[:-1] + ("a" if token[-1] != "a" else "b")
    for ours in (OF_A, OF_B, DOMAIN):
        # A token names its message, whichever of our domains it comes back to.
        assert (bounced_to(site, f"{token}@{ours}"), handed_over(site, f"{token}@{ours}")) == (
            *(250, 250),
        )
        for local in (forged, "ann"):
            assert bounced_to(site, f"{local}@{ours}") == 550
            assert handed_over(site, f"{local}@{ours}") == 550
    for other in ("bounces.c.example", "a.example", f"sub.{OF_A}"):
        assert bounced_to(site, f"{token}@{other}") in (454, 550, 554)
        assert handed_over(site, f"{token}@{other}") == 550
        assert handed_over(site, f"{token}%{OF_A}@{other}") == 250, "it leads to ours"
    assert send(site, "news@deep.sub.b.example", "bob@remote.example") == 250
    assert return_path(site, "bob@remote.example").endswith(f"@{DOMAIN}"), "it is not listed"


def test_return_domains_that_are_given_up_take_bounces_until_they_are_taken_out(
    site: Site,
) -> None:
    before = site.files()[:-1]
    assert site.run("enable", "--enforce", "--yes").returncode == 0
    send(site, "news@a.example", "ann@remote.example")
    old = return_path(site, "ann@remote.example")

    configure(site, [{"sender_domains": [], "domain": OF_A}, ENTRIES[1]])
    send(site, "news@a.example", "bob@remote.example")
    assert return_path(site, "bob@remote.example").endswith(f"@{DOMAIN}")
    assert (bounced_to(site, old), handed_over(site, old)) == (250, 250)
    assert site.run("status").returncode == 0

    configure(site, ENTRIES[1:])
    assert handed_over(site, old) == 550
    status = site.run("status")
    assert (status.returncode, OF_A.encode() in status.stdout) == (2, True)
    again = site.run("enable", "--enforce", "--yes")
    assert again.returncode == 0, again.stdout
    assert f"note: {OF_A} is removed from Postfix".encode() in again.stdout
    assert site.run("status").returncode == 0
    assert bounced_to(site, old) in (454, 554)

    configure(site, ENTRIES)
    assert site.run("enable", "--enforce", "--yes").returncode == 0
    assert (bounced_to(site, old), handed_over(site, old)) == (250, 250), "it is back"
    assert site.run("disable", "--yes").returncode == 0
    assert site.files()[:-1] == before
