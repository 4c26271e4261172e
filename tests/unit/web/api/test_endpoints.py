"""Endpoints of events by the interface: what they are, pausing them, and sending again."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.unit.web.api.interface import Interface, fill, read
from tests.websites import WebSite

from bouncegate.admin.installation import Installation
from bouncegate.web.events.deliveries import Attempt, Came, Parcel, Place
from bouncegate.web.events.event import Event
from bouncegate.web.events.eventstore import EventStore
from bouncegate.web.events.position import Position

MORE = (
    "[api]\nrate = 10000\n[events]\nenabled = true\n"
    '[[events.endpoint]]\nname = "shop"\nurl = "https://shop.example/secret-path"\n'
    '[[events.endpoint]]\nname = "new"\nurl = "https://new.example/hook"\n'
)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interface]:
    """A site whose endpoint `shop` has begun, as the daemon writes it down."""
    site = WebSite(Path(tmp_path_factory.mktemp("endpoints")), MORE)
    fill(site)
    settings = Installation(site.config).settings
    with closing(EventStore.open(settings.store, readonly=False)) as events:
        place = Place(Position(3, 0, 0, 0), time=int(time.time()))
        events.deliveries.start("shop", place)
        event = Event("id-1", "address.locked", "2026-11-28T07:20:41Z", 1, {"address": "a@b.org"})
        dead = Parcel(1, (event,), tries=9, error="x")
        tried = Attempt(time.time(), "id-1", "address.locked", 500, 0.1, "no", "dead")
        events.deliveries.settle("shop", place, Came(dead=[dead], tried=[tried]))
    with site.serving():
        yield Interface(site)


def _shop(api: Interface) -> dict[str, object]:
    found: dict[str, object] = api.get("/endpoints")["items"][0]
    return found


def test_endpoints_are_those_of_the_command_without_their_secrets(told: Interface) -> None:
    assert told.get("/endpoints")["items"] == told.command("events", "status")
    assert _shop(told)["target"] == "https://shop.example:443"
    deliveries = told.get("/endpoints/shop/deliveries")
    assert [one["status"] for one in deliveries["tried"]] == [500]
    assert [one["id"] for one in deliveries["dead"]] == ["id-1"]


def test_endpoints_are_paused_and_go_on(told: Interface) -> None:
    paused = read(told.ask("POST", "/endpoints/shop:pause", {"paused": True}))
    assert paused == _shop(told)
    assert (paused["state"], paused["error"].partition(" by ")[0]) == ("disabled", "paused")
    assert read(told.ask("POST", "/endpoints/shop:pause", {"paused": False}))["state"] == "ok"
    assert _shop(told)["dead"] == 1, "going on sends no dead letter again"


def test_endpoints_are_sent_dead_letters_again_or_all_since_a_time(told: Interface) -> None:
    path = "/endpoints/shop:replay"
    assert read(told.ask("POST", path, {"ids": ["other"]})) == {"dead": 0, "since": False}
    assert read(told.ask("POST", path, {})) == {"dead": 1, "since": False}
    assert (_shop(told)["dead"], _shop(told)["waiting"]) == (0, 1)
    behind = _shop(told)["behind"]
    assert read(told.ask("POST", path, {"since": "30 days"})) == {"dead": 0, "since": True}
    assert int(str(_shop(told)["behind"])) >= int(str(behind)) > 0


@pytest.mark.parametrize(
    ("method", "path", "body", "kind"),
    [
        ("GET", "/endpoints/lost/deliveries", None, "not-found"),
        ("POST", "/endpoints/new:pause", {"paused": True}, "changed"),
        ("POST", "/endpoints/new:replay", {}, "changed"),
        ("POST", "/endpoints/shop:replay", {"since": "never"}, "parameter"),
        ("POST", "/endpoints/shop:replay", {"since": "1 day", "ids": []}, "parameter"),
        ("POST", "/endpoints/shop:pause", {}, "body"),
    ],
)
def test_endpoints_that_cannot_do_it_say_why(
    told: Interface, method: str, path: str, body: object, kind: str
) -> None:
    assert told.ask(method, path, body).kind == kind


def test_endpoints_are_for_admins_alone(told: Interface) -> None:
    token = told.token("events,read,audit")
    for method, path in (("GET", "/endpoints"), ("POST", "/endpoints/shop:replay")):
        assert told.ask(method, path, token=token).kind == "scope"
    assert told.ask("GET", "/endpoints", token=told.token("admin", "shop.example")).kind == "group"


def test_endpoints_are_none_where_none_is_set(api: Interface) -> None:
    assert api.get("/endpoints") == {"items": []}
    assert api.ask("GET", "/endpoints/shop/deliveries").kind == "not-found"
