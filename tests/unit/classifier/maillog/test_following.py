"""Following the log: deliveries that end a streak, bounces without a DSN, deferred messages."""

import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import closing
from datetime import UTC
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace
from tests.unit.classifier.maillog.site import (
    ANN,
    BOB,
    DAY,
    FULL,
    HOUR,
    LIST,
    NOW,
    POLICY,
    UNKNOWN,
    Site,
    expired,
    head,
    line,
)
from tests.unit.store.bounces import bounce_of

from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.maillog.files import LogFile
from bouncegate.classifier.maillog.inspection import Inspection
from bouncegate.classifier.maillog.interpreter import Interpreter
from bouncegate.classifier.maillog.line import Line, Parser
from bouncegate.classifier.maillog.source import Read
from bouncegate.classifier.report import Report
from bouncegate.config.taxonomy import Kind, Reason
from bouncegate.policy.records import Delivered, Event
from bouncegate.store.deliverylog import Bounced, DeliveryLog, Step
from bouncegate.store.entry import QueueState, Sent
from bouncegate.store.errors import StoreError
from bouncegate.store.recording import Bounce

ROOT = Path(__file__).resolve().parents[4]


def twice_full(site: Site) -> None:
    """Two consecutive soft failures for Ann; a third would lock."""
    for number, day in ((1, -4), (2, -2)):
        site.full(site.sent(number, ANN, time=NOW + day * DAY))
    assert site.state().soft_in_row == 2


# -- sent ------------------------------------------------------------------------------------


def test_a_message_that_arrived_ends_the_row_of_failures(site: Site) -> None:
    twice_full(site)
    site.write(line(site.sent(3, ANN), "sent"))
    assert site.run(NOW + DAY + 5).delivered == 1
    assert site.state().soft_in_row == 0
    assert site.entries()[-1] == Delivered((ANN,), NOW + DAY + 5, NOW, "log")


def test_of_an_address_without_failures_nothing_is_written(site: Site) -> None:
    """The journal is append-only, so it must not grow with every mail."""
    site.write(line(site.sent(1, ANN), "sent"))
    site.run()
    assert site.entries() == []
    assert site.store.addresses.get(ANN) is None


def test_what_was_accepted_and_bounced_later_was_no_delivery(site: Site) -> None:
    """Otherwise no address is ever locked whose server accepts all mail and bounces it later."""
    twice_full(site)
    sent = site.sent(3, ANN)
    site.write(line(sent, "sent"))
    assert site.run(NOW + HOUR).delivered == 0
    site.full(sent)
    assert site.run(NOW + 2 * DAY).delivered == 0
    assert site.state().soft_in_row == 3


@pytest.mark.parametrize(
    ("program", "relay"),
    [
        ("smtp", "127.0.0.1[127.0.0.1]:10024"),
        ("lmtp", "mail.s.test[private/dovecot-lmtp]"),
        ("local", "local"),
        ("pipe", "filter"),
        ("discard", "none"),
    ],
)
def test_what_stays_on_this_machine_proves_no_delivery(
    site: Site, program: str, relay: str
) -> None:
    """A content filter accepts every message."""
    twice_full(site)
    site.write(line(site.sent(3, ANN), "sent", program=program, relay=relay))
    assert site.run(NOW + 2 * DAY).delivered == 0
    assert site.state().soft_in_row == 2


def test_a_message_that_the_ledger_does_not_know_proves_nothing(site: Site) -> None:
    twice_full(site)
    site.write(line("STRANGE0001", "sent"), line("STRANGE0001", "bounced", UNKNOWN))
    assert site.run(NOW + 2 * DAY).lines == 2
    assert site.state().soft_in_row == 2
    assert site.state().lock is None


def test_a_recipient_to_whom_the_message_was_not_sent_is_left_alone(site: Site) -> None:
    """Knowledge of a queue id must not allow to lock any address; blind copies do not count."""
    site.write(line(site.sent(1, ANN), "bounced", UNKNOWN, BOB))
    site.run()
    assert site.entries(BOB) == []
    assert site.entries(ANN) == []


def test_a_queue_id_that_comes_again_is_the_message_that_has_it_now(site: Site) -> None:
    """The short form is made of the file's number and the microsecond."""
    follower = site.follower()
    site.write(line(site.sent(1, ANN), "deferred", FULL))
    follower.run(NOW + HOUR, threading.Event())
    site.sent(1, BOB, time=NOW + DAY)
    site.write(line("QUEUE0000001", "bounced", UNKNOWN, BOB, at=NOW + DAY + 5))
    follower.run(NOW + DAY + HOUR, threading.Event())
    assert site.state(BOB).hard == 1


# -- bounced ---------------------------------------------------------------------------------


def test_a_bounce_counts_without_a_dsn(site: Site) -> None:
    site.write(line(site.sent(1, ANN, BOB), "bounced", UNKNOWN))
    site.run()
    (event,) = site.entries()
    assert isinstance(event, Event)
    assert (event.kind, event.reason, event.trust) == (Kind.HARD, Reason.USER_UNKNOWN, "matched")
    assert (event.time, event.sent, event.status) == (NOW + 5, NOW, "5.1.1")
    assert event.remote_mta == "mx.r.example"
    assert site.state().lock is not None
    assert site.entries(BOB) == []


@pytest.mark.parametrize("dsn_first", [True, False])
def test_dsn_and_line_about_one_failure_count_once(site: Site, dsn_first: bool) -> None:
    sent = site.sent(1, ANN)
    site.write(line(sent, "bounced", FULL))
    if dsn_first:
        site.full(sent)
    site.run()
    site.full(sent)
    assert site.state().soft == 1
    assert len(site.entries()) == 1


def of_list(member: str) -> str:
    return f"{member}>, orig_to=<{LIST}"


def active(sent: Sent, count: int, at: int = NOW + 1) -> str:
    """The line that qmgr(8) logs when it activates a message."""
    said = f"{sent.queue_id}: from=<{sent.sender}>, size=540, nrcpt={count} (queue active)"
    return f"{head(at, 'qmgr')}{said}"


def test_alias_of_which_one_member_fails_does_not_fail_itself(site: Site) -> None:
    sent = site.sent(1, LIST)
    bounced = line(sent, "bounced", UNKNOWN, of_list(ANN))
    site.write(active(sent, 2), bounced, line(sent, "sent", to=of_list(BOB)))
    site.run()
    assert (site.state(ANN).hard, site.state(LIST).hard) == (1, 0)
    (told,) = site.entries(LIST)
    assert isinstance(told, Event)
    assert (told.kind, told.action, told.final_recipient) == (Kind.NONE, "expanded", ANN)


def test_alias_fails_when_all_that_it_expands_to_has_failed(site: Site) -> None:
    sent = site.sent(1, LIST)
    failed = [line(sent, "bounced", UNKNOWN, of_list(to)) for to in (ANN, BOB)]
    site.write(active(sent, 2), *failed)
    site.run()
    assert [site.state(to).hard for to in (ANN, BOB, LIST)] == [1, 1, 1]


def test_alias_of_one_member_fails_with_it_and_not_with_what_is_left_in_the_queue(
    site: Site,
) -> None:
    sent, later = site.sent(1, LIST), site.sent(2, LIST, time=NOW + HOUR)
    site.write(
        active(sent, 1),
        line(sent, "bounced", UNKNOWN, of_list(ANN)),
        active(later, 3, NOW + HOUR),
        line(later, "deferred", FULL, of_list(BOB), at=NOW + HOUR),
        active(later, 1, NOW + 2 * HOUR),
        line(later, "bounced", UNKNOWN, of_list(BOB), at=NOW + 2 * HOUR),
    )
    site.run()
    assert [site.state(to).hard for to in (ANN, BOB, LIST)] == [1, 1, 1]


def test_alias_of_which_the_expansion_is_not_known_does_not_fail(site: Site) -> None:
    site.write(line(site.sent(1, LIST), "bounced", UNKNOWN, of_list(ANN)))
    several = site.sent(2, LIST, BOB)
    site.write(active(several, 2), line(several, "bounced", UNKNOWN, of_list(ANN)))
    site.run()
    assert (site.state(ANN).hard, site.state(LIST).hard) == (2, 0)


def test_alias_delivers_to_its_members(site: Site) -> None:
    twice_full(site)
    site.write(line(site.sent(3, LIST), "sent", to=of_list(ANN)))
    site.run(NOW + DAY + 5)
    assert site.state().soft_in_row == 0


def test_our_own_refusal_is_no_evidence(site: Site) -> None:
    text = "Recipient address rejected: locked after a hard bounce [bouncegate 01234567]"
    site.write(line(site.sent(1, ANN), "bounced", text, relay="none", program="error"))
    site.run()
    (event,) = site.entries()
    assert isinstance(event, Event)
    assert event.reason is Reason.OWN_REFUSAL
    assert site.state().hard == 0


def test_what_is_not_to_count_does_not(site: Site) -> None:
    site.write(line(site.sent(1, ANN), "bounced", UNKNOWN))
    site.run(count=("sent", "expired"))
    assert site.entries() == []


# -- deferred --------------------------------------------------------------------------------


def test_how_often_and_why_a_message_is_deferred_is_known_and_no_entry(site: Site) -> None:
    sent = site.sent(1, ANN, BOB)
    site.write(*(line(sent, "deferred", FULL, at=NOW + n * 600) for n in range(1, 4)))
    site.run()
    (deferral,) = site.store.deliverylog.deferrals(ANN)
    assert (deferral.attempts, deferral.first, deferral.last) == (3, NOW + 600, NOW + 1800)
    assert (deferral.sent, deferral.status, deferral.text) == (NOW, "4.2.2", FULL)
    assert site.entries() == []
    assert site.store.deliverylog.deferrals(BOB) == []


def test_a_delay_of_hours_is_one_entry_that_counts_for_nothing(site: Site) -> None:
    sent = site.sent(1, ANN)
    site.write(*(line(sent, "deferred", FULL, at=NOW + n * HOUR) for n in range(1, 9)))
    site.run()
    (event,) = site.entries()
    assert isinstance(event, Event)
    assert (event.action, event.kind, event.time) == ("delayed", Kind.NONE, NOW + 4 * HOUR)
    assert site.state().soft == 0


@pytest.mark.parametrize("outcome", ["sent", "bounced"])
def test_a_message_that_is_done_with_waits_no_longer(site: Site, outcome: str) -> None:
    sent = site.sent(1, ANN)
    site.write(line(sent, "deferred", FULL), line(sent, outcome, UNKNOWN))
    site.run()
    assert site.store.deliverylog.deferrals(ANN) == []


def test_a_message_that_an_operator_deletes_waits_no_longer(site: Site) -> None:
    sent = site.sent(1, ANN)
    site.write(
        line(sent, "deferred", FULL), f"{head(NOW + 9, 'postsuper')}{sent.queue_id}: removed"
    )
    site.run()
    assert site.store.deliverylog.deferrals(ANN) == []
    assert site.entries() == []


def test_a_message_that_was_deferred_until_it_expired_is_a_failure(site: Site) -> None:
    """There is no DSN about it if the sender requests none."""
    sent = site.sent(1, ANN, BOB)
    site.write(
        line(sent, "sent", to=BOB),
        line(sent, "deferred", "connect to mx.r.example[192.0.2.1]:25: Connection timed out"),
        expired(sent, NOW + 5 * DAY),
    )
    site.run(NOW + 6 * DAY)
    (event,) = site.entries()
    assert isinstance(event, Event)
    assert (event.kind, event.action, event.time) == (Kind.SOFT, "failed", NOW + 5 * DAY)
    assert site.state().soft_in_row == 1
    assert site.entries(BOB) == []
    assert site.store.deliverylog.deferrals(ANN) == []


def test_what_left_the_queue_unseen_is_forgotten(site: Site) -> None:
    site.write(line(site.sent(1, ANN), "deferred", FULL))
    site.run()
    site.run(NOW + 11 * DAY)
    assert site.store.deliverylog.deferrals(ANN) == []


# -- runs ------------------------------------------------------------------------------------


def test_a_line_about_a_message_that_the_ledger_will_know_soon_waits(site: Site) -> None:
    twice_full(site)
    site.write(line("QUEUE0000003", "sent", at=NOW + 1))
    assert site.run(NOW + 2).lines == 0
    site.sent(3, ANN)
    site.run(NOW + 3)
    assert site.run(NOW + 2 * DAY).delivered == 1


def test_a_run_does_so_much_and_the_next_one_goes_on(site: Site) -> None:
    twice_full(site)
    noise = [line("STRANGE0001", "sent", relay="local", program="local")] * 60_000
    site.write(*noise, line(site.sent(3, ANN), "sent"))
    first = site.run(most=50_000)
    assert (first.lines, first.more) == (50_000, True)
    second = site.run(NOW + 2 * DAY)
    assert (second.lines, second.more, second.delivered) == (10_001, False, 1)


class Raced(NamedTuple):
    """A log that another process has read to its end before the first line is returned."""

    site: Site

    def read(self, position: bytes, now: int) -> Generator[Read, None, None]:
        self.site.run(now)
        yield from LogFile(self.site.log, Parser("postfix", UTC)).read(position, now)

    def inspect(self, now: int) -> Inspection:
        del now
        return Inspection()


def test_two_runs_at_once_take_in_nothing_twice(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.write(line(site.sent(1, ANN), "deferred", FULL))
    with caplog.at_level(logging.WARNING):
        assert site.run(source=Raced(site)).lines == 0
    assert "another process has read the same part of the log" in caplog.text
    assert site.store.deliverylog.deferrals(ANN)[0].attempts == 1


# -- steps that cannot be recorded -----------------------------------------------------------


def test_a_line_that_brings_up_an_error_is_left_out_and_costs_no_other(
    site: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    classify = Classifier.classify

    def counted(self: Classifier, report: Report) -> Any:
        if report.final_recipient == BOB:
            raise RuntimeError("a fault of ours")
        return classify(self, report)

    monkeypatch.setattr(Classifier, "classify", counted)
    sent = site.sent(1, ANN, BOB, LIST)
    site.write(*(line(sent, "bounced", UNKNOWN, who) for who in (ANN, BOB, LIST)))
    follower = site.follower()
    assert site.take(follower).lines == 3
    assert [site.state(who).hard for who in (ANN, BOB, LIST)] == [1, 0, 1]
    assert "skipped: internal error (please report)" in caplog.text
    assert site.take(follower).lines == 0


@pytest.mark.parametrize("where", ["before", "within"])
def test_a_step_that_no_store_can_hold_is_left_out_and_costs_no_other(
    site: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """The event fails to encode before the transaction; the key is too long for LMDB within it."""
    sent = site.sent(1, ANN, BOB, LIST)
    steps = Interpreter.steps

    def spoilt(self: Interpreter, line: Line, now: int) -> Sequence[Step]:
        (made,) = steps(self, line, now)
        if isinstance(made, Bounced) and made.mailed.address == BOB:
            (event,) = made.events
            if where == "before":
                return [made._replace(events=[replace(event, time=2**64)])]
            return [made._replace(events=[replace(event, address=f"{'b' * 600}@r.example")])]
        return [made]

    monkeypatch.setattr(Interpreter, "steps", spoilt)
    site.write(*(line(sent, "bounced", UNKNOWN, who) for who in (ANN, BOB, LIST)))
    follower = site.follower()
    assert site.take(follower).lines == 3
    assert [site.state(who).hard for who in (ANN, BOB, LIST)] == [1, 0, 1]
    assert "skipped: internal error (please report)" in caplog.text
    assert site.take(follower).lines == 0


def test_a_store_that_cannot_be_written_loses_no_line(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.write(line(site.sent(1, ANN), "bounced", UNKNOWN))
    follower = site.follower()
    with monkeypatch.context() as patch:
        patch.setattr(DeliveryLog, "_forget", lambda *_: (_ for _ in ()).throw(StoreError("full")))
        with pytest.raises(StoreError):
            site.take(follower)
    assert site.take(follower).lines == 1
    assert site.state().hard == 1


def test_a_reader_that_is_killed_neither_loses_a_line_nor_takes_it_in_twice(site: Site) -> None:
    sent, lines = site.sent(1, ANN), 10_000
    site.write(*(line(sent, "deferred", FULL) for _ in range(lines)))
    site.close()
    argv = [sys.executable, "-m", "tests.unit.classifier.maillog.killed", str(site.log.parent)]
    for portions in (0, 1, 3):  # how many batches it has printed when it is killed
        with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=ROOT) as child:
            assert child.stdout is not None
            for _ in range(portions + 1):
                assert child.stdout.readline()
            child.send_signal(signal.SIGKILL)
        assert child.returncode == -signal.SIGKILL
    with closing(Site(site.log.parent, site.classifier)) as again:
        taken = again.store.deliverylog.deferrals(ANN)[0].attempts
        assert 4 * 500 <= taken < lines, "each was killed in the middle of it"
        again.run()
        assert again.store.deliverylog.deferrals(ANN)[0].attempts == lines


# -- the queue -------------------------------------------------------------------------------


def states(site: Site) -> list[QueueState]:
    return [sent.queue for _, sent in site.ledger.walk(b"", NOW + 10 * DAY, 100)]


def refused(sent: Sent, verb: str = "milter-reject") -> str:
    said = "END-OF-MESSAGE from localhost[127.0.0.1]: 4.7.1 Try again later; from=<a@s.test>"
    return f"{head(sent.time, 'cleanup')}{sent.queue_id}: {verb}: {said}"


@pytest.mark.parametrize("verb", ["milter-reject", "milter-discard"])
def test_queue_never_held_what_a_later_milter_refused_at_the_end(site: Site, verb: str) -> None:
    site.write(refused(site.sent(1, ANN), verb))
    site.sent(2, ANN)
    site.run()
    assert states(site) == [QueueState.REFUSED, QueueState.UNKNOWN]


def test_queue_held_what_was_active(site: Site) -> None:
    site.write(active(site.sent(1, ANN), 1))
    site.run()
    assert states(site) == [QueueState.TAKEN]


@pytest.mark.parametrize("outcome", ["sent", "deferred", "bounced"])
def test_queue_held_what_a_delivery_was_tried_of(site: Site, outcome: str) -> None:
    sent = site.sent(1, ANN)
    site.write(refused(sent), line(sent, outcome))  # Postfix reuses the short queue id
    site.run()
    assert states(site) == [QueueState.TAKEN]


def test_queue_of_what_is_on_hold_is_not_known(site: Site) -> None:
    site.write(refused(site.sent(1, ANN), "milter-hold"))
    site.run()
    assert states(site) == [QueueState.UNKNOWN]


def test_queue_has_lost_what_an_operator_deleted(site: Site) -> None:
    sent = site.sent(1, ANN)
    removed = f"{head(NOW + 6, 'postsuper')}{sent.queue_id}: removed"
    site.write(line(sent, "deferred"), removed)
    site.run()
    assert states(site) == [QueueState.DELETED]


def test_queue_is_known_up_to_the_end_of_the_log_or_a_line_that_waits(site: Site) -> None:
    assert site.run(NOW).until == NOW
    unknown = Sent(NOW + 5, b"message9", "", (), "QUEUE0000009")
    site.write(line(site.sent(1, ANN), "sent"), refused(unknown))
    assert site.run(NOW + 10).until == NOW + 5
    assert states(site) == [QueueState.TAKEN]


def test_log_settles_nothing_of_a_message_of_which_a_report_names_nobody(site: Site) -> None:
    twice_full(site)
    sent = site.sent(3, ANN, BOB)
    site.write(line(sent, "sent"))
    site.run(NOW + HOUR)
    event = bounce_of("", 77, NOW + 60, Reason.MAILBOX_FULL)
    site.store.record([Bounce([replace(event, queue_id=sent.queue_id, sent=NOW)], b"")], POLICY)
    assert site.run(NOW + DAY + 5).delivered == 0
    assert site.state().soft_in_row == 2
