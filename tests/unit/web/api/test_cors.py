"""Which other sites may ask from a browser: those of `[api] origins`, and `check` alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.web.api.interface import Interface, fill
from tests.websites import Answer, WebSite

SITE = "https://www.example.com"
OTHER = "https://www.example.org"
ALLOW = "access-control-allow-origin"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interface]:
    site = WebSite(Path(tmp_path_factory.mktemp("cors")), f'[api]\norigins = ["{SITE}"]\n')
    fill(site)
    with site.serving():
        yield Interface(site)


def _preflight(api: Interface, path: str, origin: str) -> Answer:
    fields = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return api.site.ask("OPTIONS", f"/api/v1{path}", fields)


@pytest.mark.parametrize("path", ["/check", "/check/stream"])
def test_cors_tells_the_named_site_what_it_may_send(shared: Interface, path: str) -> None:
    answer = _preflight(shared, path, SITE)
    assert (answer.status, answer.header(ALLOW)) == (204, SITE)
    assert answer.header("access-control-allow-methods") == "GET, POST"
    assert answer.header("access-control-allow-headers") == "authorization, content-type"
    assert answer.header("access-control-allow-credentials") == ""
    assert "origin" in answer.header("vary").lower()


@pytest.mark.parametrize(
    "origin",
    [OTHER, "null", "*", "http://www.example.com", f"{SITE}:8443", f"{SITE}.evil.example", ""],
)
def test_cors_tells_other_sites_nothing(shared: Interface, origin: str) -> None:
    asked = _preflight(shared, "/check", origin)
    got = shared.ask("GET", "/check?address=ann@kernel.org", Origin=origin)
    assert got.status == 200
    for answer in (asked, got):
        assert not [name for name, _ in answer.headers if name.startswith("access-control")]
        assert "origin" in answer.header("vary").lower()


def test_cors_lets_the_named_site_read_answers_and_problems(shared: Interface) -> None:
    good = shared.ask("GET", "/check?address=gone@kernel.org", Origin=SITE)
    bad = shared.ask("GET", "/check?address=gone@kernel.org", token="bg_x_y", Origin=SITE)
    assert (good.status, bad.status) == (200, 401)
    assert good.header(ALLOW) == bad.header(ALLOW) == SITE
    assert "retry-after" in good.header("access-control-expose-headers")


@pytest.mark.parametrize("path", ["/addresses", "/locks:batch", "/summary", "/check/"])
def test_cors_shares_nothing_else(shared: Interface, path: str) -> None:
    for answer in (_preflight(shared, path, SITE), shared.ask("GET", path, Origin=SITE)):
        assert answer.header(ALLOW) == ""


def test_cors_is_off_without_origins(api: Interface) -> None:
    answer = _preflight(api, "/check", SITE)
    assert (answer.status, answer.header(ALLOW), answer.header("vary")) == (405, "", "")
