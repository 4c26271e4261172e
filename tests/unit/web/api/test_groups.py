"""Tokens that are bound to groups: their rows, locks for all mail, and nothing of others."""

import msgspec
import pytest
from tests.unit.web.api.interface import NEWS, SHOP, Interface, in_path

SCOPES = "check,read,events"


@pytest.fixture
def shop(api: Interface) -> str:
    return api.token(SCOPES, SHOP)


def test_a_list_of_locks_is_of_its_groups_and_of_all_mail(api: Interface, shop: str) -> None:
    rows = {one["address"]: one for one in api.get("/addresses", token=shop)["items"]}
    assert "later@kernel.org" not in rows  # locked for another group alone
    own, others = rows["gone@kernel.org"], rows["gone@debian.org"]
    assert (own["mailing"], own["text"]) == ("spring", f"text for {SHOP}")
    assert others["reason"] == "user-unknown"
    assert (others["mailing"], others["text"], others["group"], others["hard"]) == ("", "", "", 0)
    assert rows["hand@kernel.org"]["why"] == ""


@pytest.mark.parametrize("order", ["newest", "address", "end"])
def test_every_order_hides_the_same(api: Interface, shop: str, order: str) -> None:
    body = api.ask("GET", f"/addresses?order={order}", token=shop).text
    assert NEWS not in body
    assert "autumn" not in body


def test_bounces_of_others_are_not_listed(api: Interface, shop: str) -> None:
    for state in ("bounced", "detected"):
        for order in ("newest", "address"):
            rows = api.get(f"/addresses?state={state}&order={order}", token=shop)["items"]
            assert {one["group"] for one in rows} == {SHOP}
            assert "both@debian.org" in {one["address"] for one in rows}


def test_of_an_address_of_others_only_a_lock_is_known(api: Interface, shop: str) -> None:
    locked = api.get(f"/addresses/{in_path('gone@debian.org')}", token=shop)
    assert (locked["state"], locked["reason"]) == ("locked", "user-unknown")
    assert (locked["hard"], locked["bounces"], locked["last_bounce"]) == (0, {}, None)
    free = api.get(f"/addresses/{in_path('full@debian.org')}", token=shop)
    unknown = api.get(f"/addresses/{in_path('nobody@debian.org')}", token=shop)
    assert free == unknown | {"address": "full@debian.org"}
    grouped = api.get(f"/addresses/{in_path('later@kernel.org')}", token=shop)
    assert grouped == unknown | {"address": "later@kernel.org"}


def test_a_history_has_the_steps_of_its_groups(api: Interface, shop: str) -> None:
    path = f"/addresses/{in_path('both@debian.org')}/history"
    assert len(api.get(path)["steps"]) == 2
    view = api.get(path, token=shop)
    assert [one["mailing"] for one in view["steps"]] == ["spring"]
    assert NEWS not in api.ask("GET", path, token=shop).text
    known = api.get(f"/addresses/{in_path('both@debian.org')}", token=shop)
    assert (known["state"], known["last_bounce"]) == ("detected", None)


def test_a_judgement_does_not_name_other_groups(api: Interface, shop: str) -> None:
    for address in ("later@kernel.org", "full@debian.org", "gone@debian.org"):
        assert NEWS not in api.ask("GET", f"/check?address={in_path(address)}", token=shop).text
    assert api.get("/check?address=gone%40debian.org", token=shop)["verdict"] == "locked"


def test_reports_count_its_groups(api: Interface, shop: str) -> None:
    assert [one["mailing"] for one in api.get("/mailings", token=shop)["items"]] == ["spring"]
    assert [one["group"] for one in api.get("/groups", token=shop)["items"]] == [SHOP]
    assert api.ask("GET", "/mailings/autumn", token=shop).status == 404
    assert api.get("/mailings/autumn/bounces", token=shop)["items"] == []


@pytest.mark.parametrize(
    "path",
    [
        f"/addresses?group={NEWS}",
        f"/addresses?for_group={NEWS}",
        "/addresses?state=predicted",
        "/addresses?state=invalid",
        "/addresses?state=stale",
        f"/locks/gone%40kernel.org?group={NEWS}",
        f"/check?address=a%40kernel.org&group={NEWS}",
        f"/mailings?group={NEWS}",
        "/summary",
        "/incidents",
    ],
)
def test_what_is_of_others_or_of_all_mail_is_refused(api: Interface, shop: str, path: str) -> None:
    answer = api.ask("GET", path, token=shop)
    assert (answer.status, answer.kind) == (403, "group"), answer.text


def test_a_token_of_several_groups_names_one_where_it_has_to(api: Interface) -> None:
    both = api.token(SCOPES, SHOP, NEWS)
    assert api.ask("GET", "/mailings", token=both).kind == "parameter"
    assert len(api.get(f"/mailings?group={NEWS}", token=both)["items"]) == 1
    assert len(api.get("/addresses", token=both)["items"]) == 5


def test_events_of_others_are_not_told(api: Interface, shop: str) -> None:
    events = api.get("/events?after=0&limit=1000", token=shop)["items"]
    text = msgspec.json.encode(events).decode()
    assert "gone@kernel.org" in text
    assert "autumn" not in text
    assert NEWS not in text
    assert "told us" not in text  # why a lock for all mail was made by hand
    told = {(one["type"], one["data"]["address"]) for one in events}
    assert ("address.locked", "gone@debian.org") in told
    assert ("bounce.received", "gone@debian.org") not in told
