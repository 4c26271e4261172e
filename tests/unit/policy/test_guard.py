"""What is an outage and what is a dirty list: the guard's decisions, one by one."""

import pytest
from msgspec.structs import replace
from tests.events import event_of

from bouncegate.config.settings import GuardSettings
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.alarm import NOBODY, sender_of
from bouncegate.policy.guard import Guard, Sends, Series, unknown
from bouncegate.policy.known import Known
from bouncegate.policy.providers import Providers
from bouncegate.policy.records import Event, Opened

NOW = 1_770_000_000
PROVIDERS = Providers.of()
SERIES = Series("google", Reason.USER_UNKNOWN)


def guard(sends: Sends = unknown) -> Guard:
    return Guard(GuardSettings(addresses=100, share=0.1), sends)


def event(address: str = "ann@gmail.com", reason: Reason = Reason.USER_UNKNOWN) -> Event:
    return event_of(address, NOW, reason, provider=PROVIDERS.provider_of(address))


@pytest.mark.parametrize(
    ("sends", "addresses", "limit"),
    [
        (None, 100, None),
        (None, 101, 100),
        (0, 101, 100),
        (1000, 101, 100),
        (5000, 500, None),
        (5000, 501, 500),
    ],
)
def test_what_trips_is_more_than_the_minimum_and_more_than_the_share_of_the_sends(
    sends: int | None, addresses: int, limit: int | None
) -> None:
    assert guard(lambda *_: sends).excess(SERIES, addresses, NOW) == limit


@pytest.mark.parametrize(
    ("sends", "addresses", "recovered"),
    [
        (None, 0, True),
        (None, 1, False),
        (0, 0, False),
        (1, 0, True),
        (100, 5, True),
        (100, 6, False),
        (100_000, 5000, True),
    ],
)
def test_all_is_well_again_when_mail_is_sent_and_little_of_it_bounces(
    sends: int | None, addresses: int, recovered: bool
) -> None:
    assert guard(lambda *_: sends).recovered(SERIES, addresses, NOW) is recovered


def test_sends_are_asked_for_the_provider_and_the_window() -> None:
    asked: list[tuple[str, int]] = []

    def sends(provider: str, since: int) -> int:
        asked.append((provider, since))
        return 5000

    watching = guard(sends)
    for addresses in range(500):
        assert watching.excess(SERIES, addresses, NOW) is None
    assert asked == [("google", NOW - 6 * 3600)], "once a minute: the ledger sums up many hours"


def test_a_mailing_that_has_just_begun_does_not_trip_on_what_was_known_a_moment_ago() -> None:
    sent = 1000
    watching = guard(lambda *_: sent)
    assert watching.excess(SERIES, 101, NOW) == 100
    sent = 2000
    assert watching.excess(SERIES, 102, NOW + 1) is None


def test_only_hard_bounces_of_an_address_are_watched() -> None:
    assert guard().series_of(event()) == SERIES
    assert guard().series_of(event(reason=Reason.MAILBOX_FULL)) is None
    assert guard().series_of(event(address="")) is None
    known = replace(event("ann@example.com"), provider="google")
    assert guard().series_of(known) == SERIES, "what the event says of its provider decides"
    unknown_then = replace(event("ann@example.com"), provider="")
    assert guard().series_of(unknown_then) == Series("example.com", Reason.USER_UNKNOWN)


@pytest.mark.parametrize(
    ("sender", "group", "blamed"),
    [
        ("News@Example.ORG", "list", "example.org"),
        ("<news@example.org>", "", "example.org"),
        ("", "list", "list"),
        ("", "", NOBODY),
        ("x" * 1000, "", "x" * 255),
    ],
)
def test_the_domain_of_the_sender_is_blamed_else_the_group(
    sender: str, group: str, blamed: str
) -> None:
    assert sender_of(replace(event(), sender=sender, group=group)) == blamed


@pytest.mark.parametrize(
    ("sends", "limit"),
    [(1, 10), (25, 10), (100, 25), (500, 85), (1000, 100), (5000, 500), (0, 100), (None, 100)],
)
def test_the_limit_of_known_addresses_fits_what_was_sent(sends: int | None, limit: int) -> None:
    watching = guard(lambda *_: sends)
    assert watching.excess(SERIES, limit, NOW, sure=True) is None
    assert watching.excess(SERIES, limit + 1, NOW, sure=True) == limit


def test_slow_spans_sum_up_the_sends_of_their_windows_and_none_of_them_twice() -> None:
    asked: list[int] = []

    def sends(_provider: str, since: int) -> int:
        asked.append(since)
        return 1000

    watching = guard(sends)
    days = watching.spans[1]
    assert watching.excess(SERIES, 501, NOW, days) == 500
    assert len(asked) == 8
    assert {b - a for a, b in zip(asked[1:], asked, strict=False)} == {6 * 3600}
    assert {since % 3600 for since in asked} == {0}
    assert asked[0] <= NOW < asked[0] + 6 * 3600


def test_a_slow_span_never_trips_below_the_number_of_the_window() -> None:
    watching = Guard(GuardSettings(addresses=5000))
    assert [span.addresses for span in watching.spans] == [5000, 5000, 5000]


@pytest.mark.parametrize(
    ("remote", "via"),
    [
        ("dns; relay.example.org", "via relay.example.org"),
        ("dns;Relay.Example.ORG.", "via relay.example.org"),
        ("relay.example.org[192.0.2.1]:25", "via relay.example.org"),
        ("[192.0.2.1]", "via 192.0.2.1"),
        ("dns; " + "x" * 1000, "via " + "x" * 255),
    ],
)
def test_the_server_that_refused_has_a_series_of_its_own(remote: str, via: str) -> None:
    refused = replace(event(), remote_mta=remote)
    assert Series.via(refused) == Series(via, Reason.USER_UNKNOWN)
    watched = list(guard().watched(refused, Known.YES))
    assert [(one.series.provider, one.subject) for one in watched] == [
        ("google", "ann@gmail.com"),
        (via, "google"),
    ]


@pytest.mark.parametrize(
    ("address", "provider", "remote"),
    [
        ("ann@gmail.com", "google", "gmail-smtp-in.l.google.com"),
        ("ann@shop.example", "google", "aspmx.l.google.com"),
        ("ann@firm.example", "firm.example", "mx1.firm.example"),
        ("ann@firm.example", "firm.example", "firm.example"),
        ("ann@web.de", "gmx", "mx-ha02.web.de"),
    ],
)
def test_a_providers_own_server_is_no_relay_that_others_could_speak_for(
    address: str, provider: str, remote: str
) -> None:
    refused = replace(event(address), provider=provider, remote_mta=remote)
    assert [one.series.provider for one in guard().watched(refused, Known.YES)] == [provider]


@pytest.mark.parametrize("remote", ["", "dns;", " ", "[]"])
def test_without_a_name_of_the_server_there_is_no_such_series(remote: str) -> None:
    assert Series.via(replace(event(), remote_mta=remote)) is None


def test_an_address_that_is_new_is_not_watched() -> None:
    assert list(guard().watched(event(), Known.NO)) == []


def test_a_domain_is_named_where_its_mx_alone_tells_the_provider() -> None:
    by_mx = replace(event("ann@shop.example"), provider="google")
    (watched,) = guard().watched(by_mx, Known.YES)
    assert watched.domain == "shop.example"
    for by_name in (event(), replace(event("ann@shop.example"), provider="shop.example")):
        (watched,) = guard().watched(by_name, Known.YES)
        assert watched.domain == ""


def test_a_slow_incident_is_over_below_half_of_its_own_share() -> None:
    watching = guard(lambda *_: 1000)
    slow = Opened(NOW, "google", Reason.USER_UNKNOWN, 501, 500, watching.spans[1].seconds)
    assert watching.recovered(SERIES, 25, NOW, slow)
    assert not watching.recovered(SERIES, 26, NOW, slow)
    assert watching.recovered(SERIES, 50, NOW)
