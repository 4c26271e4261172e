"""A job's page follows the job, with and without a script; unlocking by a filter leads to it."""

import re

import msgspec
import pytest
from tests.browser.conftest import Visiting, write_job
from tests.browser.views import JOBS
from tests.websites import WebSite


@pytest.mark.parametrize("scripts", [True, False])
def test_a_job_is_followed_to_its_end(filled: WebSite, visit: Visiting, scripts: bool) -> None:
    begun = msgspec.structs.replace(JOBS[1], id=f"0badcafe-{10 + scripts}")
    write_job(filled, begun)
    one = visit("admin", java_script_enabled=scripts, locale="en-GB")
    assert one.open(f"/jobs/{begun.id}") == 200
    page = one.page
    assert page.locator("progress").get_attribute("value") == "41000"
    assert "41,000 of 100,000 locks" in page.locator("main").inner_text()
    write_job(filled, msgspec.structs.replace(begun, done=52_000))
    page.get_by_text("52,000 of 100,000 locks").wait_for(timeout=20_000)
    write_job(
        filled, msgspec.structs.replace(begun, state="done", done=99_000, ended=begun.created)
    )
    page.get_by_text("99,000 addresses unlocked.").wait_for(timeout=20_000)
    assert page.locator("progress").count() == 0
    assert not one.complaints


@pytest.mark.parametrize("scripts", [True, False])
def test_unlocking_a_whole_list_says_first_what_stays(
    filled: WebSite, visit: Visiting, scripts: bool
) -> None:
    reason = "mailbox-full" if scripts else "no-answer"
    one = visit("operate", java_script_enabled=scripts, locale="en-GB")
    one.open(f"/recipients?tab=locked&reason={reason}")
    page = one.page
    page.get_by_role("link", name=re.compile("Unlock now")).click()
    will = page.locator("p.will")
    will.wait_for()
    number = int(will.inner_text().partition(" ")[0])
    assert number > 0
    page.locator("input[name=why]").fill("a test")
    page.get_by_role("button", name="Confirm").click()
    page.locator(".flash").wait_for()
    assert page.locator(".flash").inner_text().startswith(f"{number} address")
    one.open("/jobs")
    first = page.locator("tbody tr").first
    assert first.locator("td").all_inner_texts()[:2] == ["Done", str(number)]
    first.locator("a").click()
    page.wait_for_load_state()
    assert "a test" in page.locator("main").inner_text()
    assert not one.complaints


def test_a_job_of_somebody_else_is_not_shown(visit: Visiting) -> None:
    one = visit("operate")
    assert one.open(f"/jobs/{JOBS[0].id}") == 404
