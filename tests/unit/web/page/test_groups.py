"""People who are bound to groups: pages show and change what is their groups', and no more."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import pytest
from tests.unit.web.api.interface import NEWS, SHOP, fill
from tests.unit.web.test_login import PASSWORD, Browser, csrf_of
from tests.websites import Answer, WebSite

from bouncegate.admin.installation import Installation
from bouncegate.admin.views.summary import summary_of
from bouncegate.web.page.routes import ROUTES

OF_ALL_MAIL: Final = (
    *("/mailings", "/mailings/spring", "/mailings/spring/bounces.mbox", "/corrections"),
    *("/correct?a=gone@kernel.org", "/purge?a=gone@kernel.org", "/requests", "/incidents"),
    *("/incidents/1", "/audit", "/settings/tokens", "/recipients/gone@kernel.org/data.json"),
    *("/recipients?tab=predicted", "/recipients?tab=invalid", "/recipients?tab=stale"),
    *("/recipients.csv?tab=stale", f"/recipients?group={NEWS}", f"/groups/{NEWS}"),
    f"/recipients.csv?group={NEWS}",
)
OWN: Final = (
    *("/recipients", "/recipients?tab=locked", "/recipients?tab=hard", "/recipients?tab=soft"),
    *("/recipients?tab=detected", "/recipients?tab=locked&q=gone", "/recipients?q=both"),
    *("/recipients?q=@debian.org", "/groups", f"/groups/{SHOP}", "/check", "/rules"),
    *("/recipients/gone@kernel.org", "/recipients/gone@debian.org", "/recipients/full@debian.org"),
    *("/recipients/both@debian.org", "/recipients/later@kernel.org", "/lock"),
    *("/recipients.csv", "/recipients.csv?tab=locked", "/recipients.csv?a=later@kernel.org"),
    *("/recipients.csv?a=gone@debian.org", "/unlock?a=later@kernel.org", "/unlock?query=?tab=hard"),
)
SECRETS: Final = (NEWS, "autumn", "told us", "holidays")
"""What is of others: their name, mailing, the server's text (which names them), their reasons."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebSite]:
    site = WebSite(Path(tmp_path_factory.mktemp("groups")))
    fill(site)
    installation = Installation(site.config)
    store = installation.open_store()
    store.summary.put(summary_of(installation, store, int(time.time())))
    store.close()
    for name in ("shop", "shop2", "shop3"):
        account = ("account", "add", name, "--role", "admin", "--group", SHOP)
        site.command("web", *account, given=f"{PASSWORD}\n")
    site.command("web", "account", "add", "boss", "--role", "admin", given=f"{PASSWORD}\n")
    with site.serving():
        yield site


def _entered(site: WebSite, name: str) -> Browser:
    browser = Browser(site)
    assert browser.log_in(name).status == 303
    return browser


@pytest.fixture(scope="module")
def shop(site: WebSite) -> Browser:
    return _entered(site, "shop")


@pytest.fixture(scope="module")
def actor(site: WebSite) -> Browser:
    return _entered(site, "shop2")


@pytest.fixture(scope="module")
def boss(site: WebSite) -> Browser:
    return _entered(site, "boss")


def _post(browser: Browser, path: str, **form: str) -> Answer:
    token = csrf_of(browser.ask("GET", "/check"))
    return browser.ask("POST", path, {"csrf": token, **form})


def _locks(site: WebSite, address: str) -> list[str]:
    shown = msgspec.json.decode(site.command("show", "--json", address))
    return [lock["scope"] for lock in shown["locks"]]


@pytest.mark.parametrize("path", OF_ALL_MAIL)
def test_what_is_of_all_mail_or_of_others_is_refused(shop: Browser, path: str) -> None:
    answer = shop.ask("GET", path)
    assert answer.status == 403, path
    assert not [secret for secret in SECRETS if secret not in path and secret in answer.text]


def test_their_pages_hold_nothing_of_others(site: WebSite, boss: Browser) -> None:
    shop, told = _entered(site, "shop3"), ""
    for path in OWN:
        answer = shop.ask("GET", path)
        assert answer.status == 200, path
        assert not [secret for secret in SECRETS if secret in answer.text], path
        told += boss.ask("GET", path).text
    assert all(secret in told for secret in SECRETS)  # so there was something to hide


def test_a_list_has_their_rows_and_locks_for_all_mail(shop: Browser) -> None:
    bounces = shop.ask("GET", "/recipients").text
    assert "full@kernel.org" in bounces
    assert "full@debian.org" not in bounces
    locked = shop.ask("GET", "/recipients?tab=locked").text
    for address in ("gone@kernel.org", "gone@debian.org", "hand@kernel.org"):
        assert address in locked
    assert "later@kernel.org" not in locked


def test_no_number_of_all_mail_is_told(shop: Browser) -> None:
    start = shop.ask("GET", "/")
    assert (start.status, start.header("location")) == (303, "/groups")
    counts = shop.ask("GET", "/recipients").text.split('class="count">')[1:]
    assert counts
    assert {one.partition("<")[0] for one in counts} == {"…"}


def test_the_menu_leads_only_to_what_opens(shop: Browser) -> None:
    menu = shop.ask("GET", "/rules").text.partition("<nav")[2].partition("</nav>")[0]
    paths = [one.partition('"')[0] for one in menu.split('href="')[1:]]
    assert paths == ["/recipients", "/groups", "/check", "/jobs", "/rules"]
    assert all(shop.ask("GET", path).status == 200 for path in paths)


def test_locks_are_made_and_lifted_for_their_groups_alone(site: WebSite, actor: Browser) -> None:
    form = {"a": "new@kernel.org", "why": "asked"}
    for group in ("", NEWS):
        assert _post(actor, "/lock", group=group, **form).status == 403
    assert _post(actor, "/lock", **(form | {"a": "@kernel.org"}), group=SHOP).status == 403
    assert _locks(site, "new@kernel.org") == []
    assert _post(actor, "/lock", group=SHOP, **form).status == 303
    assert _locks(site, "new@kernel.org") == [f"group:{SHOP}"]
    assert _post(actor, "/unlock", **form).status == 303
    assert _locks(site, "new@kernel.org") == []


@pytest.mark.parametrize("address", ["later@kernel.org", "gone@kernel.org", "hand@kernel.org"])
def test_locks_of_others_and_of_all_mail_stay(site: WebSite, actor: Browser, address: str) -> None:
    before = _locks(site, address)
    _post(actor, "/unlock", a=address, why="please")
    _post(actor, "/unlock", query="?tab=locked", why="please")
    assert before
    assert _locks(site, address) == before


def test_what_changes_all_mail_is_refused(actor: Browser) -> None:
    for path in ("/correct", "/corrections", "/purge", "/requests", "/incidents/1"):
        answer = _post(actor, path, a="gone@kernel.org", why="please", old="x", new="y@kernel.org")
        assert answer.status == 403, path


def test_a_check_is_for_one_of_their_groups(actor: Browser) -> None:
    assert _post(actor, "/check", text="gone@kernel.org", group=NEWS).status == 403
    assert _post(actor, "/check", text="gone@kernel.org").status == 403
    answer = _post(actor, "/check", text="gone@kernel.org\nfull@debian.org", group=SHOP)
    assert answer.status == 200
    assert not [secret for secret in SECRETS if secret in answer.text]


def test_every_route_has_been_thought_about() -> None:
    """A new route is of all mail, or is looked at here."""
    for_groups = {
        *("/", "/recipients", "/recipients.csv", "/recipients/{address:path}", "/unlock", "/lock"),
        *("/recipients/{address:path}/messages/{number}", "/requests/new", "/check", "/groups"),
        *("/groups/{name:path}", "/rules", "/rules/reasons", "/static/{name}"),
        *("/jobs", "/jobs/{id}"),
    }
    assert {route.path for route in ROUTES if not route.all_mail} == for_groups
