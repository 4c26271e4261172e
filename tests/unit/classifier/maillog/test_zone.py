"""Log times without a zone are corrected, whatever the zone; a mismatch is reported."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest
from tests.unit.classifier.maillog.site import ANN, BOB, DAY, FULL, HOUR, NOW, UNKNOWN, Site

from bouncegate.classifier.maillog.files import LogFile
from bouncegate.classifier.maillog.line import Parser
from bouncegate.classifier.maillog.timestamp import in_words, offset_of, seconds_of
from bouncegate.store.entry import Sent

ZONES = [timezone(timedelta(hours=h)) for h in (-10, -5, 0, 1, 5.5, 5.75, 9, 14)]


def local_line(
    sent: Sent, outcome: str, to: str, at: int, *, delay: float, queued: float = 0, text: str = ""
) -> str:
    """A line with a traditional timestamp, by a writer in UTC."""
    stamp = f"{datetime.fromtimestamp(at, UTC):%b %e %H:%M:%S}"
    dsn = {"sent": "2.0.0", "bounced": "5.1.1", "deferred": "4.2.2"}[outcome]
    return (
        f"{stamp} mail postfix/smtp[1]: {sent.queue_id}: to=<{to}>, relay=mx[192.0.2.1]:25, "
        f"delay={delay}, delays={queued}/0/0/0, dsn={dsn}, status={outcome} ({text})"
    )


def in_zone(site: Site, zone: tzinfo) -> LogFile:
    """The log, read in another zone."""
    return LogFile(site.log, Parser("postfix", zone))


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_a_bounce_counts_in_whatever_zone_it_was_logged(site: Site, zone: tzinfo) -> None:
    site.write(local_line(site.sent(1, ANN), "bounced", ANN, NOW + 5, delay=5, text=UNKNOWN))
    site.run(source=in_zone(site, zone))
    (event,) = site.entries()
    assert event.time == NOW + 5
    assert site.state().lock is not None


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_a_bounce_after_hours_in_the_queue_has_its_time(site: Site, zone: tzinfo) -> None:
    sent, at = site.sent(1, ANN), NOW + 7 * HOUR
    site.write(local_line(sent, "deferred", ANN, at, delay=7 * HOUR, queued=7 * HOUR, text=FULL))
    site.run(source=in_zone(site, zone))
    (deferral,) = site.store.deliverylog.deferrals(ANN)
    assert deferral.last == at


def test_a_client_that_took_long_to_send_is_no_other_zone(site: Site) -> None:
    sent = site.sent(1, ANN)
    site.write(local_line(sent, "bounced", ANN, NOW + 5, delay=3605, queued=3600, text=UNKNOWN))
    site.run(source=in_zone(site, UTC))
    assert site.entries()[0].time == NOW + 5


def test_an_expiry_is_read_in_the_zone_that_the_lines_before_it_have_shown(site: Site) -> None:
    sent, at = site.sent(1, ANN), NOW + 5 * DAY
    waits = local_line(sent, "deferred", ANN, NOW + HOUR, delay=HOUR, queued=HOUR, text=FULL)
    stamp = f"{datetime.fromtimestamp(at, UTC):%b %e %H:%M:%S}"
    said = f"{sent.queue_id}: from=<{sent.sender}>, status=expired, returned to sender"
    site.write(waits, f"{stamp} mail postfix/qmgr[1]: {said}")
    site.run(NOW + 6 * DAY, source=in_zone(site, ZONES[-2]))
    assert site.entries()[-1].time == at


def test_a_time_with_a_zone_is_not_changed(site: Site) -> None:
    """A wrong clock is not another zone; the operator must see it."""
    sent = site.sent(1, ANN)
    line = local_line(sent, "bounced", ANN, 0, delay=5, text=UNKNOWN)[len("Jan  1 00:00:00") :]
    when = datetime.fromtimestamp(NOW + 9 * HOUR, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    site.write(f"{when}{line}")
    site.run(source=in_zone(site, UTC))
    assert site.entries()[0].time == NOW + 9 * HOUR


def test_a_line_of_another_message_under_the_same_queue_id_is_not_put_right(site: Site) -> None:
    site.write(local_line(site.sent(1, ANN), "bounced", ANN, NOW - 3 * DAY, delay=5, text=UNKNOWN))
    site.run(source=in_zone(site, UTC))
    assert site.entries() == []


def test_a_line_whose_send_is_not_known_yet_waits_in_another_zone_too(site: Site) -> None:
    """The file has just been written, so its last line is from now."""
    sent = Sent(NOW, b"01234567", "news@s.test", (BOB,), "QUEUE0000001")
    site.write(local_line(sent, "bounced", BOB, NOW + 5, delay=5, text=UNKNOWN))
    os.utime(site.log, (NOW + 5, NOW + 5))
    source = in_zone(site, ZONES[-2])
    assert site.run(NOW + 6, source).lines == 0
    site.sent(1, BOB)
    assert site.run(NOW + 9, source).lines == 1
    assert site.state(BOB).hard == 1


def test_another_zone_is_said_once(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    follower = site.follower(in_zone(site, ZONES[-2]))
    sent = site.sent(1, ANN, BOB)
    with caplog.at_level(logging.ERROR):
        for address in (ANN, BOB):
            site.write(local_line(sent, "bounced", address, NOW + 5, delay=5, text=UNKNOWN))
            os.utime(site.log, (NOW + 5, NOW + 5))
            site.take(follower)
    assert [r.message.count("are 9 h off") for r in caplog.records] == [1]


@pytest.mark.parametrize(
    ("told", "expected", "known", "offset"),
    [
        (0, [0], 0, 0),
        (0, [599], 0, 0),
        (0, [9 * HOUR + 200], 0, 9 * HOUR),
        (0, [-5 * HOUR - 100], 0, -5 * HOUR),
        (0, [900], 0, 0),
        (0, [7 * HOUR + 450], 0, 0),
        (0, [27 * HOUR], 0, 0),
        (0, [9 * HOUR + 500], 9 * HOUR, 9 * HOUR),
        (0, [10], 9 * HOUR, 0),
        (0, [HOUR, 3], 0, 0),
    ],
)
def test_the_offset_of_a_zone_is_half_an_hour_or_more_and_at_most_26(
    told: int, expected: list[int], known: int, offset: int
) -> None:
    assert offset_of(told, expected, known) == offset


def test_an_offset_is_shown_in_hours_and_minutes() -> None:
    assert [in_words(o) for o in (9 * HOUR, -5 * HOUR, 19_800)] == ["9 h", "5 h", "5 h 30 min"]


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Central European time, by a rule that needs no files."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    seconds_of.cache_clear()
    yield
    monkeypatch.undo()
    time.tzset()
    seconds_of.cache_clear()


def at(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp())


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Oct 25 02:30:00", "2026-10-25T00:30:00"),
        ("Oct 25 02:30:00", "2026-10-25T01:30:00"),
        ("2026-10-25T02:30:00", "2026-10-25T01:30:00"),
        ("Mar 29 03:30:00", "2026-03-29T01:30:00"),
    ],
)
@pytest.mark.usefixtures("berlin")
def test_the_hour_that_summer_time_repeats_is_read_as_the_one_that_is_over(
    text: str, moment: str
) -> None:
    """A line that is read at once gets the right hour."""
    assert seconds_of(text, at(moment) + 5) == at(moment)


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize("hour", [0, 1])
def test_of_the_two_hours_the_send_tells_which_it_was(
    hour: int, site: Site, line_in_berlin: Callable[[Sent, int], str]
) -> None:
    """Also when the log is read a day later."""
    moment = at(f"2026-10-25T0{hour}:30:00")
    sent = site.sent(1, ANN, time=moment - 5)
    site.write(line_in_berlin(sent, moment))
    site.run(moment + DAY, LogFile(site.log, Parser("postfix")))
    assert site.entries()[0].time == moment


@pytest.fixture
def line_in_berlin() -> Callable[[Sent, int], str]:
    def line(sent: Sent, moment: int) -> str:
        local = moment + (HOUR if moment >= at("2026-10-25T01:00:00") else 2 * HOUR)
        return local_line(sent, "bounced", ANN, local, delay=5, text=UNKNOWN)

    return line
