"""A page of another site asks from a real browser, which lets it read what it may."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser
from tests.browser.conftest import visiting
from tests.websites import WebSite

_ASK: Final = """async ([url, token, credentials]) => {
  try {
    const answer = await fetch(url, {
      method: "POST", credentials,
      headers: {authorization: `Bearer ${token}`, "content-type": "application/json"},
      body: JSON.stringify({addresses: ["ann@kernel.org"]})
    });
    return [answer.status, (await answer.json()).items?.[0].address ?? ""];
  } catch (error) { return [0, error.name]; }
}"""


class _Form(BaseHTTPRequestHandler):
    """Another site: a page with nothing in it."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<!doctype html>form")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def origins() -> Iterator[list[str]]:
    """Two other sites; really served, since browsers keep the web from the loopback address."""
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), _Form) for _ in range(2)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield [f"http://127.0.0.1:{server.server_port}" for server in servers]
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, origins: list[str]) -> Iterator[WebSite]:
    site = WebSite(Path(tmp_path_factory.mktemp("cors")), f'[api]\norigins = ["{origins[0]}"]\n')
    with site.serving():
        yield site


def _asked(
    site: WebSite, browser: Browser, origin: str, path: str, credentials: str = "omit"
) -> list[object]:
    token = site.command("web", "token", "add", "form", "--scope", "check").strip()
    with visiting(site, browser) as one:
        one.page.goto(f"{origin}/form")
        url = f"http://127.0.0.1:{site.port}/api/v1{path}"
        found: list[object] = one.page.evaluate(_ASK, [url, token, credentials])
    site.command("web", "token", "revoke", "form")
    return found


def test_cors_lets_the_named_site_ask_in_chromium(
    shared: WebSite, chromium: Browser, origins: list[str]
) -> None:
    assert _asked(shared, chromium, origins[0], "/check") == [200, "ann@kernel.org"]


@pytest.mark.parametrize(
    ("number", "path", "credentials"),
    [(1, "/check", "omit"), (0, "/locks:batch", "omit"), (0, "/check", "include")],
)
def test_cors_keeps_others_cookies_and_changes_out_in_chromium(  # noqa: PLR0917
    shared: WebSite,
    chromium: Browser,
    origins: list[str],
    number: int,
    path: str,
    credentials: str,
) -> None:
    asked = _asked(shared, chromium, origins[number], path, credentials)
    assert asked == [0, "TypeError"]
