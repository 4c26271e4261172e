"""Delivery to one endpoint: real receivers, a real store, and a clock that the test holds."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from tests.unit.web.events.delivering import (
    KEEPS,
    KEY,
    NAMES,
    Site,
    addresses,
    deliver,
    receiver,
    site,
)
from tests.unit.web.events.histories import DAY, History
from tests.unit.web.events.receiver import Receiver

from bouncegate.policy.records import Act
from bouncegate.web.events.deliveries import MOST_WAITING
from bouncegate.web.events.event import AddressPurged, Maker
from bouncegate.web.events.retries import DELAYS
from bouncegate.web.events.signature import sign

__all__ = ["receiver", "site"]


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
