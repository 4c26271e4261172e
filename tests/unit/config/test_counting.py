"""Which reasons count by default: each with its reason beside it, in the code and in the docs."""

from pathlib import Path

import pytest

from bouncegate.config.counting import WHY, counts_by_default, why
from bouncegate.config.reasons import REASONS
from bouncegate.config.taxonomy import GENERAL, Kind, Reason

PAGE = (Path(__file__).parents[3] / "docs" / "policy.md").read_text()
NO_BOUNCES = {Reason.OPERATOR, Reason.STALE, Reason.INVALID, Reason.PREDICTED}
BOUNCES = [
    reason
    for reason in GENERAL
    if REASONS[reason].kind in (Kind.HARD, Kind.SOFT) and reason not in NO_BOUNCES
]


def test_each_reason_of_a_bounce_says_why_it_counts_or_not() -> None:
    others = [one for one in Reason if REASONS[one].blame is not REASONS[one.general].blame]
    assert WHY.keys() == {*BOUNCES, *others}
    assert why(Reason.SPF_FAILED) == why(Reason.SENDER_INVALID)
    assert why(Reason.OPERATOR) == ""


@pytest.mark.parametrize("reason", WHY)
def test_the_page_about_the_policy_tells_each_default(reason: Reason) -> None:
    counts = "yes" if counts_by_default(reason) else "no"
    assert f"| `{reason}` | {counts} | {WHY[reason]} |" in PAGE
