"""A file is chosen in a real browser, with and without a script, and one that is too large."""

import pytest
from playwright.sync_api import FilePayload
from tests.browser.conftest import Visiting


def _file(content: bytes) -> FilePayload:
    return {"name": "Liste März.csv", "mimeType": "text/csv", "buffer": content}


@pytest.mark.parametrize("scripts", [True, False])
def test_upload_of_a_german_list_is_checked(visit: Visiting, scripts: bool) -> None:
    one = visit("operate", java_script_enabled=scripts, locale="de-DE")
    one.open("/check")
    sheet = "Name;E-Mail\r\nMüller;ann@gmial.com\r\n".encode("utf-8-sig")
    one.page.locator("input[type=file]").set_input_files(_file(sheet))
    one.page.get_by_role("button", name="Prüfen").click()
    one.page.get_by_text("Liste März.csv").wait_for()
    assert one.page.locator("td.recipient").inner_text() == "ann@gmial.com"
    assert not one.complaints


@pytest.mark.parametrize("size", [950_000, 4_000_000])
def test_upload_that_is_too_large_shows_a_page(visit: Visiting, size: int) -> None:
    one = visit("operate", locale="en-GB")
    one.open("/check")
    one.page.locator("input[type=file]").set_input_files(_file(b"x" * size))
    one.page.get_by_role("button", name="Check").click()
    one.page.get_by_role("heading", name="The request is too large").wait_for()
