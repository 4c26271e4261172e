"""What the journal does not tell: refusals in sums, and senders that are blamed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.events import event_of
from tests.stores import open_store, store_settings

from bouncegate.config.settings import LedgerSettings, Settings
from bouncegate.config.taxonomy import Reason
from bouncegate.config.values import Size
from bouncegate.config.websettings import EndpointSettings, EventsSettings
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Act
from bouncegate.store.ledger import Ledger
from bouncegate.store.refusals import Refused, RefusedRecipient
from bouncegate.store.store import Bounce
from bouncegate.web.events.collector import Collector
from bouncegate.web.events.event import Event, Maker
from bouncegate.web.events.eventstore import EventStore

HOUR = 3600
START = 1_790_000_000 // HOUR * HOUR


class Site:
    def __init__(self, folder: Path, *, each: bool = False) -> None:
        self.store = open_store(folder)
        self.events = EventStore.open(store_settings(folder), readonly=False)
        ledger = LedgerSettings(enabled=True, max_size=Size(16 * 2**20))
        self.ledger = Ledger.open(store_settings(folder), ledger, readonly=False)
        endpoint = EndpointSettings(name="a", each=each)
        self.settings = Settings(
            store=store_settings(folder), ledger=ledger, events=EventsSettings(endpoint=(endpoint,))
        )
        self.policy = Policy(self.settings.policy, ["signed"])
        self.collector = Collector(
            self.settings, self.store, self.events.outbox, Maker("mx1"), lambda: self.ledger
        )

    def refuse(self, time: int, *addresses: str) -> None:
        some = tuple(RefusedRecipient(one, "user-unknown", 1) for one in addresses)
        self.ledger.write([], [Refused(time, "news@shop.example", some, "spring", "readers")])

    def told(self) -> list[tuple[str, Event]]:
        return [(one.whom, one.event) for one in self.events.outbox.next(0, 1000)]

    def close(self) -> None:
        self.ledger.close()
        self.events.close()
        self.store.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with closing(Site(tmp_path)) as found:
        yield found


def test_refusals_are_summed_by_address_and_hour(site: Site) -> None:
    act = Act(("ann@example.com",), START - 60, "lock", "bob", until=START + 10 * HOUR)
    site.store.act([act], site.policy.fold)
    site.collector.look(START + 100)
    for minute in range(30):
        site.refuse(START + minute * 60, "ann@example.com")
    site.refuse(START + 1800, "bob@example.com")
    site.collector.look(START + 3000)
    assert site.told() == [], "the hour is not over"
    site.collector.look(START + HOUR + 70)
    site.collector.look(START + HOUR + 80)
    counts = {event.address: event.data["count"] for _, event in site.told()}
    assert counts == {"ann@example.com": 30, "bob@example.com": 1}
    (ann,) = (event for _, event in site.told() if event.address == "ann@example.com")
    assert ann.data["sender"] == "news@shop.example"
    assert (ann.data["mailing"], ann.data["group"]) == ("spring", "readers")
    assert ann.data["until"] == "2026-09-22T00:00:00Z"
    assert {whom for whom, _ in site.told()} == {"sum"}


def test_refusals_of_the_next_hour_are_counted_from_nothing(site: Site) -> None:
    site.collector.look(START + 100)
    site.refuse(START + 200, "ann@example.com")
    site.collector.look(START + HOUR + 70)
    site.refuse(START + HOUR + 100, "ann@example.com")
    site.refuse(START + HOUR + 101, "ann@example.com")
    site.collector.look(START + 2 * HOUR + 70)
    assert [event.data["count"] for _, event in site.told()] == [1, 2]


def test_refusals_before_the_first_look_are_not_told(site: Site) -> None:
    site.refuse(START + 1, "ann@example.com")
    site.collector.look(START + 100)
    site.collector.look(START + HOUR + 70)
    assert site.told() == []


def test_refusals_over_midnight_are_told_once(site: Site) -> None:
    midnight = (START // 86_400 + 1) * 86_400
    site.collector.look(midnight - HOUR + 100)
    site.refuse(midnight - 10, "ann@example.com")
    site.refuse(midnight + 10, "ann@example.com")
    for hour in range(30):
        site.collector.look(midnight + hour * HOUR + 70)
    assert sum(event.data["count"] for _, event in site.told()) == 2


def test_each_refusal_is_told_soon_to_who_asks_for_that(tmp_path: Path) -> None:
    with closing(Site(tmp_path, each=True)) as site:
        site.collector.look(START + 100)
        site.refuse(START + 101, "ann@example.com")
        site.collector.look(START + 120)
        assert [(whom, event.data["count"]) for whom, event in site.told()] == [("each", 1)]


def test_a_sender_that_is_blamed_often_is_told_once_an_hour(site: Site) -> None:
    def blame(number: int, count: int) -> None:
        for n in range(count):
            event = event_of(
                f"u{number}-{n}@example.com",
                START + 10,
                Reason.SPAM_BLOCK,
                identity=f"{number:08}{n:08}".encode(),
                sender="news@shop.example",
            )
            site.store.record([Bounce([event], b"")], site.policy)

    site.collector.look(START + 1)
    blame(1, 19)
    site.collector.look(START + 20)
    assert site.told() == []
    blame(2, 1)
    for later in (30, 40, 50):
        site.collector.look(START + later)
    ((_, event),) = site.told()
    data: dict[str, Any] = event.data
    assert (event.type, data["sender"], data["bounces"]) == ("sender.blamed", "shop.example", 20)
    assert (data["reason"], bool(data["advice"])) == ("spam-block", True)
