"""The month of the start page: what counts, by day, reason and mailing, within its bounds."""

from collections.abc import Iterator
from pathlib import Path

from tests.events import event_of
from tests.stores import open_store

from bouncegate.admin.report.month import DAYS, MOST, first_day, month_of
from bouncegate.config.settings import Trust
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.records import Event
from bouncegate.store.arrivals import Arrival
from bouncegate.store.summary import Month, Summary

_DAY = 86_400
_NOW = 20_000 * _DAY + 40_000
_TRUST: tuple[Trust, ...] = ("signed", "matched")


def _arrivals(*events: Event) -> Iterator[Arrival]:
    return (Arrival(number, event, "") for number, event in enumerate(events, 1))


def _bounce(days_ago: int, reason: Reason = Reason.USER_UNKNOWN, **fields: object) -> Event:
    return event_of("a@example.com", _NOW - days_ago * _DAY, reason, **fields)


def _month(*events: Event) -> Month:
    return month_of(_arrivals(*events), _TRUST, _NOW)


def test_each_day_has_its_bounces_by_kind() -> None:
    days = _month(
        _bounce(0),
        _bounce(0, Reason.MAILBOX_FULL),
        _bounce(29, Reason.SPAM_BLOCK),
        _bounce(30),
    ).days
    assert [one.day for one in days] == list(range(first_day(_NOW), _NOW // _DAY + 1))
    assert (days[-1].hard, days[-1].soft, days[-1].blocked) == (1, 1, 0)
    assert (days[0].hard, days[0].soft, days[0].blocked) == (0, 0, 1)
    assert sum(one.hard + one.soft + one.blocked for one in days) == 3
    assert len(days) == DAYS


def test_what_is_void_unproven_or_a_complaint_is_left_out() -> None:
    void = Arrival(1, _bounce(1), "void")
    unproven = Arrival(2, _bounce(1, trust="unverified"), "")
    complaint = Arrival(3, _bounce(1, Reason.COMPLAINT), "")
    assert month_of([void, unproven, complaint], _TRUST, _NOW) == month_of([], _TRUST, _NOW)


def test_reasons_are_general_and_the_most_frequent_come_first() -> None:
    found = _month(
        _bounce(1, Reason.MAILBOX_FULL),
        _bounce(2, Reason.MAILBOX_INACTIVE),
        _bounce(3, Reason.MAILBOX_DISABLED),
    )
    assert found.reasons == [("mailbox-disabled", 2), ("mailbox-full", 1)]


def test_mailings_are_the_latest_and_not_more_than_fit() -> None:
    events = [
        event_of("a@example.com", _NOW - 3600 * age, mailing=f"m{age}") for age in range(MOST + 8)
    ]
    found = _month(*events, _bounce(19, mailing="m0"), _bounce(1)).mailings
    assert [one.name for one in found] == [f"m{age}" for age in range(MOST)]
    assert found[0].hard == 2
    assert found[0].last == _NOW


def test_choices_of_filters_are_in_order_and_without_the_empty_name() -> None:
    found = _month(_bounce(1, group="b"), _bounce(2, group="a"), _bounce(1))
    assert [one.name for one in found.groups] == ["b", "a"]
    assert found.providers == ["example.com"]


def test_a_month_is_kept_with_the_summary(tmp_path: Path) -> None:
    store = open_store(tmp_path)

    month = _month(_bounce(1, mailing="m"))
    store.summary.put(Summary(_NOW, month=month))
    kept = store.summary.get()
    assert kept is not None
    assert kept.month == month
    store.close()
