"""Lists of recipients by hand: live search, ranges, "select all", and the same without a script."""

import msgspec
import pytest
from tests.browser.conftest import Visit, Visiting
from tests.websites import WebSite


def _focused(visit: Visit) -> str:
    """The element that has the focus."""
    found: str = visit.page.evaluate(
        "document.activeElement.name || document.activeElement.className"
        " || document.activeElement.tagName"
    )
    return found


def _tab_to(visit: Visit, wanted: str, most: int = 90) -> None:
    """Press Tab until an element has the focus whose name or class begins so."""
    for _ in range(most):
        visit.page.keyboard.press("Tab")
        if _focused(visit).startswith(wanted):
            return
    raise AssertionError(f"{wanted} cannot be reached by Tab")


def _is_locked(site: WebSite, address: str) -> bool:
    found: bool = msgspec.json.decode(site.command("show", "--json", address))["locked"]
    return found


def test_the_list_follows_what_is_typed(visit: Visiting, locked: dict[str, list[str]]) -> None:
    one, wanted = visit("view"), locked["soft"][2]
    one.open("/recipients?tab=soft")
    one.page.evaluate("document.title = 'not loaded anew'")
    one.page.locator("input[name=q]").press_sequentially(wanted)
    one.page.locator("ul.chips").wait_for()
    rows = one.page.locator("tbody tr")
    assert rows.count() == 1
    assert wanted in rows.inner_text().replace("\n", "")
    assert one.page.title() == "not loaded anew"
    assert "q=" in one.page.url
    assert not one.complaints


def test_shift_selects_all_rows_between(visit: Visiting) -> None:
    one = visit("operate")
    one.open("/recipients?tab=bounces")
    boxes = one.page.locator("input[name=a]")
    boxes.nth(2).click()
    boxes.nth(7).click(modifiers=["Shift"])
    assert one.page.locator("input[name=a]:checked").count() == 6
    assert one.page.locator(".chosen output").inner_text() == "6"
    boxes.nth(7).click()
    boxes.nth(4).click(modifiers=["Shift"])
    assert one.page.locator("input[name=a]:checked").count() == 2


def test_select_all_names_how_many(visit: Visiting) -> None:
    one = visit("admin")
    one.open("/recipients?tab=hard")
    number = one.page.locator("input[name=a]").count()
    one.page.locator("input[data-all]").check()
    assert number > 10
    assert one.page.locator(".chosen output").inner_text() == str(number)
    one.page.locator(".chosen button.main").click()
    will = one.page.locator("dialog .will")
    assert will.inner_text().startswith(f"{number} addresses will be unlocked")
    one.page.keyboard.press("Escape")
    one.page.locator("input[data-all]").uncheck()
    assert one.page.locator(".chosen").is_hidden()


def test_all_of_a_filter_names_how_many(visit: Visiting, locked: dict[str, list[str]]) -> None:
    one = visit("operate")
    one.open("/recipients?tab=soft")
    one.page.locator(".head a[data-dialog]").click()
    will = one.page.locator("dialog .will").inner_text()
    assert int(will.partition(" ")[0]) >= len(locked["soft"]) - 10


def test_the_keyboard_alone_searches_selects_and_unlocks(
    visit: Visiting, filled: WebSite, locked: dict[str, list[str]]
) -> None:
    one, wanted = visit("operate"), locked["soft"][3]
    keys = one.page.keyboard
    one.open("/recipients?tab=soft")
    keys.press("/")
    assert _focused(one) == "q"
    keys.type(wanted)
    one.page.locator("ul.chips").wait_for()
    _tab_to(one, "a")
    keys.press("Space")
    _tab_to(one, "button main")
    keys.press("Enter")
    one.page.locator("dialog[open]").wait_for()
    assert _focused(one) == "why"
    keys.press("Escape")
    one.page.locator("dialog").wait_for(state="detached")
    assert _focused(one).startswith("button main")
    assert _is_locked(filled, wanted)
    keys.press("Enter")
    one.page.locator("dialog[open]").wait_for()
    keys.type("has written to us")
    keys.press("Enter")
    assert one.page.locator(".flash").inner_text() == "1 address unlocked."
    assert not _is_locked(filled, wanted)
    assert not one.complaints


@pytest.mark.parametrize(("place", "scripts"), [(4, True), (5, False)])
def test_unlocking_ends_the_same_with_and_without_a_script(
    visit: Visiting, filled: WebSite, locked: dict[str, list[str]], place: int, scripts: bool
) -> None:
    one, wanted = visit("operate", java_script_enabled=scripts), locked["soft"][place]
    page = one.page
    one.open(f"/recipients?tab=soft&q={wanted}")
    page.locator("input[name=a]").check()
    page.get_by_role("button", name="Unlock" if scripts else "Unlock selected", exact=True).click()
    page.locator("input[name=why]").fill("has written to us")
    page.get_by_role("button", name="Confirm").click()
    assert page.locator(".flash").inner_text() == "1 address unlocked."
    assert page.locator("main").inner_text().count("No address matches the filter.") == 1
    assert not _is_locked(filled, wanted)
    shown = filled.command("audit", "--json", "--address", wanted).splitlines()
    record = msgspec.json.decode(shown[-1])
    assert (record["by"], record["via"], record["why"]) == ("operate", "web", "has written to us")
