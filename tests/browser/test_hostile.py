"""Hostile addresses and replies in the store: no script runs, nothing fails, each page opens."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser
from tests.browser.conftest import PASSWORD, visiting
from tests.websites import WebSite

from bouncegate.admin.installation import Installation
from bouncegate.admin.views.summary import summary_of
from bouncegate.config.reasons import REASONS
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.records import Event
from bouncegate.store.address import canonical
from bouncegate.store.intake import Bounce

_SCRIPT: Final = "<script>alert(1)</script>"
_PICTURE: Final = "<img/src=x/onerror=alert(1)>"
_RIGHT_TO_LEFT: Final = "\N{RIGHT-TO-LEFT OVERRIDE}"
ADDRESSES: Final = tuple(
    canonical(text)
    for text in (
        f'"{_SCRIPT}"@markup.example',
        f'"{_PICTURE}"@markup.example',
        "'onclick=alert`1`'x='@quotes.example",
        '"two  blanks"@quotes.example',
        '"a@b"@quotes.example',
        '"\\"\\\\"@quotes.example',
        "a/b@slash.example",
        "../../settings/tokens@slash.example",
        "who?part=1#top@query.example",
        "100%25&a=b#c+d@query.example",
        "{{7*7}}${7*7}@braces.example",
        "=cmd|'/c'!a1@formula.example",
        f"{'l' * 64}@{'.'.join(['d' * 45] * 4)}",
        "j\N{LATIN SMALL LETTER U WITH DIAERESIS}rgen@xn--mller-kva.example",
        "literal@[192.0.2.7]",
    )
)
_DIAGNOSTICS: Final = (
    f"550 5.1.1 {_SCRIPT}",
    f"550 5.1.1 \"'>{_PICTURE}</pre></td></table>",
    f"550 5.1.1 {_RIGHT_TO_LEFT}desrever si siht",
    "550 5.1.1 \x1b[31mred\x1b[0m \x1b]8;;https://bad.example\x07link\x07 \x00\x07",
    "550 5.1.1 " + "W" * 60_000,
)
_MAILING: Final = f"{_SCRIPT}/{_RIGHT_TO_LEFT}x?y#z"
_GROUP: Final = "../a/b.example"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebSite]:
    site = WebSite(Path(tmp_path_factory.mktemp("hostile")))
    installation = Installation(site.config)
    store, now = installation.open_store(), int(time.time())
    bounces = (_bounce(number, one, now) for number, one in enumerate(ADDRESSES))
    store.record(bounces, installation.policy)
    store.summary.put(summary_of(installation, store, now))
    store.close()
    site.command("web", "account", "add", "admin", "--role", "admin", given=f"{PASSWORD}\n")
    with site.serving():
        yield site


def _bounce(number: int, address: str, now: int) -> Bounce:
    known = REASONS[Reason.USER_UNKNOWN]
    event = Event(
        address=address,
        time=now - 60 - number,
        kind=known.kind,
        category=known.category,
        reason=Reason.USER_UNKNOWN,
        rule="sample",
        trust="signed",
        identity=number.to_bytes(16, "big"),
        status="5.1.1",
        diagnostic=_DIAGNOSTICS[number % len(_DIAGNOSTICS)],
        reporting_mta=f"{_SCRIPT}.example",
        sender="news@example.com",
        mailing=_MAILING,
        group=_GROUP,
    )
    return Bounce((event,), b"Subject: x\r\n\r\n")


def test_hostile_recipients_are_shown_opened_and_asked_about(
    hostile: WebSite, chromium: Browser
) -> None:
    with visiting(hostile, chromium) as one:
        page = one.page
        one.open("/login?next=/recipients?tab=bounces")
        one.log_in("admin")
        links = page.locator("td.recipient a")
        paths = [str(links.nth(n).get_attribute("href")) for n in range(links.count())]
        assert len(paths) == len(ADDRESSES)
        shown = set()
        for path in paths:
            assert one.open(path) == 200, path
            assert page.locator(".history li").count() >= 1
            shown.add(page.locator("h1").inner_text())
            width: int = page.evaluate("document.documentElement.scrollWidth")
            assert width <= 1280
            page.locator(".head a.main").click()
            page.locator("dialog[open] .some li").wait_for()
            page.keyboard.press("Escape")
        assert shown == set(ADDRESSES)
        assert not one.complaints


def test_hostile_recipients_are_found_locked_and_unlocked(
    hostile: WebSite, chromium: Browser
) -> None:
    with visiting(hostile, chromium) as one:
        page = one.page
        one.open("/login")
        one.log_in("admin")
        for address in (ADDRESSES[0], ADDRESSES[6], ADDRESSES[8], ADDRESSES[9]):
            one.open("/recipients?tab=hard")
            page.locator("input[name=q]").fill(address)
            page.locator("ul.chips").wait_for()
            page.locator("td.recipient a").click()
            page.locator(".head a.main").click()
            page.locator("dialog input[name=why]").fill(_SCRIPT)
            page.get_by_role("button", name="Confirm").click()
            assert page.locator(".flash").inner_text() == "1 address unlocked."
            assert page.locator("h1").inner_text() == address
            assert _SCRIPT in page.locator(".history").inner_text()
        assert one.open("/audit") == 200
        assert page.locator("tbody tr").count() >= 4
        assert not one.complaints


def test_hostile_mailings_and_groups_open_from_their_list(
    hostile: WebSite, chromium: Browser
) -> None:
    with visiting(hostile, chromium) as one:
        page = one.page
        one.open("/login")
        one.log_in("admin")
        for path in ("/mailings", "/groups"):
            one.open(path)
            link = page.locator("tbody a").first
            name = link.inner_text()
            link.click()
            assert page.locator("h1").inner_text() == name
            page.locator("main a[href^='/recipients?']").first.click()
            page.locator("tbody tr").first.wait_for()
            assert page.locator("tbody tr").count() == len(ADDRESSES)
        assert not one.complaints
