"""Runs over the log: no line is lost or taken twice, and a bad one costs no other."""

import logging
import signal
import subprocess
import sys
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
    LIST,
    NOW,
    UNKNOWN,
    Site,
    line,
    twice_full,
)

from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.maillog.files import LogFile
from bouncegate.classifier.maillog.inspection import Inspection
from bouncegate.classifier.maillog.interpreter import Interpreter
from bouncegate.classifier.maillog.line import Line, Parser
from bouncegate.classifier.maillog.source import Read
from bouncegate.classifier.report import Report
from bouncegate.store.deliverylog import Bounced, DeliveryLog, Step
from bouncegate.store.errors import StoreError

ROOT = Path(__file__).resolve().parents[4]


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
