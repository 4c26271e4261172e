"""Sends that are too old are forgotten by a clock that can be trusted, and by no other."""

import logging
import os
from contextlib import closing, suppress
from pathlib import Path

import pytest
from tests.unit.milter.test_ledgerwriter import NOW, sent

from bouncegate.config.durations import Duration
from bouncegate.config.settings import LedgerSettings, Settings, StoreSettings
from bouncegate.milter.ledgerwriter import Expiry
from bouncegate.policy.clock import DAY, Moment
from bouncegate.store.clock import ClockDoubted, TrustedClock
from bouncegate.store.entry import entry_of
from bouncegate.store.ledger import Ledger

HOUR = 3600
LOG = logging.getLogger("bouncegate.ledger-writer")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A ledger of ten sends, which was last written when they were sent."""
    settings = Settings(
        store=StoreSettings(path=tmp_path), ledger=LedgerSettings(keep=Duration(seconds=HOUR))
    )
    with closing(Ledger.open(settings.store, settings.ledger, readonly=False)) as ledger:
        ledger.write([entry_of(sent(n)) for n in range(10)])
    os.utime(tmp_path / "ledger" / "data.mdb", (NOW, NOW))
    return settings


def left(settings: Settings, *moments: Moment) -> int:
    """How many sends a ledger writer leaves that looks at the clock at these moments, hour by
    hour.
    """
    told = iter(moments)
    with closing(Ledger.open(settings.store, settings.ledger, readonly=False)) as ledger:
        expiry = Expiry(settings, TrustedClock(LOG, lambda: next(told)))
        for hour in range(len(moments)):
            with suppress(ClockDoubted):
                expiry.go_on(ledger, hour * HOUR)
        return ledger.space().entries["sent"]


@pytest.mark.parametrize("wrong", [40 * DAY, -DAY])
def test_expiry_by_a_clock_that_is_wrong_for_hours_forgets_nothing(
    settings: Settings, wrong: int
) -> None:
    hours = [Moment(NOW + wrong + hour * HOUR, hour * HOUR) for hour in range(20)]
    assert left(settings, Moment(NOW, 0), *hours) == 10
    assert left(settings, Moment(NOW + 2 * HOUR, 21 * HOUR)) == 0, "it is right again"


def test_expiry_goes_on_a_day_after_a_machine_that_was_off_for_a_week_is_back(
    settings: Settings,
) -> None:
    back = [Moment(NOW + 7 * DAY + hour * HOUR, hour * HOUR) for hour in range(25)]
    assert left(settings, *back[:-1]) == 10
    assert left(settings, back[-1]) == 0


def test_expiry_after_an_upgrade_goes_by_when_the_ledger_was_written_last(
    settings: Settings,
) -> None:
    assert left(settings, Moment(NOW + 40 * DAY, 0)) == 10
    assert left(settings, Moment(NOW + DAY, DAY)) == 0


def test_expiry_is_not_put_off_by_a_clock_that_was_far_ahead(settings: Settings) -> None:
    """The next round is an hour later by a clock that nobody sets."""
    assert left(settings, Moment(NOW + 40 * DAY, 0), Moment(NOW + 2 * HOUR, HOUR)) == 0


def test_expiry_says_in_the_log_when_the_clock_is_in_doubt_and_when_it_no_longer_is(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    left(settings, Moment(NOW, 0), Moment(NOW + 40 * DAY, 60), Moment(NOW + 120, 120))
    told = [(r.levelname, r.getMessage()) for r in caplog.records]
    assert [level for level, _ in told] == ["CRITICAL", "WARNING"]
    assert "40 days ahead" in told[0][1]
    assert "bouncegate clock accept" in told[0][1]
    assert "trusted again" in told[1][1]
