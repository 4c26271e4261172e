"""Logging in and out with a local account, in a real browser that keeps our cookies."""

from tests.browser.conftest import Visiting


def test_login_leads_to_what_was_asked_for_and_logout_ends_it(visit: Visiting) -> None:
    one = visit()
    one.open("/recipients?tab=hard")
    assert "/login" in one.page.url
    one.log_in("operate")
    assert one.page.url == one.url("/recipients?tab=hard")
    cookie = next(c for c in one.context.cookies() if c.get("name") == "__Host-bouncegate")
    told = (cookie.get("secure"), cookie.get("httpOnly"), cookie.get("sameSite"))
    assert told == (True, True, "Strict")
    one.page.locator("a.me").click()
    one.page.get_by_role("button", name="Log out").click()
    assert "/login" in one.page.url
    one.open("/recipients?tab=hard")
    assert "/login" in one.page.url
    assert not one.complaints


def test_a_wrong_password_is_told_and_nothing_is_shown(visit: Visiting) -> None:
    one = visit()
    one.open("/login?next=/audit")
    one.log_in("operate", "wrong")
    assert one.page.get_by_role("alert").inner_text() == "Name or password is wrong."
    assert one.page.locator("nav").count() == 0
    one.log_in("operate")
    assert one.page.url == one.url("/audit")
