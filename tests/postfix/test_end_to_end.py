"""From a bounce to a refusal on a real Postfix, and what one bounce does not do."""

import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.bouncegate import Bouncegate
from lab.postfix import Postfix
from lab.remote import Remote
from lab.smtp import Exchange
from lab.system import SENDER

Address = Callable[[str], str]

UNKNOWN = "550 5.1.1 The email account that you tried to reach does not exist"
FULL = "552 5.2.2 Requested mail action aborted: exceeded storage allocation"


def send(postfix: Postfix, *recipients: str) -> dict[str, Exchange]:
    return postfix.submit(SENDER, recipients)


def codes(replies: dict[str, Exchange]) -> dict[str, int]:
    return {to: reply.code for to, reply in replies.items()}


@pytest.mark.usefixtures("milter", "return_path")
def test_a_bounce_locks_its_address_and_the_next_send_is_refused_at_rcpt(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    gone = address("gone")
    remote.refuse({gone: UNKNOWN})
    assert codes(send(postfix, gone)) == {gone: 250}
    postfix.wait_until_empty()

    shown = gate.show(gone)
    assert shown["locked"] is True
    assert (shown["kind"], shown["category"], shown["reason"]) == (
        "hard",
        "address",
        "user-unknown",
    )
    assert (shown["hard"], shown["soft"], shown["origin"]) == (1, 0, "automatic")

    reply = send(postfix, gone)[gone]
    assert reply.code == 550
    until = shown["until"].partition("T")[0]
    assert re.match(rf"5\.1\.1 .*hard bounce \(address, user-unknown\) until {until}", reply.text)
    postfix.wait_for_log(rf"milter-reject: RCPT from .*to=<{re.escape(gone)}>")


@pytest.mark.usefixtures("milter", "return_path")
def test_one_bounce_of_five_recipients_hurts_only_the_one(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    gone = address("gone")
    others = [address(f"reader{number}") for number in range(4)]
    remote.refuse({gone: UNKNOWN})
    send(postfix, gone, *others)
    postfix.wait_until_empty()
    assert [entry for entry in gate.locks() if entry in {gone, *others}] == [gone]
    assert gate.show(others[0])["state"] == "unknown"

    assert codes(send(postfix, gone, *others)) == {gone: 550, **dict.fromkeys(others, 250)}
    postfix.wait_until_empty()
    assert [remote.accepted().count(other) for other in others] == [2, 2, 2, 2]


@pytest.mark.usefixtures("milter", "return_path")
def test_several_bounces_in_one_dsn_each_count_for_their_own_recipient(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    gone, full = address("gone"), address("full")
    remote.refuse({gone: UNKNOWN, full: FULL})
    send(postfix, gone, full)
    postfix.wait_until_empty()
    assert (gate.show(gone)["hard"], gate.show(gone)["soft"]) == (1, 0)
    assert (gate.show(full)["hard"], gate.show(full)["soft"]) == (0, 1)


@pytest.mark.usefixtures("milter", "return_path")
def test_a_full_mailbox_is_mailed_until_its_third_bounce_in_a_row(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    full = address("full")
    remote.refuse({full: FULL})
    for count in (1, 2, 3):
        assert codes(send(postfix, full)) == {full: 250}
        postfix.wait_until_empty()
        assert gate.show(full)["soft"] == count
        assert gate.show(full)["locked"] == (count == 3)
    assert codes(send(postfix, full)) == {full: 550}


@pytest.mark.usefixtures("milter", "return_path")
def test_an_alias_that_bounces_behind_us_locks_the_address_that_was_mailed(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    """Who mails the alias again would otherwise never learn that it is dead."""
    alias, target = address("alias"), address("target")
    postfix.set(virtual_alias_maps=postfix.table("virtual", {alias: target}))
    postfix.reload()
    remote.refuse({target: UNKNOWN})
    send(postfix, alias)
    postfix.wait_until_empty()
    assert gate.show(alias)["locked"] is True


@pytest.mark.usefixtures("milter", "return_path")
def test_what_the_milter_refused_is_never_counted_as_a_bounce(
    postfix: Postfix, remote: Remote, gate: Bouncegate, address: Address
) -> None:
    """The refused program may be a mail server, which writes a DSN about our own refusal."""
    gone = address("gone")
    remote.refuse({gone: UNKNOWN})
    send(postfix, gone)
    postfix.wait_until_empty()
    refusal = send(postfix, gone)[gone]
    assert refusal.code == 550

    other = address("other")
    remote.refuse({other: f"{refusal.code} {refusal.text}"})
    send(postfix, other)
    postfix.wait_until_empty()
    assert gate.show(other)["locked"] is False


@pytest.mark.usefixtures("milter", "return_path")
def test_only_postfix_can_reach_the_sockets(gate: Bouncegate) -> None:
    for path in (gate.milter_socket, gate.return_path_socket):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert path.group() == "postfix"
    assert stat.S_IMODE(Path(gate.milter_socket).parent.stat().st_mode) == 0o2750
