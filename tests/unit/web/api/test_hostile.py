"""What is sent to break the interface gets an answer below 500, and nothing in the log."""

from typing import Any

import pytest
from tests.unit.web.api.interface import Interface

LONG = "x" * 600
TEXTS = (
    LONG,
    f"{LONG}@kernel.org",
    "%00",
    "%ff",
    "%ED%A0%80",
    "%F0%9F%98%80@kernel.org",
    "<script>",
    "-1",
    "0",
    "99999999999999999999999999",
    "18446744073709551615",
    "4294967296",
    "NaN",
    "0001-01-01",
    "9999-12-31",
    "2105-12-31",
    "0-ffffffffffff-0-0-",
    "7fffffffffffffff-ffffffff-7fffffffffffffff-7fffffffffffffff-",
    "0-100000000-0-0-ff",
    "100000000000%20days",
    "0.0.",
    "4294967295.999999999999999999.x",
)
PARAMETERS = {
    "/check": ("address", "group"),
    "/addresses": ("after", "since", "until", "group", "domain", "provider", "limit", "mailing"),
    "/addresses?order=address": ("after",),
    "/addresses?order=end": ("after",),
    "/addresses?state=bounced": ("after",),
    "/addresses?state=predicted": ("after",),
    "/addresses?state=invalid": ("after",),
    "/addresses?state=stale": ("after",),
    "/mailings": ("since", "until", "sender", "unverified"),
    "/mailings/x/bounces": ("after", "since"),
    "/audit": ("since", "until", "address", "after", "by"),
    "/events": ("after", "types", "limit"),
}


@pytest.mark.parametrize("path", PARAMETERS)
def test_no_parameter_breaks_it(api: Interface, path: str) -> None:
    joint = "&" if "?" in path else "?"
    answers = {
        f"{path}{joint}{name}={text}": api.ask("GET", f"{path}{joint}{name}={text}")
        for name in PARAMETERS[path]
        for text in TEXTS
    }
    assert {asked: one.text for asked, one in answers.items() if one.status >= 500} == {}


@pytest.mark.parametrize("path", ["/addresses/{}", "/locks/{}", "/addresses/{}/history",
                                  "/mailings/{}", "/jobs/{}"])  # fmt: skip
def test_no_path_breaks_it(api: Interface, path: str) -> None:
    answers = {text: api.ask("GET", path.format(text)) for text in TEXTS}
    assert {text: one.text for text, one in answers.items() if one.status >= 500} == {}


VALUES: tuple[Any, ...] = (
    None,
    True,
    1,
    -1,
    10**30,
    1.5,
    "",
    LONG,
    "\0",
    [],
    {},
    [[]],
    ["\0"],
    [{}],
)


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/check", ("addresses", "group")),
        ("/locks:batch", ("items", "why", "dry_run")),
        ("/unlocks:batch", ("addresses", "why", "group")),
        ("/alive:batch", ("addresses", "why")),
        ("/unlocks", ("filter", "why")),
        ("/corrections", ("items", "why")),
        ("/requests", ("addresses", "why", "notify")),
        ("/requests/99999999999999999999:approve", ("why",)),
        ("/incidents/99999999999999999999:confirm", ("why",)),
    ],
)
def test_no_body_breaks_it(api: Interface, path: str, names: tuple[str, ...]) -> None:
    usual = {"addresses": ["hostile@kernel.org"], "items": [], "filter": {"domain": "x.org"}}
    whole = {name: usual.get(name, "why") for name in names}
    for name in names:
        for value in VALUES:
            answer = api.ask("POST", path, whole | {name: value})
            assert answer.status < 500, f"{name}={value!r}: {answer.text}"


def test_no_lock_breaks_it(api: Interface) -> None:
    for until in (
        "0001-01-01",
        "9999-12-31",
        "2106-02-07T06:28:15Z",
        "99999999999 years",
        "\0",
        "\u0661",
    ):
        body = {"why": "\x1b[2J\n\u202e", "until": until}
        assert api.ask("PUT", "/locks/hostile%40kernel.org", body).status < 500
    for group in (LONG, "\0", "a\nb", "\u202e"):
        answer = api.ask("PUT", "/locks/hostile%40kernel.org", {"why": "x", "group": group})
        assert answer.status < 500, answer.text


def test_nothing_is_an_internal_error(api: Interface) -> None:
    api.ask("GET", "/token")
    assert "internal error" not in api.site.logged()
