"""The log of a real Postfix: what it tells of deliveries, waiting and bounces counts once."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lab.bouncegate import Bouncegate
from lab.postfix import Postfix
from lab.remote import Remote
from lab.smtp import Client, message
from lab.system import RETURN_DOMAIN, MailSystem
from lab.waiting import wait_for

SENDER = f"bounces@{RETURN_DOMAIN}"
FULL = "452 4.2.2 The mailbox is full"
UNKNOWN = "550 5.1.1 No such user, status=sent (250 Ok)"


@pytest.fixture(scope="module")
def system(can_run_postfix: None) -> Iterator[MailSystem]:
    """A lab that keeps a ledger and reads its log; nothing settles by itself while it waits."""
    with MailSystem() as system:
        system.gate.configure(
            {
                "ledger": {"enabled": True},
                "return_path": {"count": ["signed", "matched"]},
                "dns": {"enabled": False},
                "maillog": {
                    "source": "file",
                    "file": str(system.postfix.log),
                    "own_relays": [],
                    "settling": "0 days",
                    "delayed": "1 second",
                },
            }
        )
        system.start()
        yield system


@pytest.fixture
def gate(system: MailSystem) -> Bouncegate:
    """Bouncegate with the settings of this module."""
    return system.gate


def send(postfix: Postfix, *recipients: str, notify: str = "") -> None:
    """One message; `notify` is what RFC 3461 lets a sender ask for."""
    with Client(postfix.submission_port) as client:
        client.say(f"MAIL FROM:<{SENDER}>")
        for recipient in recipients:
            client.say(f"RCPT TO:<{recipient}> {notify}")
        client.data(message("News").as_bytes())


def maintain(gate: Bouncegate) -> str:
    done = gate.run("maintain", "--once")
    assert done.returncode == 0, done.stderr
    return done.stderr.decode()


def steps(gate: Bouncegate, address: str) -> list[dict[str, Any]]:
    done = gate.run("explain", "--json", address)
    told: list[dict[str, Any]] = json.loads(done.stdout)["steps"]
    return told


def in_log(postfix: Postfix, address: str, outcome: str) -> None:
    postfix.wait_for_log(rf"to=<{address}>.*status={outcome}")


def test_a_bounce_for_which_the_sender_wants_no_dsn_locks_all_the_same(
    postfix: Postfix, remote: Remote, gate: Bouncegate
) -> None:
    remote.refuse({"gone@r.example": UNKNOWN})
    send(postfix, "gone@r.example", "fine@r.example", notify="NOTIFY=NEVER")
    in_log(postfix, "gone@r.example", "bounced")
    in_log(postfix, "fine@r.example", "sent")
    maintain(gate)
    assert gate.show("gone@r.example")["reason"] == "user-unknown"
    assert steps(gate, "fine@r.example") == []


def test_a_bounce_that_a_dsn_told_already_counts_once_and_alike(
    postfix: Postfix, remote: Remote, gate: Bouncegate
) -> None:
    remote.refuse({"dsn@r.example": UNKNOWN})
    send(postfix, "dsn@r.example")
    wait_for("the DSN", lambda: steps(gate, "dsn@r.example"))
    before = steps(gate, "dsn@r.example")
    maintain(gate)
    assert steps(gate, "dsn@r.example") == before


def test_a_delivery_in_between_starts_the_count_anew(
    postfix: Postfix, remote: Remote, gate: Bouncegate
) -> None:
    remote.refuse({"full@r.example": FULL})
    give_up_at_once(postfix)
    send(postfix, "full@r.example")
    wait_for("a soft bounce", lambda: gate.show("full@r.example")["soft_in_row"] == 1)
    remote.refuse({})
    send(postfix, "full@r.example")
    in_log(postfix, "full@r.example", "sent")
    maintain(gate)
    assert gate.show("full@r.example")["soft_in_row"] == 0
    assert steps(gate, "full@r.example")[-1]["what"] == "delivery"


def test_a_message_that_waits_is_shown_and_when_its_time_is_up_it_has_failed(
    postfix: Postfix, remote: Remote, gate: Bouncegate
) -> None:
    remote.refuse({"slow@r.example": FULL})
    postfix.reset("maximal_queue_lifetime", "bounce_queue_lifetime")
    postfix.reload()
    send(postfix, "slow@r.example", notify="NOTIFY=NEVER")
    postfix.wait_for_log(r"(?s)(to=<slow@r.example>.*status=deferred.*){3}")
    maintain(gate)
    (waiting,) = gate.show("slow@r.example")["deferrals"]
    assert waiting["attempts"] >= 3
    assert "The mailbox is full" in waiting["text"]
    assert [step["effect"] for step in steps(gate, "slow@r.example")] == ["no-failure"]
    give_up_at_once(postfix)
    postfix.flush()
    postfix.wait_for_log(r"status=expired, returned to sender")
    postfix.wait_until_empty()
    maintain(gate)
    shown = gate.show("slow@r.example")
    assert (shown["soft_in_row"], shown["deferrals"]) == (1, [])


def test_the_log_is_followed_when_postfix_rotates_it(
    postfix: Postfix, remote: Remote, gate: Bouncegate
) -> None:
    maintain(gate)
    postfix.reset("maximal_queue_lifetime", "bounce_queue_lifetime")
    postfix.reload()
    remote.refuse({f"{n}@r.example": UNKNOWN for n in ("before", "after")})
    send(postfix, "before@r.example", notify="NOTIFY=NEVER")
    in_log(postfix, "before@r.example", "bounced")
    postfix.command("postfix", "-c", postfix.config, "logrotate")
    send(postfix, "after@r.example", notify="NOTIFY=NEVER")
    in_log(postfix, "after@r.example", "bounced")
    assert "to=<before@" not in postfix.maillog()
    maintain(gate)
    assert {"before@r.example", "after@r.example"} <= set(gate.locks())


@pytest.mark.parametrize("zone", ["JST-9", "EST5", "NPT-5:45"])
def test_a_bounce_counts_although_the_log_is_written_in_another_time_zone(
    postfix: Postfix,
    remote: Remote,
    gate: Bouncegate,
    monkeypatch: pytest.MonkeyPatch,
    zone: str,
) -> None:
    address = f"{zone.lower().replace(':', '')}@r.example"
    remote.refuse({address: UNKNOWN})
    send(postfix, address, notify="NOTIFY=NEVER")
    in_log(postfix, address, "bounced")
    monkeypatch.setenv("TZ", zone)
    assert "times without a zone are" in maintain(gate)
    assert gate.show(address)["reason"] == "user-unknown"


def test_a_soft_bounce_is_a_message_that_waits(
    postfix: Postfix, remote: Remote, gate: Bouncegate
) -> None:
    remote.refuse({"softly@r.example": UNKNOWN})
    postfix.set(soft_bounce="yes")
    postfix.reload()
    try:
        send(postfix, "softly@r.example", notify="NOTIFY=NEVER")
        in_log(postfix, "softly@r.example", "(deferred|SOFTBOUNCE)")
        maintain(gate)
        shown = gate.show("softly@r.example")
        assert (shown["hard"], shown["locked"]) == (0, False)
        assert shown["deferrals"][0]["status"] in ("4.1.1", "5.1.1")
    finally:
        postfix.reset("soft_bounce")
        postfix.reload()


def give_up_at_once(postfix: Postfix) -> None:
    postfix.set(maximal_queue_lifetime="1s", bounce_queue_lifetime="1s")
    postfix.reload()
