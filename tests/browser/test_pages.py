"""Every view as it is sent: no complaint of the browser, no English left on a German page."""

import re
from typing import Final

import pytest
from tests.browser.conftest import Visiting
from tests.browser.views import QUESTIONS, VIEWS

from bouncegate.admin.words.texts import TEXTS
from bouncegate.web.page.language import german
from bouncegate.web.page.routes import ROUTES

_PATHS: Final = [path for path in (*VIEWS, *QUESTIONS) if path != "/no-such-page"]
_TEXTS: Final = """() => {
  const found = [];
  const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (nodes.nextNode()) {
    const about = nodes.currentNode.parentElement;
    // Data, and the link to the other language.
    if (!about.closest("bdi, code, pre, [lang]:not(html)")) found.push(nodes.currentNode.data);
  }
  for (const element of document.querySelectorAll("[aria-label], [title], [placeholder]"))
    for (const name of ["aria-label", "title", "placeholder"])
      found.push(element.getAttribute(name) ?? "");
  found.push(document.title.split(" · ")[0]);
  return found.map((text) => text.replace(/\\s+/g, " ").trim()).filter(Boolean);
}"""


def _english() -> list[re.Pattern[str]]:
    """What English texts look like whose German differs; a value may stand for `{name}`."""
    pairs = [*german().items(), *((text.en, text.de) for text in TEXTS.values())]
    said = {other for _, other in pairs}
    keys = {key for key, other in pairs if other != key and key not in said}
    return [re.compile(re.sub(r"\\\{\w+\\\}", ".+", re.escape(key))) for key in keys]


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
def test_no_view_makes_the_browser_complain(
    visit: Visiting, locked: dict[str, list[str]], locale: str
) -> None:
    one = visit("admin", locale=locale)
    for path in _PATHS:
        assert one.open(path.format(soft=locked["soft"][0], hard=locked["hard"][0])) == 200
        assert not one.complaints, path


def test_a_script_in_a_page_is_complained_about(visit: Visiting) -> None:
    one = visit("admin")
    one.open("/")
    one.page.evaluate(
        "const one = document.createElement('script'); one.text = 'document.title = 1';"
        "document.body.append(one)"
    )
    one.page.wait_for_timeout(200)
    assert any("Content Security Policy" in complaint for complaint in one.complaints)


def test_a_german_page_has_no_english_left(visit: Visiting, locked: dict[str, list[str]]) -> None:
    one, english = visit("admin", locale="de-DE"), _english()
    left = set()
    for path in _PATHS:
        one.open(path.format(soft=locked["soft"][0], hard=locked["hard"][0]))
        texts: list[str] = one.page.evaluate(_TEXTS)
        left |= {(path, text) for text in texts if any(key.fullmatch(text) for key in english)}
    assert not left


def test_english_on_a_page_is_found(visit: Visiting) -> None:
    one, english = visit("admin", locale="en-GB"), _english()
    one.open("/recipients?tab=soft")
    texts: list[str] = one.page.evaluate(_TEXTS)
    found = {text for text in texts if any(key.fullmatch(text) for key in english)}
    assert {"Maintenance", "Locked soft", "Select all on this page", "Unlocks on"} <= found


def test_every_route_is_among_the_views() -> None:
    shown = [path.partition("?")[0].replace("{", "").replace("}", "") for path in _PATHS]
    files = ("/static/", ".csv", ".json", ".mbox", "/messages/", "/healthz")
    patterns = {
        route.path: re.sub(r"\{\w+(:path)?\}", "[^/]+", route.path)
        for route in ROUTES
        if "GET" in route.methods and not any(part in route.path for part in files)
    }
    missing = [
        path
        for path, pattern in patterns.items()
        if not any(re.fullmatch(pattern, one) for one in shown)
    ]
    # The question of an incident needs one that is open.
    assert missing == ["/incidents/{number}"]
