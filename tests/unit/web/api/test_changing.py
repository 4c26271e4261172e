"""Locks, signs of life, corrections, requests and jobs, and who may change what."""

import time

import pytest
from tests.unit.web.api.interface import NEWS, SHOP, Interface, in_path, read
from tests.websites import Answer

WHY = {"why": "asked by phone"}


def lock(api: Interface, address: str, *, token: str | None = None, **body: object) -> Answer:
    return api.ask("PUT", f"/locks/{in_path(address)}", WHY | body, token=token)


def unlock(api: Interface, address: str, query: str = "", *, token: str | None = None) -> Answer:
    return api.ask("DELETE", f"/locks/{in_path(address)}?why=x{query}", token=token)


def locks_of(api: Interface, address: str) -> list[tuple[str, str]]:
    rows = api.get(f"/locks/{in_path(address)}")["items"]
    return [(one["scope"], one["detail"]) for one in rows]


def test_a_lock_is_made_once(api: Interface) -> None:
    first = lock(api, "Once@kernel.org", until="2099-01-01")
    again = lock(api, "once@kernel.org", until="2099-01-01")
    longer = lock(api, "once@kernel.org")
    assert [one.status for one in (first, again, longer)] == [201, 200, 200]
    assert read(first, 201)["until"] == "2099-01-01T00:00:00Z"
    assert first.header("etag") == again.header("etag") != longer.header("etag")
    assert read(longer)["until"] is None
    record = api.get("/audit?address=once%40kernel.org&limit=1")["items"][0]
    assert (record["via"], record["by"], record["why"]) == ("api", "t0", WHY["why"])


def test_a_lock_that_is_gone_is_no_longer_to_be_lifted(api: Interface) -> None:
    lock(api, "lifted@kernel.org")
    assert read(unlock(api, "lifted@kernel.org"))["locked"] is False
    assert unlock(api, "lifted@kernel.org").status == 204
    assert unlock(api, "unheard@kernel.org").status == 204


def test_a_domain_is_locked_as_a_whole(api: Interface) -> None:
    assert lock(api, "@gnu.org").status == 201
    assert api.get("/check?address=ann%40gnu.org")["verdict"] == "locked"
    answer = unlock(api, "ann@gnu.org")
    assert (answer.status, answer.kind) == (409, "domain-lock")
    assert lock(api, "@gnu.org", group=SHOP).kind == "body"
    assert unlock(api, "@gnu.org").status == 200


@pytest.mark.parametrize(
    "body",
    [
        {"why": ""},
        {"why": " "},
        {},
        WHY | {"until": "yesterday"},
        WHY | {"until": "1999-01-01"},
        WHY | {"reason": "lost"},
        WHY | {"reason": "delivered"},
        WHY | {"force": True},
        [],
    ],
)
def test_a_lock_that_means_nothing_is_refused(api: Interface, body: object) -> None:
    answer = api.ask("PUT", "/locks/faulty%40kernel.org", body)
    assert (answer.status, answer.kind) == (422, "body"), answer.text
    assert locks_of(api, "faulty@kernel.org") == []


def test_what_a_token_may_not_lift_stays(api: Interface) -> None:
    soft = api.token("unlock")
    answer = unlock(api, "gone@debian.org", token=soft)
    assert (answer.status, answer.kind, read(answer, 409)["reason"]) == (
        409,
        "hard-lock",
        "user-unknown",
    )
    assert unlock(api, "hand@kernel.org", token=soft).kind == "by-hand"
    assert lock(api, "other@kernel.org", token=soft).kind == "scope"
    assert len(locks_of(api, "gone@debian.org")) == 1
    hard = api.token("unlock-hard")
    assert unlock(api, "gone@debian.org", token=hard).status == 200
    assert unlock(api, "hand@kernel.org", token=hard).kind == "by-hand"
    assert unlock(api, "hand@kernel.org", token=api.token("unlock-manual")).status == 200


def test_a_protected_lock_is_not_made_shorter(api: Interface) -> None:
    soft = api.token("lock")
    answer = lock(api, "gone@kernel.org", until="1 day", token=soft)
    assert (answer.status, answer.kind) == (409, "hard-lock"), answer.text


def test_a_token_with_groups_changes_their_locks_alone(api: Interface) -> None:
    shop = api.token("lock,unlock,unlock-manual,unlock-hard,alive,correct,request,purge", SHOP)
    assert lock(api, "mine@kernel.org", token=shop).kind == "group"
    assert lock(api, "mine@kernel.org", token=shop, group=NEWS).kind == "group"
    assert lock(api, "mine@kernel.org", token=shop, group=SHOP).status == 201
    lock(api, "mine@kernel.org")
    lock(api, "mine@kernel.org", group=NEWS)
    assert unlock(api, "mine@kernel.org", f"&group={NEWS}", token=shop).kind == "group"
    assert unlock(api, "mine@kernel.org", token=shop).status == 200
    scopes = {scope for scope, _ in locks_of(api, "mine@kernel.org")}
    assert scopes == {"global", f"group:{NEWS}"}
    assert unlock(api, "mine@kernel.org", token=shop).status == 204
    whole = {"filter": {}, "dry_run": True} | WHY
    assert read(api.ask("POST", "/unlocks", whole, token=shop))["free"] == 0
    for path, body in (
        ("/alive:batch", {"addresses": ["a@kernel.org"]} | WHY),
        ("/corrections", {"items": []} | WHY),
    ):
        assert api.ask("POST", path, body, token=shop).kind == "group"
    gone = api.ask("DELETE", "/addresses/mine%40kernel.org/data?why=x", token=shop)
    assert gone.kind == "group"


def test_a_change_goes_by_the_version_that_was_seen(api: Interface) -> None:
    path = "/locks/seen%40kernel.org"
    none = api.ask("PUT", path, WHY, If_Match='"7"')
    assert (none.status, none.kind, none.header("etag")) == (412, "changed", '"0"')
    made = api.ask("PUT", path, WHY, If_Match='"0"')
    assert made.status == 201
    late = api.ask("DELETE", f"{path}?why=x", If_Match='"0"')
    assert (late.status, late.kind) == (412, "changed")
    seen = api.ask("DELETE", f"{path}?why=x", If_Match=made.header("etag"))
    assert seen.status == 200


def test_a_batch_tells_of_each(api: Interface) -> None:
    soft = api.token("lock,unlock")
    items = [
        {"address": "b1@kernel.org"},
        {"address": "b2@kernel.org", "until": "1 day", "reason": "unsubscribed"},
        {"address": "no address"},
        {"address": "b1@kernel.org"},
        {"address": "b3@kernel.org", "until": "never"},
    ]
    body = {"items": items, "dry_run": True} | WHY
    dry = read(api.ask("POST", "/locks:batch", body, token=soft))
    statuses = ["done", "done", "refused", "refused", "refused"]
    assert [one["status"] for one in dry["items"]] == statuses
    assert (dry["done"], dry["kept"], dry["dry_run"]) == (2, 3, True)
    assert dry["items"][2]["problem"]["type"] == "/problems/address"
    assert locks_of(api, "b1@kernel.org") == []
    atomic = api.ask("POST", "/locks:batch", body | {"dry_run": False, "atomic": True}, token=soft)
    assert (atomic.status, atomic.kind, len(read(atomic, 409)["items"])) == (409, "batch", 5)
    assert locks_of(api, "b1@kernel.org") == []
    real = read(api.ask("POST", "/locks:batch", body | {"dry_run": False}, token=soft))
    assert real == dry | {"dry_run": False}
    assert locks_of(api, "b2@kernel.org") == [("global", "unsubscribed")]
    wanted = {"addresses": ["b1@kernel.org", "b2@kernel.org", "gone@kernel.org", "n@kernel.org"]}
    found = read(api.ask("POST", "/unlocks:batch", wanted | WHY, token=soft))
    kinds = [one.get("problem", {}).get("type") for one in found["items"]]
    by_hand = "/problems/by-hand"
    assert kinds == [by_hand, "/problems/hard-lock", "/problems/hard-lock", None]
    found = read(api.ask("POST", "/unlocks:batch", wanted | WHY))
    assert [one["status"] for one in found["items"]] == ["done", "done", "done", "unchanged"]
    assert locks_of(api, "gone@kernel.org") == []


def test_a_batch_has_a_bound(api: Interface) -> None:
    many = [f"m{n}@kernel.org" for n in range(1001)]
    for path, body in (
        ("/unlocks:batch", {"addresses": many}),
        ("/alive:batch", {"addresses": many}),
        ("/locks:batch", {"items": [{"address": one} for one in many]}),
    ):
        answer = api.ask("POST", path, body | WHY)
        assert (answer.status, answer.kind, read(answer, 413)["limit"]) == (413, "too-many", 1000)
    locks = {"items": [{"address": one} for one in many[:1000]]} | WHY
    assert read(api.ask("POST", "/locks:batch", locks))["done"] == 1000
    unlocks = {"addresses": many[:1000]} | WHY
    assert read(api.ask("POST", "/unlocks:batch", unlocks))["done"] == 1000


def test_a_sign_of_life_starts_counts_again(api: Interface) -> None:
    body = {"addresses": ["full@kernel.org", "new@kernel.org", "x"]} | WHY
    found = read(api.ask("POST", "/alive:batch", body))
    assert [one["status"] for one in found["items"]] == ["done", "unchanged", "refused"]
    assert api.get("/addresses/full%40kernel.org")["soft_in_row"] == 0


def test_what_filters_select_is_unlocked_by_a_job(api: Interface) -> None:
    for number in range(3):
        lock(api, f"job{number}@fsf.org")
    body = {"filter": {"domain": "fsf.org"}} | WHY
    dry = read(api.ask("POST", "/unlocks", body | {"dry_run": True}))
    assert (dry["free"], dry["first"]) == (3, [f"job{n}@fsf.org" for n in range(3)])
    soft = api.ask("POST", "/unlocks", body | {"dry_run": True}, token=api.token("unlock"))
    assert read(soft)["kept"] == {"manual": 3}
    begun = api.ask("POST", "/unlocks", body)
    path = begun.header("location").removeprefix("/api/v1")
    assert (begun.status, path) == (202, f"/jobs/{read(begun, 202)['id']}")
    deadline = time.monotonic() + 30
    while (job := api.get(path))["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline
    assert (job["state"], job["total"], job["done"], job["kept"]) == ("done", 3, 3, 0)
    assert api.ask("GET", path, token=api.token("unlock")).status == 404
    assert api.ask("DELETE", path).kind == "begun"
    assert api.ask("GET", "/jobs/0000abcd-1").kind == "gone"
    assert api.ask("GET", "/jobs/x").kind == "not-found"
    assert api.ask("POST", "/unlocks", {"filter": {"colour": 1}} | WHY).kind == "body"


def test_a_key_is_answered_as_the_first_time(api: Interface) -> None:
    body = {"items": [{"address": "key@kernel.org"}]} | WHY
    first = api.ask("POST", "/locks:batch", body, Idempotency_Key="k1")
    unlock(api, "key@kernel.org")
    again = api.ask("POST", "/locks:batch", body, Idempotency_Key="k1")
    assert (again.status, again.body) == (200, first.body)
    assert again.header("idempotency-replayed") == "true"
    assert locks_of(api, "key@kernel.org") == []
    other = api.ask("POST", "/locks:batch", body | {"why": "y"}, Idempotency_Key="k1")
    assert (other.status, other.kind) == (422, "key-reused")
    mine = api.ask("POST", "/locks:batch", body, token=api.token("lock"), Idempotency_Key="k1")
    assert mine.header("idempotency-replayed") == ""
    bad = body | {"items": [{"address": "x"}], "atomic": True}
    assert api.ask("POST", "/locks:batch", bad, Idempotency_Key="k2").status == 409
    assert api.ask("POST", "/locks:batch", body, Idempotency_Key="k2").status == 200
    assert api.ask("POST", "/locks:batch", body, Idempotency_Key="x" * 256).kind == "parameter"


def test_an_address_is_corrected(api: Interface) -> None:
    id_ = api.get("/addresses?state=bounced&domain=debian.org")["items"][0]["id"]
    items = [
        {"old": "gone@kernel.org", "new": "right@kernel.org"},
        {"id": id_, "new": "other@debian.org"},
        {"id": "bbbbbbbbbbbbbb", "new": "third@debian.org"},
        {"old": "x", "new": "y"},
        {"new": "third@debian.org"},
    ]
    body = {"items": items} | WHY
    dry = read(api.ask("POST", "/corrections", body | {"dry_run": True}))
    statuses = ["done", "done", "refused", "refused", "refused"]
    assert [one["status"] for one in dry["items"]] == statuses
    found = read(api.ask("POST", "/corrections", body))
    assert found == dry | {"dry_run": False}
    assert api.get("/addresses/gone%40kernel.org")["corrected_to"] == "right@kernel.org"
    again = read(api.ask("POST", "/corrections", {"items": items[:1]} | WHY))
    assert again["items"][0]["status"] == "unchanged"


@pytest.mark.parametrize(
    "receiver", ["-oQ/tmp@example.org", "@example.org", "ann", "a@b.c\nTo: x@y.z"]
)
def test_a_request_names_nobody_who_cannot_be_mailed(api: Interface, receiver: str) -> None:
    body = {"addresses": ["ann@example.org"], "why": "w", "notify": receiver}
    before = len(api.get("/requests")["items"])
    assert api.ask("POST", "/requests", body).status == 400
    assert len(api.get("/requests")["items"]) == before


def test_a_request_is_decided_by_somebody_else(api: Interface) -> None:
    for name in ("r1", "r2"):
        lock(api, f"{name}@kernel.org")
    asker, soft = api.token("request"), api.token("unlock")
    body = {"addresses": ["r1@kernel.org", "r2@kernel.org"]} | WHY
    made = read(api.ask("POST", "/requests", body, token=asker), 201)["items"]
    first, second = (one["id"] for one in made)
    assert api.ask("GET", "/requests", token=asker).kind == "scope"
    waiting = api.get("/requests")["items"]
    assert [one["address"] for one in waiting] == body["addresses"]
    assert waiting == api.command("requests", "list")
    refused = api.ask("POST", f"/requests/{first}:approve", WHY, token=soft)
    assert (refused.status, refused.kind) == (403, "forbidden")
    assert api.ask("POST", f"/requests/{first}:approve", WHY).status == 200
    assert api.ask("POST", f"/requests/{second}:decline", WHY).status == 200
    assert api.ask("POST", f"/requests/{second}:decline", WHY).kind == "not-found"
    assert locks_of(api, "r1@kernel.org") == []
    assert len(locks_of(api, "r2@kernel.org")) == 1
    assert api.get("/requests")["items"] == []


def test_there_is_no_incident_to_be_settled(api: Interface) -> None:
    assert api.ask("POST", "/incidents/7:confirm", WHY).kind == "not-found"
    assert api.ask("POST", "/incidents/x:confirm", WHY).status == 404


def test_a_person_is_forgotten_but_stays_locked(api: Interface) -> None:
    path = "/addresses/full%40debian.org/data?why=asked"
    lock(api, "full@debian.org", until="2099-01-01")
    gone = read(api.ask("DELETE", path))
    assert gone["removed"]["events"] == 1
    assert (gone["locked"], gone["until"]) == (True, "2099-01-01T00:00:00Z")
    assert api.get("/addresses/full%40debian.org/history")["steps"] == []
    assert api.get("/check?address=full%40debian.org")["verdict"] == "locked"
    nothing = read(api.ask("DELETE", "/addresses/nobody%40debian.org/data?why=asked"))
    assert (nothing["removed"], nothing["locked"]) == ({}, False)
    assert api.ask("DELETE", "/addresses/%40debian.org/data?why=x").kind == "address"
    assert api.ask("DELETE", "/addresses/full%40debian.org/data").kind == "parameter"
