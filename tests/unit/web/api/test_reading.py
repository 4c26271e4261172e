"""Lists, addresses and reports by the interface: the same as the command, page by page."""

import re
from typing import Any

import msgspec
import pytest
from tests.unit.web.api.interface import NEWS, SHOP, Interface, in_path, read

LOCKED = ["later@kernel.org", "soon@kernel.org", "hand@kernel.org", "gone@debian.org",
          "gone@kernel.org"]  # fmt: skip
"""The newest lock first."""


@pytest.mark.parametrize(
    "state", ["locked", "detected", "bounced", "predicted", "invalid", "stale"]
)
def test_a_list_has_the_rows_of_the_command(api: Interface, state: str) -> None:
    rows = api.get(f"/addresses?state={state}&order=address")["items"]
    assert rows == api.command("list", "--state", state)
    assert rows or state in ("predicted", "invalid", "stale")


def test_an_address_is_shown_as_by_the_command(api: Interface) -> None:
    for address in ("gone@kernel.org", "both@debian.org", "nobody@kernel.org", "@kernel.org"):
        assert [api.get(f"/addresses/{in_path(address)}")] == api.command("show", address)


def test_a_history_is_that_of_explain(api: Interface) -> None:
    address = "both@debian.org"
    assert [api.get(f"/addresses/{in_path(address)}/history")] == api.command("explain", address)


def test_reports_have_the_rows_of_the_command(api: Interface) -> None:
    assert api.get("/mailings")["items"] == api.command("report", "mailing")
    assert api.get("/groups")["items"] == api.command("report", "group")
    assert [api.get("/mailings/spring")] == api.command("report", "mailing", "spring")
    bounces = api.get("/mailings/spring/bounces")["items"]
    assert bounces == api.command("report", "mailing", "spring", "--addresses")
    assert len(bounces) == 3
    assert api.ask("GET", "/mailings/winter").kind == "not-found"


def test_counts_and_records_are_those_of_the_command(api: Interface) -> None:
    ours, theirs = api.get("/summary"), api.command("summary")[0]
    for one in (ours, theirs):
        del one["counted"], one["age"]
    assert ours == theirs
    audits = api.get("/audit")["items"]
    assert audits == api.command("audit")
    locks = [one["why"] for one in audits if one["command"] == "lock"]
    assert locks == ["", "holidays", "told us"]
    assert api.get("/incidents")["items"] == api.command("incident", "list")
    ours, theirs = api.get("/reasons")["items"], api.command("reasons")
    assert any(one["example"] for one in ours)
    assert ours == theirs


def test_a_summary_of_a_group_counts_what_its_lists_show(api: Interface) -> None:
    shop = api.token("read", SHOP)
    found = api.get(f"/summary?group={SHOP}", token=shop)
    assert found == api.get(f"/summary?group={SHOP}")
    listed = {
        state: {
            one["address"] for one in api.get(f"/addresses?state={state}&group={SHOP}")["items"]
        }
        for state in ("bounced", "detected", "locked")
    }
    assert (found["bounced"], found["detected"]) == (3, len(listed["detected"]))
    assert found["locked"]["total"] == len(listed["locked"]) == found["locked"]["hard"] == 1
    assert (found["group"], "rates" in found, "complete" in found) == (SHOP, False, False)
    news = api.get(f"/summary?group={NEWS}")
    assert (news["locked"]["by_hand"], news["one_group"]) == (1, 1)
    assert api.ask("GET", f"/summary?group={NEWS}", token=shop).kind == "group"


def test_an_audit_is_paged(api: Interface) -> None:
    whole = list(api.get("/audit?limit=1000")["items"])
    found, after = [], ""
    while after is not None:
        page = api.get(f"/audit?limit=2&after={after}")
        found += page["items"]
        after = page["next"]
    assert found == whole
    assert len(whole) >= 3


@pytest.mark.parametrize("order", ["newest", "address", "end"])
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_together_are_the_whole_list(api: Interface, order: str, limit: int) -> None:
    whole = [one["address"] for one in api.get(f"/addresses?order={order}")["items"]]
    found, path = list[str](), f"/addresses?order={order}&limit={limit}"
    while path:
        answer = api.ask("GET", path)
        found += [one["address"] for one in read(answer)["items"]]
        link = re.search(r'<([^>]*)>; rel="next"', answer.header("link"))
        path = link[1].removeprefix("/api/v1") if link else ""
        assert '; rel="first"' in answer.header("link")
    assert found == whole
    assert set(whole) == set(LOCKED) if order != "end" else whole[0] == "soon@kernel.org"


def test_the_newest_lock_comes_first(api: Interface) -> None:
    assert [one["address"] for one in api.get("/addresses")["items"]] == LOCKED


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("kind=hard&origin=automatic", ["gone@debian.org", "gone@kernel.org"]),
        ("mailing=spring", ["gone@kernel.org"]),
        ("domain=debian.org", ["gone@debian.org"]),
        (f"group={NEWS}", ["later@kernel.org", "gone@debian.org"]),
        ("reason=user-unknown&since=1%20day", ["gone@debian.org", "gone@kernel.org"]),
        ("until=1999-01-01", []),
        ("mailing=", LOCKED),
    ],
)
def test_filters_are_those_of_the_command(api: Interface, query: str, found: list[str]) -> None:
    assert [one["address"] for one in api.get(f"/addresses?{query}")["items"]] == found


@pytest.mark.parametrize(
    "path",
    [
        "/addresses?colour=red",
        "/addresses?limit=0",
        "/addresses?limit=1001",
        "/addresses?limit=x",
        "/addresses?limit=1&limit=2",
        "/addresses?state=lost",
        "/addresses?state=bounced&order=end",
        "/addresses?state=stale&order=newest",
        "/addresses?after=x",
        "/addresses?after=1",
        "/addresses?after=-1.2.x",
        "/addresses?after=99999999999.1.x",
        "/addresses?order=end&after=4294967296.1.x",
        "/addresses?after=1.9999999999999999999999.x",
        "/addresses?since=tomorrow",
        "/addresses?since=2027-01-02&until=2027-01-01",
        "/addresses?domain=a..b",
        "/addresses/gone%40kernel.org?x=1",
        "/audit?after=zz",
        "/audit?since=9999-99",
        "/mailings?since=x",
        "/events?after=zz",
        "/events?types=lock",
        "/events?wait=31",
        "/check",
    ],
)  # fmt: skip
def test_a_parameter_that_means_nothing_is_refused(api: Interface, path: str) -> None:
    answer = api.ask("GET", path)
    assert (answer.status, answer.kind) == (400, "parameter"), answer.text
    assert answer.header("content-type") == "application/problem+json"


@pytest.mark.parametrize("name", ["addresses", "locks"])
@pytest.mark.parametrize(
    "address", ["x", "a%40", "%00%40b.org", "a%40b%20c", "%E2%80%AE%40x.org", "%ff"]
)
def test_what_is_no_address_is_refused(api: Interface, name: str, address: str) -> None:
    answer = api.ask("GET", f"/{name}/{address}")
    assert (answer.status, answer.kind) == (400, "address"), answer.text


def test_a_local_part_may_hold_a_slash(api: Interface) -> None:
    assert api.get("/addresses/a%2Fb%40kernel.org")["address"] == "a/b@kernel.org"
    assert api.get("/addresses/a%2Fb%40kernel.org/history")["address"] == "a/b@kernel.org"


def test_the_version_of_an_address_changes_with_it(api: Interface) -> None:
    path = "/addresses/version%40kernel.org"
    assert api.ask("GET", path).header("etag") == '"0"'
    api.site.command("lock", "version@kernel.org", "--why", "x")
    first = api.ask("GET", path).header("etag")
    api.site.command("unlock", "version@kernel.org", "--why", "x", "--force", "--yes")
    assert len({'"0"', first, api.ask("GET", path).header("etag")}) == 3


def test_locks_of_one_address_are_those_for_a_group_and_for_all(api: Interface) -> None:
    path = "/locks/later%40kernel.org"
    assert [one["scope"] for one in api.get(path)["items"]] == [f"group:{NEWS}"]
    assert api.get(f"{path}?group={SHOP}")["items"] == []
    assert api.get("/locks/nobody%40kernel.org")["items"] == []


def test_events_are_those_of_the_journal(api: Interface) -> None:
    first = api.get("/events?after=0&limit=2")
    rest = api.get(f"/events?after={first['next']}&limit=1000")
    whole = api.get("/events?after=0&limit=1000")
    assert first["items"] + rest["items"] == whole["items"]
    locked = api.get("/events?after=0&types=address.locked")["items"]
    assert {"gone@kernel.org", "hand@kernel.org"} <= {one["data"]["address"] for one in locked}
    assert api.get("/events")["items"] == []


def test_a_poll_waits_for_the_next_event(api: Interface) -> None:
    after = api.get("/events")["next"]
    connection = api.connection()
    try:
        token = {"Authorization": f"Bearer {api.token()}"}
        connection.request("GET", f"/api/v1/events?after={after}&wait=30", headers=token)
        api.site.command("lock", "waited@gnu.org", "--why", "x", "--until", "1 day")
        page = msgspec.json.decode(connection.getresponse().read())
    finally:
        connection.close()
    assert [one["data"]["address"] for one in page["items"]] == ["waited@gnu.org"]


def test_a_stream_goes_on_behind_the_last_id(api: Interface) -> None:
    whole = api.get("/events?after=0&limit=1000")["items"]
    first = _streamed(api, "/events/stream?after=0", 3)
    second = _streamed(api, "/events/stream", len(whole) - 3, first[-1]["id"])
    assert [one["data"]["id"] for one in first + second] == [one["id"] for one in whole]
    assert [one["event"] for one in first + second] == [one["type"] for one in whole]


def _streamed(api: Interface, path: str, number: int, last: str = "") -> list[dict[str, Any]]:
    """So many events of a stream, each with its fields."""
    connection = api.connection()
    headers = {"Authorization": f"Bearer {api.token()}"} | ({"Last-Event-ID": last} if last else {})
    found = list[dict[str, Any]]()
    try:
        connection.request("GET", f"/api/v1{path}", headers=headers)
        answer = connection.getresponse()
        assert answer.getheader("content-type", "").startswith("text/event-stream")
        assert answer.readline() + answer.readline() == b"retry: 5000\n\n"
        while len(found) < number:
            lines = [answer.readline().decode().rstrip("\n").partition(": ") for _ in range(4)]
            fields: dict[str, Any] = {name: value for name, _, value in lines if name}
            fields["data"] = msgspec.json.decode(fields["data"])
            found.append(fields)
    finally:
        connection.close()
    return found
