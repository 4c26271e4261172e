"""A DSN is never lost and never counted twice, whatever happens to the handler or the store."""

import itertools
import random
import signal
import smtplib
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from bouncegate.config.settings import PolicySettings, StoreSettings
from bouncegate.config.values import Size
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Act
from bouncegate.store.errors import StoreFull
from bouncegate.store.store import Store
from lab.bouncegate import Bouncegate
from lab.folder import Process
from lab.postfix import Postfix
from lab.remote import Remote
from lab.system import SENDER
from lab.waiting import wait_for

Address = Callable[[str], str]

POLICY = Policy(PolicySettings(), ())
UNKNOWN = "550 5.1.1 The email account that you tried to reach does not exist"


def send(postfix: Postfix, recipient: str) -> None:
    replies = postfix.submit(SENDER, [recipient])
    assert replies[recipient].code == 250


DSN = """\
From: MAILER-DAEMON@mail.sender.test
To: bounces@return.sender.test
Subject: Undelivered Mail Returned to Sender
Message-ID: <report.{recipient}>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="part"

--part

The message could not be delivered.

--part
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.sender.test

Final-Recipient: rfc822; {recipient}
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.remote.test
Diagnostic-Code: smtp; {reply}

--part
Content-Type: message/rfc822

From: newsletter@sender.test
Subject: News
Message-ID: <news.{recipient}>

Read on.

--part--
"""


def dsn(recipient: str) -> bytes:
    """A report by the book (RFC 3464) about one recipient."""
    return DSN.format(recipient=recipient, reply=UNKNOWN).encode()


class Delivery(smtplib.LMTP):
    """Postfix's side of a delivery, step by step."""

    def __init__(self, socket: Path, content: bytes) -> None:
        super().__init__(str(socket), timeout=20)
        self._content = content

    def begin(self) -> None:
        """Everything up to the final dot, which is what makes the message received."""
        assert self.ehlo("mail.sender.test")[0] == 250
        assert self.docmd("MAIL", "FROM:<>")[0] == 250
        assert self.docmd("RCPT", f"TO:<{SENDER}>")[0] == 250
        assert self.docmd("DATA")[0] == 354
        self.send(self._content.replace(b"\n", b"\r\n"))

    def end(self) -> None:
        """The final dot; the answer is left unread."""
        self.send(b"\r\n.\r\n")

    def answer(self) -> int:
        """The code of the answer to the message."""
        return self.getreply()[0]


@pytest.fixture
def handler(gate: Bouncegate) -> Iterator[Process]:
    """The return-path handler, to be killed; a stopped one is not left behind."""
    assert gate.return_path is not None
    yield gate.return_path
    if gate.return_path.returncode is None:
        gate.return_path.send_signal(signal.SIGCONT)


def deliver_again(gate: Bouncegate, content: bytes) -> None:
    """What Postfix does with a DSN that nobody acknowledged."""
    gate.start_return_path()
    with Delivery(gate.return_path_socket, content) as delivery:
        delivery.begin()
        delivery.end()
        assert delivery.answer() == 250


def test_a_handler_killed_with_a_message_just_received_loses_nothing(
    gate: Bouncegate, handler: Process, address: Address
) -> None:
    gone = address("gone")
    with Delivery(gate.return_path_socket, dsn(gone)) as delivery:
        delivery.begin()
        handler.send_signal(signal.SIGSTOP)
        delivery.end()
        handler.kill()
        with pytest.raises(smtplib.SMTPServerDisconnected):
            delivery.answer()
    assert gate.show(gone)["state"] == "unknown"
    deliver_again(gate, dsn(gone))
    assert (gate.show(gone)["hard"], gate.show(gone)["locked"]) == (1, True)


def test_a_handler_killed_with_a_message_recorded_but_not_acknowledged_counts_it_once(
    gate: Bouncegate, handler: Process, address: Address
) -> None:
    gone = address("gone")
    with Delivery(gate.return_path_socket, dsn(gone)) as delivery:
        delivery.begin()
        delivery.end()
        wait_for("the lock", lambda: gate.show(gone)["locked"])
        handler.kill()  # the answer was never read: to Postfix it has not come
        delivery.close()
    deliver_again(gate, dsn(gone))
    assert gate.show(gone)["hard"] == 1


@pytest.mark.usefixtures("handler")
def test_a_handler_killed_at_any_moment_counts_each_message_once(
    gate: Bouncegate, address: Address
) -> None:
    """Moments from before the parsing to after the answer; the seed only makes runs alike."""
    moments = random.Random(1)
    for number in range(8):
        gone = address(f"gone{number}")
        assert gate.return_path is not None
        with Delivery(gate.return_path_socket, dsn(gone)) as delivery:
            delivery.begin()
            delivery.end()
            time.sleep(moments.uniform(0, 0.02))
            gate.return_path.kill()
            delivery.close()
        deliver_again(gate, dsn(gone))
        assert (gate.show(gone)["hard"], gate.show(gone)["locked"]) == (1, True)


def test_bounces_that_come_while_the_handler_is_killed_again_and_again_all_count_once(
    postfix: Postfix, remote: Remote, gate: Bouncegate, handler: Process, address: Address
) -> None:
    gone = [address(f"gone{number}") for number in range(30)]
    remote.refuse(dict.fromkeys(gone, UNKNOWN))
    for number, recipient in enumerate(gone):
        send(postfix, recipient)
        if number % 8 == 4:
            assert gate.return_path is not None
            gate.return_path.kill()
            gate.start_return_path()
    postfix.flush()
    postfix.wait_until_empty(40)
    locks = gate.locks()
    assert {recipient: locks[recipient]["hard"] for recipient in gone} == dict.fromkeys(gone, 1)


def test_a_dsn_waits_in_the_queue_while_the_handler_is_down(
    postfix: Postfix, remote: Remote, gate: Bouncegate, handler: Process, address: Address
) -> None:
    gone = address("gone")
    remote.refuse({gone: UNKNOWN})
    handler.stop()
    send(postfix, gone)
    postfix.wait_for_log(rf"to=<{SENDER}>, relay=none, .* status=deferred \(connect to ")
    wait_for(
        "the DSN to be all that is queued",
        lambda: [entry["sender"] for entry in postfix.queued()] == ["MAILER-DAEMON"],
    )
    gate.start_return_path()
    postfix.flush()
    postfix.wait_until_empty()
    assert gate.show(gone)["locked"] is True


def test_a_dsn_that_the_store_cannot_take_is_deferred_and_delivered_later(
    postfix: Postfix, remote: Remote, gate: Bouncegate, handler: Process, address: Address
) -> None:
    gone = address("gone")
    remote.refuse({gone: UNKNOWN})
    handler.stop()
    fill_up(gate)
    full = gate.start_return_path()
    send(postfix, gone)
    postfix.wait_for_log(rf"to=<{SENDER}>, .*status=deferred \(host .* said: 451 4\.3\.0 ")
    full.stop()
    gate.configure({"store": {"path": str(gate.store.with_name("full")), "map_size": "64 MiB"}})
    roomy = gate.start_return_path()
    postfix.flush()
    postfix.wait_until_empty()
    assert gate.show(gone)["locked"] is True
    roomy.stop()  # or it would go on recording there, for the tests that follow


def test_a_full_map_that_is_made_larger_takes_every_bounce_up_by_a_reload(
    postfix: Postfix, remote: Remote, gate: Bouncegate, milter: Process, address: Address
) -> None:
    """No daemon is restarted: an operator would lose the send path's protection for that while."""
    gone = [address(f"gone{number}") for number in range(4)]
    remote.refuse(dict.fromkeys(gone, UNKNOWN))
    assert gate.return_path is not None
    gate.return_path.stop()
    milter.stop()
    fill_up(gate, "grown")
    gate.start()
    for recipient in gone:
        send(postfix, recipient)
    wait_for("each DSN to be deferred", lambda: deferred(postfix) == len(gone))
    gate.configure({"store": {"path": str(gate.store.with_name("grown")), "map_size": "64 MiB"}})
    daemons = [daemon for daemon in (gate.milter, gate.return_path) if daemon is not None]
    for daemon in daemons:
        daemon.send_signal(signal.SIGHUP)
    wait_for("the handler's new settings", lambda: gate.run("lock", address("one")).returncode == 0)
    wait_for("the queue to empty", lambda: emptied(postfix))
    assert [gate.show(recipient)["hard"] for recipient in gone] == [1] * len(gone)
    wait_for("the milter to see it", lambda: refusal(postfix, gone[0]) in (450, 550))
    for daemon in daemons:
        assert daemon.stop() == 0, "the process that was started"


def deferred(postfix: Postfix) -> int:
    """How many DSNs wait because the handler answered 451."""
    told = (str(entry["recipients"]) for entry in postfix.queued())
    return sum("451 4.3.0" in reasons for reasons in told)


def emptied(postfix: Postfix) -> bool:
    postfix.flush()
    return not postfix.queued()


def refusal(postfix: Postfix, recipient: str) -> int:
    return postfix.submit(SENDER, [recipient])[recipient].code


def fill_up(gate: Bouncegate, name: str = "full") -> None:
    """Give Bouncegate a store of its own that is too small, and lock until nothing fits."""
    folder = gate.store.with_name(name)
    folder.mkdir()
    gate.configure({"store": {"path": str(folder), "map_size": "128 KiB"}})
    numbers = itertools.count()
    for portion in (256, 32, 4, 1):
        with (
            suppress(StoreFull),
            closing(Store.open(StoreSettings(path=folder, map_size=Size(2**17)))) as store,
        ):
            while True:
                names = tuple(f"{next(numbers)}@full.example" for _ in range(portion))
                store.act([Act(names, int(time.time()), "lock", by="root")], POLICY.fold)
