"""What is an outage and what is a dirty list: the guard's decisions, one by one."""

import pytest
from msgspec.structs import replace

from bouncegate.config.settings import GuardSettings
from bouncegate.config.taxonomy import REASONS, Reason
from bouncegate.policy.alarm import NOBODY, sender_of
from bouncegate.policy.guard import Guard, Sends, Series, unknown
from bouncegate.policy.providers import Providers
from bouncegate.policy.records import Event

NOW = 1_770_000_000
PROVIDERS = Providers.of()
SERIES = Series("google", Reason.USER_UNKNOWN)


def guard(sends: Sends = unknown) -> Guard:
    return Guard(GuardSettings(addresses=100, share=0.1), sends)


def event(address: str = "ann@gmail.com", reason: Reason = Reason.USER_UNKNOWN) -> Event:
    definition = REASONS[reason]
    return Event(
        address=address,
        time=NOW,
        kind=definition.kind,
        category=definition.category,
        reason=reason,
        rule="r",
        trust="signed",
        identity=bytes(16),
        provider=PROVIDERS.provider_of(address),
    )


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
