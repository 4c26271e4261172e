"""A log that cannot be parsed is reported, and its lines count once the fault is fixed."""

import logging
import os
from datetime import UTC, datetime

import pytest
from tests.unit.classifier.maillog.site import ANN, BOB, HOUR, NOW, UNKNOWN, Site, head, line

from bouncegate.classifier.maillog.files import LogFile
from bouncegate.classifier.maillog.inspection import Inspection, inspect
from bouncegate.classifier.maillog.line import Parser

PARSER = Parser("postfix", UTC)
FORM = (
    "unknown format: its last lines are not RFC 3164 or RFC 5424, "
    "plain or within CRI or Docker's json-file"
)


def seen(site: Site, written: int = NOW + 5) -> Inspection:
    os.utime(site.log, (written, written))
    return inspect(site.log, PARSER, NOW + 10)


def bounced(number: int = 1) -> str:
    return line(f"QUEUE{number:07}", "bounced", UNKNOWN)


def test_a_file_in_an_unknown_form_is_at_fault(site: Site) -> None:
    text = bounced()
    site.write(*(f"{{'message': '{text}'}}" for _ in range(3)))
    assert seen(site).fault == FORM


def test_a_file_that_is_no_log_is_at_fault(site: Site) -> None:
    site.write("hello", "world")
    assert seen(site).fault == FORM


def test_a_log_of_deliveries_under_another_name_is_at_fault(site: Site) -> None:
    site.write(bounced().replace("postfix/smtp", "mta/smtp"))
    assert "Postfix logs there as 'mta/smtp'" in seen(site).fault


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [bounced()],
        ["what a program wrote on two", "lines", bounced()],
        [bounced().replace("postfix/smtp", "mta/smtp"), bounced()],
        [head(NOW, "qmgr").replace("postfix/qmgr", "cron") + "nothing of Postfix yet"],
    ],
)
def test_a_log_with_nothing_amiss_is_not(site: Site, lines: list[str]) -> None:
    site.write(*lines)
    assert seen(site) == Inspection()


def test_a_line_that_is_being_written_and_one_that_is_cut_are_passed_over(site: Site) -> None:
    site.write(*(bounced(n) for n in range(2000)))
    with site.log.open("a") as file:
        file.write("half a li")
    assert site.log.stat().st_size > 1 << 18
    assert seen(site) == Inspection()


@pytest.mark.parametrize("hours", [-9, 5, 10])
def test_a_file_whose_last_line_is_hours_from_its_own_time_is_in_another_zone(
    site: Site, hours: int
) -> None:
    told = datetime.fromtimestamp(NOW + 5 - hours * HOUR, UTC)
    site.write(f"{told:%b %e %H:%M:%S} mail " + bounced().partition(" mail ")[2])
    assert seen(site) == Inspection("", hours * HOUR)


def test_what_is_under_another_name_counts_once_the_name_is_set(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    sent = site.sent(1, ANN)
    site.write(line(sent, "bounced", UNKNOWN).replace("postfix/", "mta/"))
    follower = site.follower()
    with caplog.at_level(logging.ERROR):
        site.take(follower)
        site.take(follower)
    (record,) = caplog.records
    assert record.message.startswith("Postfix's log: Postfix logs there as 'mta/smtp'")
    site.run(source=LogFile(site.log, Parser("mta", UTC)))
    assert site.state().hard == 1


def test_what_can_be_read_before_a_fault_counts(site: Site) -> None:
    sent = site.sent(1, ANN, BOB)
    site.write(line(sent, "bounced", UNKNOWN))
    site.write(*(line(sent, "bounced", UNKNOWN, BOB).replace(" mail ", " ") for _ in range(1)))
    site.write(*(f"x{line(sent, 'bounced', UNKNOWN, BOB)}" for _ in range(2000)))
    site.run()
    assert site.state(ANN).hard == 1
