"""Counting: a wrong figure would have an operator stop a good mailing, or go on with a bad one."""

from msgspec.structs import replace

from bouncegate.admin.report.counting import OTHERS, Counting, count, count_addresses, count_sends
from bouncegate.admin.report.filters import Filters
from bouncegate.admin.report.groupby import ALL, subjects
from bouncegate.admin.report.summary import rows_of, summary_of
from bouncegate.admin.report.totals import Totals
from bouncegate.config.taxonomy import Reason, ReportedKind

from .events import DAY, NOW, arrivals, complaint, event, scope, sent


def provider_of(domain: str) -> str:
    return "google" if domain == "gmail.com" else domain


SUBJECTS = subjects(provider_of)


def counting(subject: str = "all", most: int = 10) -> Counting:
    return Counting(SUBJECTS[subject], most)


def total(one: Counting) -> Totals:
    return one.totals_by_name()[ALL]


def test_void_held_and_unproven_bounces_are_counted_as_no_failures() -> None:
    one = counting()
    forged = replace(event(), trust="unverified")
    count(arrivals(event()), scope(), [one])
    count(arrivals(event(), mark="void"), scope(), [one])
    count(arrivals(event(), mark="held"), scope(), [one])
    count(arrivals(forged), scope(), [one])
    totals = total(one)
    assert (totals.bounces, totals.failures, totals.held, totals.unverified) == (1, 1, 1, 1)


def test_a_delay_and_our_own_refusal_are_no_bounces() -> None:
    one = counting()
    late, own = event(reason=Reason.NOT_A_FAILURE), event(reason=Reason.OWN_REFUSAL)
    count(arrivals(late, own), scope(), [one])
    assert one.totals_by_name() == {}


def test_a_complaint_is_counted_apart_from_bounces() -> None:
    one = counting()
    count(arrivals(complaint(), event()), scope(), [one])
    totals = total(one)
    assert (totals.complaints, totals.bounces, totals.failures) == (1, 1, 1)


def test_only_what_came_within_the_period_is_counted() -> None:
    one = counting()
    came = arrivals(*(event(time=NOW + hours * 3600) for hours in range(4)))
    count(came, scope(Filters(since=NOW + 3600, until=NOW + 3 * 3600)), [one])
    assert total(one).bounces == 2


def test_the_rate_is_of_the_sends_of_the_period_whenever_their_bounces_came() -> None:
    one = counting()
    filters = Filters(since=NOW, until=NOW + DAY)
    count(
        arrivals(
            event("ann@b.example", sent=NOW - 1),  # of an earlier send
            event("bob@b.example", sent=NOW + 1),
            event("eve@b.example", sent=NOW + 1, time=NOW + 5 * DAY),  # late
        ),
        scope(filters, sends_since=NOW),
        [one],
    )
    count_sends([sent(*(f"r{n}@b.example" for n in range(8)))], filters, [one], provider_of)
    summary = summary_of(total(one), total(one).sends)
    assert summary.bounces == 2, "what came within the period"
    assert (summary.sends, summary.sends_bounced, summary.rate) == (8, 2, 0.25)


def test_sends_before_the_oldest_that_the_ledger_knows_have_no_part_in_the_rate() -> None:
    one = counting()
    known = scope(sends_since=NOW)
    count(arrivals(event(sent=NOW - DAY), event(sent=NOW)), known, [one])
    totals = total(one)
    assert (totals.bounces, totals.sends_bounced) == (2, 1)


def test_where_sends_are_unknown_no_share_is_told() -> None:
    one = counting()
    count(arrivals(event(sent=NOW)), scope(sends_since=None), [one])
    summary = summary_of(total(one), None)
    assert (summary.sends, summary.sends_bounced) == (None, None)
    assert (summary.rate, summary.hard_share, summary.complaint_rate) == (None, None, None)


def test_the_share_of_nothing_sent_is_unknown_not_zero() -> None:
    assert summary_of(Totals(), 0).rate is None


def test_names_that_strangers_make_up_take_no_room_from_others() -> None:
    one = counting("mailing", most=3)
    forged = [replace(event(mailing=f"made-up-{n}"), trust="unverified") for n in range(9)]
    real = [event(mailing=name) for name in ("spring", "summer", "autumn")]
    count(arrivals(*forged, *real), scope(), [one])
    totals_by_name = one.totals_by_name()
    assert [totals_by_name[name].bounces for name in ("spring", "summer", "autumn")] == [1, 1, 1]
    assert totals_by_name[OTHERS].unverified == 6


def test_beyond_so_many_names_all_others_are_counted_together() -> None:
    one = counting("domain", most=2)
    count(arrivals(*(event(f"ann@b{n}.example") for n in range(5))), scope(), [one])
    assert {name: totals.bounces for name, totals in one.totals_by_name().items()} == {
        "b0.example": 1,
        "b1.example": 1,
        OTHERS: 3,
    }


def test_a_group_counts_an_address_once_by_its_last_bounce() -> None:
    one, mailing = counting("group"), counting("mailing")
    full = event(reason=Reason.MAILBOX_FULL, time=NOW - DAY)
    unknown = event(time=NOW, mailing="autumn")
    elsewhere = event(group="members")
    histories = [("ann@b.example", arrivals(full, full, unknown, elsewhere, complaint()))]
    count_addresses(histories, scope(), [one, mailing])
    readers = one.totals_by_name()["readers"]
    assert (readers.failures, readers.hard, readers.bounces, readers.complaints) == (1, 1, 3, 1)
    assert one.totals_by_name()["members"].failures == 1
    assert mailing.totals_by_name()["autumn"].failures == 1, "the mailing of the last bounce"


def test_sends_are_counted_under_the_provider_that_is_known_now() -> None:
    one = counting("provider")
    count(arrivals(event("ann@gmail.com", provider="gmail.com", sent=NOW)), scope(None, 1), [one])
    count_sends([sent("ann@gmail.com", "bob@b.example")], Filters(), [one], provider_of)
    totals_by_name = one.totals_by_name()
    assert (totals_by_name["google"].sends, totals_by_name["google"].sends_bounced) == (1, 1)
    assert (totals_by_name["b.example"].sends, totals_by_name["b.example"].sends_bounced) == (1, 0)
    assert totals_by_name["gmail.com"].bounces == 1, "as it was known when it came"


def test_filters_hold_for_sends_too_recipient_by_recipient() -> None:
    one = counting()
    sends = [
        sent("ann@gmail.com", "bob@b.example"),
        sent("ann@gmail.com", mailing="autumn"),
        sent("ann@gmail.com", sender="shop@other.example"),
    ]
    for filters, number in (
        (Filters(), 4),
        (Filters(domain="gmail.com"), 3),
        (Filters(provider="google"), 3),
        (Filters(mailing="spring", domain="b.example"), 1),
        (Filters(sender="example.org"), 3),
        (Filters(sender="shop@other.example"), 1),
        (Filters(group="nobody"), 0),
    ):
        one = counting()
        count_sends(sends, filters, [one], provider_of)
        assert (total(one).sends if number else one.totals_by_name()) == (number or {}), filters


def test_a_bounce_stands_on_the_day_it_came_and_its_send_on_its_own() -> None:
    one = counting("day")
    count(arrivals(event(time=NOW + DAY, sent=NOW)), scope(None, 1), [one])
    count_sends([sent("ann@b.example", "bob@b.example", time=NOW)], Filters(), [one], provider_of)
    (first, summary), (second, later) = rows_of(one, 2)
    assert (first, summary.bounces, summary.rate) == ("2024-10-04", 0, 0.5)
    assert (second, later.bounces, later.sends) == ("2024-10-05", 1, 0)


def test_each_reason_has_its_share_of_all_sends() -> None:
    one, all_ = counting("reason"), counting()
    full = event(reason=Reason.MAILBOX_FULL, sent=NOW)
    count(arrivals(event(sent=NOW), full), scope(None, 1), [one, all_])
    sends = [sent(*(f"r{n}@b.example" for n in range(10)))]
    count_sends(sends, Filters(), [one, all_], provider_of)
    found = {name: (f.sends, f.rate) for name, f in rows_of(one, total(all_).sends)}
    assert found == {"user-unknown": (10, 0.1), "mailbox-full": (10, 0.1)}


def test_rows_come_with_the_most_bounces_first() -> None:
    one = counting("mailing")
    events = [event(mailing=name) for name in ("a", "b", "b", "c", "c", "c")]
    count(arrivals(*events), scope(), [one])
    assert [name for name, _ in rows_of(one, None)] == ["c", "b", "a"]


def test_each_filter_leaves_out_what_is_not_asked_for() -> None:
    full = event("bob@gmail.com", Reason.MAILBOX_FULL, mailing="autumn", provider="google")
    for filters, matches in (
        (Filters(kind=ReportedKind.SOFT), True),
        (Filters(kind=ReportedKind.HARD), False),
        (Filters(reason=Reason.MAILBOX_FULL, category=full.category), True),
        (Filters(reason=Reason.USER_UNKNOWN), False),
        (Filters(provider="google", domain="gmail.com"), True),
        (Filters(domain="b.example"), False),
        (Filters(mailing="autumn", group="readers"), True),
        (Filters(mailing=""), False),
        (Filters(sender="news@example.org"), True),
        (Filters(sender="example.com"), False),
    ):
        assert filters.matches(full) is matches, filters
