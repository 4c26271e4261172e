"""Which addresses were delivered to before a bounce, as far as sends are on record."""

import pytest
from msgspec.structs import replace

from bouncegate.policy.fold import EMPTY
from bouncegate.policy.known import NO_RECORD, Known, Mailed, known
from bouncegate.policy.records import Event

from .test_guard import NOW, event

DAY = 86_400
TODAY = NOW // DAY
AFTER = 7 * DAY


def bounced(sent: int = NOW) -> Event:
    return replace(event(), sent=sent)


@pytest.mark.parametrize(
    ("mailed", "expected"),
    [
        (Mailed(TODAY - 8, TODAY - 60, TODAY), Known.YES),
        (Mailed(TODAY - 7, TODAY - 60, TODAY), Known.YES),
        (Mailed(TODAY - 6, TODAY - 60, TODAY), Known.NO),
        (Mailed(None, TODAY - 60, TODAY), Known.NO),
        (Mailed(None, TODAY - 6, TODAY), Known.UNCLEAR),
        (Mailed(TODAY - 6, TODAY - 6, TODAY), Known.UNCLEAR),
        (Mailed(None, TODAY - 60, TODAY - 8), Known.UNCLEAR),
        (Mailed(TODAY - 60, TODAY - 60, TODAY - 8), Known.YES),
        (NO_RECORD, Known.UNCLEAR),
    ],
)
def test_an_address_is_known_that_was_mailed_a_week_before(mailed: Mailed, expected: Known) -> None:
    assert known(bounced(), EMPTY, mailed, AFTER) is expected


def test_the_week_ends_with_the_message_and_not_with_its_bounce() -> None:
    mailed = Mailed(TODAY - 8, TODAY - 60, TODAY)
    assert known(bounced(NOW - 5 * DAY), EMPTY, mailed, AFTER) is Known.NO
    assert known(bounced(0), EMPTY, mailed, AFTER) is Known.YES, "without a ledger, its own time"


@pytest.mark.parametrize(("ago", "expected"), [(8, Known.NO), (6, Known.YES), (0, Known.YES)])
def test_an_address_that_bounced_before_is_known_while_that_may_be_the_same_outage(
    ago: int, expected: Known
) -> None:
    before = replace(EMPTY, hard=1, hard_in_row=1, hard_run=(NOW - ago * DAY,))
    mailed = Mailed(TODAY - 60, TODAY - 60, TODAY)
    assert known(bounced(), before, mailed, AFTER) is expected
