"""Several events in one request: in bounds, with an id of their own, and apart if it is refused."""

from __future__ import annotations

from tests.unit.web.events.delivering import (
    NAMES,
    Site,
    addresses,
    deliver,
    receiver,
    site,
    told_by,
)
from tests.unit.web.events.receiver import Receiver

from bouncegate.web.events.deliveries import MOST_WAITING
from bouncegate.web.events.retries import DELAYS

__all__ = ["receiver", "site"]


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
