"""What axe-core finds on every view and dialog (WCAG 2.2 A and AA, best practice), and overflow."""

from typing import Final, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from tests.browser.conftest import NARROW, WIDE, Visit, Visiting
from tests.browser.views import QUESTIONS, VIEWS

_RULES: Final[dict[str, object]] = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
_COLOURS: Final[dict[str, object]] = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
_SCHEMES: Final[tuple[tuple[Literal["light", "dark"], dict[str, object]], ...]] = (
    ("light", _RULES),
    ("dark", _COLOURS),
)
_LOCALES: Final = ("en-GB", "de-DE")


def _faults(visit: Visit, options: dict[str, object]) -> list[str]:
    """What axe-core finds; the rule that is broken, and by which element."""
    found = Axe().run(visit.page, options=options).response["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


def _overflow(visit: Visit, width: int) -> list[str]:
    """What is wider than the window."""
    found: int = visit.page.evaluate("document.documentElement.scrollWidth")
    return [f"{found} pixels wide"] if found > width else []


def _look(visit: Visit, told: str) -> list[str]:
    """All faults of what is shown, wide and narrow; dark differs from light in colours alone."""
    faults = []
    for width, height in (WIDE, NARROW):
        visit.page.set_viewport_size({"width": width, "height": height})
        faults += [f"{told}, {width}: {one}" for one in _overflow(visit, width)]
        for scheme, options in _SCHEMES:
            visit.page.emulate_media(color_scheme=scheme)
            faults += [f"{told}, {width}, {scheme}: {one}" for one in _faults(visit, options)]
    return faults


@pytest.mark.parametrize("locale", _LOCALES)
@pytest.mark.parametrize("path", [*VIEWS, *QUESTIONS])
def test_every_view_is_accessible_and_fits(
    visit: Visiting, locked: dict[str, list[str]], path: str, locale: str
) -> None:
    # axe-core is not one of the page's own scripts; its policy is held in the other tests.
    one = visit("admin", locale=locale, bypass_csp=True)
    one.open(path.format(soft=locked["soft"][0], hard=locked["hard"][0]))
    assert one.page.locator("html").get_attribute("lang") == locale[:2]
    assert not _look(one, path)


@pytest.mark.parametrize("locale", _LOCALES)
def test_the_login_is_accessible_and_fits(visit: Visiting, locale: str) -> None:
    one = visit(locale=locale, bypass_csp=True)
    one.open("/login")
    one.log_in("nobody", "wrong")
    assert one.page.get_by_role("alert").count() == 1
    assert not _look(one, "/login")


@pytest.mark.parametrize("locale", _LOCALES)
def test_dialogs_are_accessible_and_fit(
    visit: Visiting, locked: dict[str, list[str]], locale: str
) -> None:
    one = visit("admin", locale=locale, bypass_csp=True)
    one.open(f"/recipients/{locked['soft'][1]}")
    links = one.page.locator("a[data-dialog]")
    assert links.count() == 3  # unlock, correct, delete data
    for number in range(links.count()):
        links.nth(number).click()
        one.page.locator("dialog[open]").wait_for()
        assert not _look(one, f"dialog {number}")
        one.page.keyboard.press("Escape")
        one.page.locator("dialog").wait_for(state="detached")


def test_a_planted_fault_is_found(visit: Visiting) -> None:
    one = visit("admin", bypass_csp=True)
    one.open("/rules")
    one.page.evaluate(
        "document.querySelector('h1').innerHTML ="
        " '<img src=x><button></button><span style=color:#ccc;background:#fff>pale</span>'"
    )
    one.page.evaluate("document.querySelector('h1').style.width = '3000px'")
    rules = " ".join(_look(one, "planted"))
    for rule in ("image-alt", "button-name", "color-contrast", "pixels wide"):
        assert rule in rules
