"""Sending applications ask and act over HTTP, and learn what happens, sentence by sentence."""

import time
from contextlib import closing
from typing import Any

from tests.events import event_of
from tests.stores import open_store
from tests.unit.web.api.conftest import api
from tests.unit.web.api.interface import POLICY, Interface, in_path, read

from bouncegate.config.taxonomy import Reason
from bouncegate.store.store import Bounce

__all__ = ["api"]

GONE, NEW = "gone@kernel.org", "new@kernel.org"


def _events(api: Interface, after: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(f"/events?limit=1000&after={after}")["items"]
    return found


def _now(api: Interface) -> str:
    """The place behind the last event."""
    return str(api.get("/events")["next"])


def test_applications_ask_over_http_whom_they_may_mail(api: Interface) -> None:
    asked = {"addresses": [GONE, NEW, "no address"]}
    found = read(api.ask("POST", "/check", asked, token=api.token("check")))["items"]
    assert [one["verdict"] for one in found] == ["locked", "good", "invalid"]


def test_applications_act_over_http(api: Interface) -> None:
    path = f"/locks/{in_path(NEW)}"
    assert api.ask("PUT", path, {"why": "asked by phone"}).status in (200, 201)
    assert api.get(f"/check?address={in_path(NEW)}")["verdict"] == "locked"
    assert api.ask("DELETE", f"{path}?why=emptied").status == 200
    assert api.get(f"/check?address={in_path(NEW)}")["verdict"] == "good"


def test_applications_learn_of_every_lock_and_unlock_as_it_happens(api: Interface) -> None:
    after = _now(api)
    path = f"/locks/{in_path('learnt@kernel.org')}"
    api.ask("PUT", path, {"why": "asked by phone"})
    api.ask("DELETE", f"{path}?why=emptied")
    types = [one["type"] for one in _events(api, after)]
    assert types == ["address.locked", "address.unlocked"]


def test_applications_learn_of_every_bounce_and_complaint(api: Interface) -> None:
    abuse = {"identity": b"c" * 16, "feedback": "abuse"}
    complaint = event_of("sue@kernel.org", int(time.time()), Reason.COMPLAINT, **abuse)
    with closing(open_store(api.site.folder / "store")) as store:
        store.record([Bounce([complaint], b"")], POLICY)
    told: dict[str, list[str]] = {GONE: [], "sue@kernel.org": []}
    for one in _events(api, "0"):
        told.get(str(one["data"].get("address")), []).append(one["type"])
    assert told[GONE][:2] == ["bounce.received", "address.locked"]
    assert told["sue@kernel.org"] == ["complaint.received", "address.locked"]
