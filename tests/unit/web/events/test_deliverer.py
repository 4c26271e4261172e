"""Delivery to one endpoint: real receivers, a real store, and a clock that the test holds."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.events import event_of
from tests.stores import store_settings
from tests.unit.web.events.histories import DAY, START, History
from tests.unit.web.events.receiver import Receiver

from bouncegate.config.taxonomy import Reason
from bouncegate.config.values import FileName, HookUrl
from bouncegate.config.websettings import EndpointSettings
from bouncegate.policy.records import Act
from bouncegate.store.store import Bounce
from bouncegate.web.events.deliverer import Deliverer, Telling
from bouncegate.web.events.deliveries import MOST_WAITING
from bouncegate.web.events.event import AddressPurged, Maker
from bouncegate.web.events.eventstore import EventStore
from bouncegate.web.events.retries import DELAYS
from bouncegate.web.events.sender import Sender
from bouncegate.web.events.signature import sign
from bouncegate.web.events.source import Source

KEEPS = 30 * DAY
KEY = bytes(range(32))


class Site:
    """A store, the environment of its events, and a clock."""

    def __init__(self, folder: Path) -> None:
        (folder / "store").mkdir()
        self.folder = folder
        self.history = History(folder / "store", 0)
        self.events = EventStore.open(store_settings(folder / "store"), readonly=False)
        self.now = float(START)
        self._senders: list[Sender] = []
        secret = folder / "secret"
        secret.write_text("whsec_" + base64.b64encode(KEY).decode() + "\n")
        secret.chmod(0o600)
        self.secret = secret

    def deliverer(self, url: str, **settings: Any) -> Deliverer:
        endpoint = EndpointSettings(
            name="a", url=HookUrl(url), secret_file=FileName(self.secret), **settings
        )
        source = Source(self.history.store, self.events.outbox, self.history.policy, "mx1")
        telling = Telling(source, self.events.deliveries, Maker("mx1"), KEEPS)
        sender = Sender(endpoint, forbids_private=False, now=lambda: self.now)
        self._senders.append(sender)
        found = Deliverer(endpoint, telling, sender, lambda: self.now)
        found.round()
        return found

    def bounce(self, *addresses: str) -> None:
        for address in addresses:
            self.now += 1
            event = event_of(address, int(self.now), Reason.SPAM_BLOCK, identity=os.urandom(16))
            self.history.store.record([Bounce([event], b"")], self.history.policy)

    def lock(self, *addresses: str) -> None:
        self.now += 1
        act = Act(addresses, int(self.now), "lock", "ann")
        self.history.store.act([act], self.history.policy.fold)

    def close(self) -> None:
        for sender in self._senders:
            sender.close()
        self.events.close()
        self.history.store.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with closing(Site(tmp_path)) as found:
        yield found


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with Receiver(tmp_path / "receiver") as found:
        yield found


def deliver(deliverer: Deliverer) -> None:
    """Rounds until there is nothing to do now."""
    for _ in range(2000):
        if not deliverer.round():
            return
    raise AssertionError("it never comes to rest")


def addresses(requests: list[dict[str, Any]]) -> list[str]:
    return [one["data"]["address"] for one in requests]


def told_by(receiver: Receiver) -> list[dict[str, Any]]:
    """The events of the batches that were accepted."""
    batches: list[Any] = list(receiver.accepted())
    return [event for batch in batches for event in batch]


NAMES = [f"user{n}@example.com" for n in range(12)]


def test_a_new_endpoint_is_told_what_comes_from_then_on(site: Site, receiver: Receiver) -> None:
    site.bounce("before@example.com")
    deliverer = site.deliverer(receiver.url)
    site.bounce(*NAMES)
    deliver(deliverer)
    assert sorted(addresses(receiver.accepted())) == sorted(NAMES)


def test_a_request_is_signed_as_the_standard_says(site: Site, receiver: Receiver) -> None:
    deliverer = site.deliverer(receiver.url)
    site.bounce("ann@example.com")
    deliver(deliverer)
    (one,) = receiver.got()
    headers = one["headers"]
    assert headers["webhook-id"] == one["json"]["id"]
    assert headers["webhook-timestamp"] == str(int(site.now))
    assert headers["webhook-signature"] == sign(
        KEY, one["json"]["id"], int(site.now), one["body"].encode()
    )
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"].startswith("Bouncegate/")


def test_a_failed_event_is_tried_again_by_the_table_and_then_is_a_dead_letter(
    site: Site, receiver: Receiver
) -> None:
    receiver.plan(by_address={"poison@example.com": 500})
    deliverer = site.deliverer(receiver.url)
    site.bounce("poison@example.com", *NAMES)
    deliver(deliverer)
    assert sorted(addresses(receiver.accepted())) == sorted(NAMES)
    for delay in DELAYS:
        before = len(receiver.got())
        site.now += delay * 0.99 - 1
        deliver(deliverer)
        assert len(receiver.got()) == before, "tried before its time"
        site.now += delay * 0.12 + 2
        site.bounce("well@example.com")
        deliver(deliverer)
        assert len(receiver.got()) == before + 2
    (dead,) = site.events.deliveries.dead("a")
    assert dead.tries == len(DELAYS) + 1 == 10
    assert site.events.deliveries.waiting("a") == []
    ids = {one["headers"]["webhook-id"] for one in receiver.got() if one["status"] == 500}
    assert ids == {dead.id}


def test_a_failing_event_holds_back_its_own_address_alone(site: Site, receiver: Receiver) -> None:
    receiver.plan(by_address={"poison@example.com": 503})
    deliverer = site.deliverer(receiver.url)
    site.bounce("poison@example.com")
    deliver(deliverer)
    site.lock("poison@example.com", "well@example.com")
    deliver(deliverer)
    assert [one["status"] for one in receiver.got()] == [503, 200]
    receiver.plan()
    site.now += 10
    deliver(deliverer)
    own = [one for one in receiver.accepted() if one["data"]["address"] == "poison@example.com"]
    assert [one["type"] for one in own] == ["bounce.received", "address.locked"]


def test_strict_ordering_holds_back_everything(site: Site, receiver: Receiver) -> None:
    receiver.plan(by_address={NAMES[0]: 500})
    deliverer = site.deliverer(receiver.url, ordering="strict")
    site.bounce(*NAMES)
    deliver(deliverer)
    assert addresses([one["json"] for one in receiver.got()]) == NAMES[:1]
    receiver.plan()
    site.now += 10
    deliver(deliverer)
    assert addresses(receiver.accepted()) == NAMES


def test_a_receiver_that_is_down_for_a_day_gets_all_in_order_and_nothing_is_dead(
    site: Site, receiver: Receiver
) -> None:
    deliverer = site.deliverer(receiver.url)
    receiver.stop()
    for hour in range(24):
        site.bounce(*(f"user{n}@example.com" for n in range(40)))
        site.lock(*(f"hour{hour}-{n}@example.com" for n in range(40)))
        for _ in range(60):
            deliver(deliverer)
            site.now += 60
    assert len(site.events.deliveries.waiting("a")) <= MOST_WAITING + 100
    receiver.start()
    for _ in range(120):
        deliver(deliverer)
        site.now += 60
    found = receiver.accepted()
    assert site.events.deliveries.dead("a") == []
    assert len({one["id"] for one in found}) == len(found) == 24 * 80
    for address in {one["data"]["address"] for one in found}:
        own = [one["sequence"] for one in found if one["data"]["address"] == address]
        assert own == sorted(own)


def test_410_disables_and_a_replay_by_hand_enables_and_misses_nothing(
    site: Site, receiver: Receiver
) -> None:
    receiver.plan(status=410)
    deliverer = site.deliverer(receiver.url)
    site.bounce("ann@example.com")
    deliver(deliverer)
    receiver.plan()
    site.bounce("bob@example.com")
    site.now += 2 * DAY
    deliver(deliverer)
    assert receiver.accepted() == []
    place = site.events.deliveries.place("a")
    assert place is not None
    assert place.disabled
    site.events.deliveries.replay_dead("a", None, site.now)
    deliver(deliverer)
    assert sorted(addresses(receiver.accepted())) == ["ann@example.com", "bob@example.com"]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_a_failure_and_leads_nowhere(
    site: Site, receiver: Receiver, status: int
) -> None:
    receiver.plan(status=status, headers={"location": f"{receiver.url}/elsewhere"})
    deliverer = site.deliverer(receiver.url)
    site.bounce("ann@example.com")
    deliver(deliverer)
    assert [one["path"] for one in receiver.got()] == ["/hook"]
    assert len(site.events.deliveries.waiting("a")) == 1


def test_retry_after_is_honoured(site: Site, receiver: Receiver) -> None:
    receiver.plan(status=429, headers={"retry-after": "900"})
    deliverer = site.deliverer(receiver.url)
    site.bounce("ann@example.com")
    deliver(deliverer)
    receiver.plan()
    site.now += 890
    deliver(deliverer)
    assert len(receiver.got()) == 1
    site.now += 20
    deliver(deliverer)
    assert len(receiver.accepted()) == 1


def test_dead_letters_are_replayed_all_or_one_or_by_a_time(site: Site, receiver: Receiver) -> None:
    receiver.plan(status=500)
    deliverer = site.deliverer(receiver.url)
    site.bounce("ann@example.com", "bob@example.com")
    for delay in (0, *DELAYS):
        site.now += delay * 1.2
        for _ in range(3):  # while it is down, one is tried at a time
            deliver(deliverer)
            site.now += 61
    receiver.plan()
    dead = site.events.deliveries.dead("a")
    assert len(dead) == 2
    assert site.events.deliveries.replay_dead("a", [dead[1].id], site.now) == 1
    site.now += 61
    deliver(deliverer)
    assert [one["id"] for one in receiver.accepted()] == [dead[1].id]
    assert site.events.deliveries.replay_dead("a", None, site.now) == 1
    deliver(deliverer)
    assert [one["id"] for one in receiver.accepted()] == [dead[1].id, dead[0].id]
    assert site.events.deliveries.dead("a") == []


def test_an_endpoint_away_longer_than_the_journal_is_kept_gets_one_sync(
    site: Site, receiver: Receiver
) -> None:
    deliver(site.deliverer(receiver.url))
    site.bounce(*NAMES)
    site.now += KEEPS + DAY
    back = site.deliverer(receiver.url)
    deliver(back)
    site.bounce("ann@example.com")
    deliver(back)
    found = receiver.accepted()
    assert [one["type"] for one in found] == ["sync.required", "bounce.received"]
    assert found[0]["data"] == {"because": "away"}
    deliver(site.deliverer(receiver.url))
    assert len(receiver.accepted()) == 2


def test_an_older_store_that_was_restored_makes_a_sync_necessary(
    site: Site, receiver: Receiver, tmp_path: Path
) -> None:
    site.bounce(*NAMES)
    deliver(site.deliverer(receiver.url))
    site.bounce("x@example.com")
    deliver(site.deliverer(receiver.url))
    (tmp_path / "other").mkdir()
    site.history.store.close()
    site.history = History(tmp_path / "other", 1)
    site.bounce("ann@example.com")
    deliver(site.deliverer(receiver.url))
    assert receiver.accepted()[-1]["data"] == {"because": "restored"}


def test_what_the_outbox_had_no_room_for_makes_a_sync_necessary(
    site: Site, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bouncegate.web.events.outbox.MOST_KEPT", 5)
    outbox, make = site.events.outbox, Maker("mx1")
    purges = [(1, make(AddressPurged(f"id{n}"), 1, 0, n), "") for n in range(8)]
    deliverer = site.deliverer(receiver.url)
    outbox.add(purges[:5], {})
    deliver(deliverer)
    assert len(receiver.accepted()) == 5
    receiver.plan(status=500)
    outbox.add(purges, {})
    site.now += 1
    deliver(deliverer)
    receiver.plan()
    site.now += 10
    deliver(deliverer)
    assert [one["data"] for one in receiver.accepted()[5:]] == [{"because": "too-many"}]
    site.bounce("ann@example.com")
    deliver(deliverer)
    assert receiver.accepted()[-1]["type"] == "bounce.received"


def test_a_batch_is_one_request_and_keeps_its_id(site: Site, receiver: Receiver) -> None:
    receiver.plan(status=503)
    deliverer = site.deliverer(receiver.url, batch=10)
    site.bounce(*NAMES)
    deliver(deliverer)
    site.now += 3
    deliver(deliverer)
    receiver.plan()
    site.now += 70
    deliver(deliverer)
    got = receiver.got()
    assert sorted(len(one["json"]) for one in got) == [2, 2, 10, 10]
    assert len({one["headers"]["webhook-id"] for one in got}) == 2
    assert sorted(addresses(told_by(receiver))) == sorted(NAMES)


def test_a_batch_waits_in_bounds_and_dies_event_by_event(site: Site, receiver: Receiver) -> None:
    receiver.plan(status=500)
    deliverer = site.deliverer(receiver.url, batch=200)
    for n in range(12):
        site.lock(*(f"many{n}-{m}@example.com" for m in range(200)))
        site.now += 61
        deliver(deliverer)
    waiting = site.events.deliveries.waiting("a")
    count = sum(len(parcel.events) for parcel in waiting)
    assert MOST_WAITING <= count < MOST_WAITING + 200
    for delay in DELAYS:
        site.now += delay * 1.2
        for _ in range(6):
            deliver(deliverer)
            site.now += 61
    dead = site.events.deliveries.dead("a")
    assert len(dead) >= 200
    assert {len(parcel.events) for parcel in dead} == {1}
    receiver.plan()
    site.events.deliveries.replay_dead("a", None, site.now)
    for _ in range(40):
        deliver(deliverer)
        site.now += 61
    assert len({one["data"]["address"] for one in told_by(receiver)}) == 12 * 200


def test_a_batch_waits_for_more_for_a_while(site: Site, receiver: Receiver) -> None:
    deliverer = site.deliverer(receiver.url, batch=10)
    site.bounce("ann@example.com")
    site.now += 0.5
    deliver(deliverer)
    assert receiver.got() == []
    site.now += 2
    deliver(deliverer)
    assert len(receiver.got()) == 1


def test_a_batch_that_is_refused_is_sent_event_by_event(site: Site, receiver: Receiver) -> None:
    receiver.plan(by_address={NAMES[0]: 422})
    deliverer = site.deliverer(receiver.url, batch=12)
    site.bounce(*NAMES)
    deliver(deliverer)
    for _ in range(3):
        site.now += 10
        deliver(deliverer)
    assert sorted(addresses(told_by(receiver))) == sorted(NAMES[1:])


def test_only_the_types_and_groups_are_sent_that_an_endpoint_asks_for(
    site: Site, receiver: Receiver
) -> None:
    deliverer = site.deliverer(receiver.url, types=("address.locked",), groups=("news",))
    for group in ("", "news", "shop"):
        site.now += 1
        act = Act((f"{group}x@example.com",), int(site.now), "lock", "ann", group=group)
        site.history.store.act([act], site.history.policy.fold)
    site.bounce("ann@example.com")
    deliver(deliverer)
    assert sorted(addresses(receiver.accepted())) == ["newsx@example.com", "x@example.com"]


def test_a_secret_file_that_others_can_read_sends_nothing(site: Site, receiver: Receiver) -> None:
    deliverer = site.deliverer(receiver.url)
    site.secret.chmod(0o644)
    site.bounce("ann@example.com")
    deliver(deliverer)
    assert receiver.got() == []
    site.secret.chmod(0o600)
    site.now += 10
    deliver(deliverer)
    assert len(receiver.accepted()) == 1


def test_two_secrets_give_two_signatures_while_one_replaces_the_other(
    site: Site, receiver: Receiver
) -> None:
    deliverer = site.deliverer(receiver.url)
    site.secret.write_text(
        "".join(f"whsec_{base64.b64encode(bytes([n]) * 32).decode()}\n" for n in (1, 2))
    )
    site.bounce("ann@example.com")
    deliver(deliverer)
    (one,) = receiver.got()
    time = int(one["headers"]["webhook-timestamp"])
    assert one["headers"]["webhook-signature"].split() == [
        sign(bytes([n]) * 32, one["json"]["id"], time, one["body"].encode()) for n in (1, 2)
    ]
