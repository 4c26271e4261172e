"""A copy of inbound mail, sent to the return path by Postfix, is a sign of life of its author."""

import json
import sys
from collections.abc import Iterator
from email.utils import formatdate
from typing import Final, NamedTuple

import pytest

from bouncegate.config.loading import load
from bouncegate.store.alive import mailbox_of
from lab.bouncegate import Bouncegate
from lab.folder import ROOT
from lab.postfix import HOSTNAME, Postfix
from lab.remote import Remote
from lab.smtp import Client, message
from lab.system import RETURN_DOMAIN, MailSystem
from lab.waiting import wait_for

ANSWERS: Final = f"answers@{HOSTNAME}"
FORGED: Final = f"Authentication-Results: {HOSTNAME}; dmarc=pass header.from="


class Site(NamedTuple):
    """A lab, and the address at which copies of the answers come in."""

    system: MailSystem
    copies_to: str


@pytest.fixture(scope="module")
def site(can_run_postfix: None) -> Iterator[Site]:
    """A lab that signs, whose filter says that mail from example.com passes."""
    with MailSystem() as system:
        postfix = system.postfix
        sections: dict[str, dict[str, object]] = {
            "return_path": {"domain": RETURN_DOMAIN},
            "policy.soft": {"failures": 1},
            "alive": {"authserv_ids": [HOSTNAME]},
            "local": {"server": f"inet:127.0.0.1:{postfix.port}"},
        }
        system.gate.configure(sections)
        copies_to = f"{mailbox_of(load(system.gate.config))}@{RETURN_DOMAIN}"
        postfix.set(
            recipient_bcc_maps=postfix.table("copies", {ANSWERS: copies_to}),
            relay_domains=RETURN_DOMAIN,
            mailbox_transport="discard:",
        )
        system.start()
        socket = postfix.queue / "bouncegate" / "filter.sock"
        argv = [sys.executable, "-m", "lab.filter", str(socket), HOSTNAME, "example.com"]
        system.folder.start("filter", argv, PYTHONPATH=str(ROOT)).wait_until(
            "it listens", socket.exists
        )
        yield Site(system, copies_to)


@pytest.fixture
def system(site: Site) -> MailSystem:
    return site.system


@pytest.fixture
def gate(system: MailSystem) -> Bouncegate:
    """Bouncegate with the settings of this module."""
    return system.gate


FILTERED: Final = "unix:bouncegate/milter.sock unix:bouncegate/filter.sock"
UNFILTERED: Final = "unix:bouncegate/milter.sock"


@pytest.fixture
def filtered(postfix: Postfix, gate: Bouncegate) -> None:
    """The filter sees all mail, and that it removes forged results is proven."""
    let_through(postfix, FILTERED)
    assert doctor(gate)["alive"] == "ok"


def let_through(postfix: Postfix, milters: str) -> None:
    postfix.set(smtpd_milters=milters)
    postfix.reload()


def doctor(gate: Bouncegate) -> dict[str, str]:
    """The worst that each check has found."""
    order = ["ok", "note", "warning", "error"]
    worst: dict[str, str] = {}
    for line in gate.run("doctor", "--json").stdout.splitlines():
        told = json.loads(line)
        if "copies of mail are accepted at" not in told["text"]:
            known = worst.get(told["check"], "ok")
            worst[told["check"]] = max(known, told["severity"], key=order.index)
    return worst


def lock(postfix: Postfix, remote: Remote, gate: Bouncegate, who: str) -> None:
    """A mailing comes back: the mailbox is full."""
    remote.refuse({who: "552 5.2.2 The mailbox is full"})
    postfix.submit("news@sender.test", [who])
    wait_for("a soft lock", lambda: gate.show(who)["locked"])


def answer(site: Site, who: str, *extra: str) -> None:
    """Somebody writes, and his copy has been looked at."""
    mail = message("Re: News", "Thank you!\n", f"<{who}>")
    mail.replace_header("From", f"Ann <{who}>")
    mail["Date"] = formatdate()
    raw = b"".join(f"{field}\r\n".encode() for field in extra) + bytes(mail)
    postfix = site.system.postfix
    with Client(postfix.port) as client:
        assert client.sendmail(who, [ANSWERS], raw) == {}
    postfix.wait_for_log(rf"to=<{site.copies_to}>.*status=sent \(250 2.0.0 Heard\)")
    postfix.wait_until_empty()


@pytest.mark.usefixtures("filtered")
def test_alive_frees_who_answers(
    site: Site, postfix: Postfix, remote: Remote, gate: Bouncegate
) -> None:
    lock(postfix, remote, gate, "ann@example.com")
    answer(site, "ann@example.com")
    shown = gate.show("ann@example.com")
    assert (shown["locked"], shown["soft_in_row"]) == (False, 0)


@pytest.mark.usefixtures("filtered")
@pytest.mark.parametrize(
    ("who", "field"),
    [
        ("bob@example.net", ""),
        ("cid@example.net", f"{FORGED}example.net"),
        ("dan@example.net", f"Received: from a by b; today\r\n{FORGED}example.net"),
        ("eve@example.com", "Auto-Submitted: auto-replied"),
    ],
)
def test_alive_leaves_locked_who_proves_nothing(
    site: Site, remote: Remote, gate: Bouncegate, who: str, field: str
) -> None:
    lock(site.system.postfix, remote, gate, who)
    answer(site, who, *filter(None, [field]))
    assert gate.show(who)["locked"] is True


def test_alive_is_off_where_no_filter_takes_forged_results_out(
    site: Site, postfix: Postfix, remote: Remote, gate: Bouncegate
) -> None:
    let_through(postfix, FILTERED)
    assert doctor(gate)["alive"] == "ok"
    let_through(postfix, UNFILTERED)
    assert doctor(gate)["alive"] == "warning", "and the earlier proof holds no more"
    checked = gate.run("check-config")
    assert (checked.returncode, b"no mail is a sign of life" in checked.stdout) == (0, True)
    who = "fay@example.org"
    lock(postfix, remote, gate, who)
    answer(site, who, f"{FORGED}example.org")
    assert gate.show(who)["locked"] is True


def test_alive_can_rely_on_header_checks_of_postfix(postfix: Postfix, gate: Bouncegate) -> None:
    """They are asked before a milter adds its own field."""
    checks = postfix.base / "header_checks"
    checks.write_text(f"/^Authentication-Results:.*{HOSTNAME}/ IGNORE\n")
    let_through(postfix, UNFILTERED)
    assert doctor(gate)["alive"] == "warning"
    postfix.set(header_checks=f"regexp:{checks}")
    postfix.reload()
    try:
        assert doctor(gate)["alive"] == "ok"
    finally:
        postfix.set(header_checks="")
        postfix.reload()


@pytest.mark.usefixtures("filtered")
def test_alive_copies_come_from_postfix_alone(site: Site, postfix: Postfix) -> None:
    """No client may send to the address of the copies, nor to one that looks like it."""
    addresses = [site.copies_to, f"{site.copies_to}.", f"alive@{RETURN_DOMAIN}"]
    with Client(postfix.port) as client:
        replies = client.deliver(message("Hello"), "ann@example.com", addresses)
    assert [replies[address].code for address in addresses] == [550] * 3
    postfix.sendmail(message("Hello"), "ann@example.com", [f"alive@{RETURN_DOMAIN}"])
    postfix.wait_for_log(rf"to=<alive@{RETURN_DOMAIN}>.*status=bounced .*550 5.7.1 Not a return")
