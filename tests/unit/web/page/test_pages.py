"""Every page over a real socket: in both languages, by role, with hostile parameters."""

import csv
import io
import re
from urllib.parse import quote, urlencode

import msgspec
import pytest
from tests.unit.web.page.conftest import Page
from tests.websites import Answer

from bouncegate.web.page.tabs import TABS

PATHS = (
    "/",
    *(f"/recipients?tab={tab.name}" for tab in TABS),
    "/recipients?q=info",
    "/recipients?q=@mail.example",
    "/recipients/nobody@example.org",
    "/mailings",
    "/mailings/2026-11%20Offers",
    "/groups",
    "/groups/news.example.com",
    "/incidents",
    "/requests",
    "/rules",
    "/rules/reasons",
    "/audit",
    "/unlock?query=/recipients%3Ftab%3Dsoft",
    "/lock",
    "/check",
    "/corrections",
    "/purge?a=info@example.org",
    "/settings/tokens",
)
MARKUP = '"><script>alert(1)</script>'
PARAMETERS = (
    *("q", "kind", "reason", "provider", "group", "mailing", "origin", "after", "before", "tab"),
    *("lang", "done", "back", "a", "query", "verb", "by", "address", "since", "until"),
)


def _names(answer: Answer) -> list[str]:
    return [re.sub("%40", "@", one) for one in re.findall(r'name="a" value="([^"]+)"', answer.text)]


def _show(page: Page, address: str) -> dict[str, object]:
    told = page.site.command("show", "--json", address)
    found: dict[str, object] = msgspec.json.decode(told)
    return found


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("language", ["en", "de"])
def test_every_page_answers_in_both_languages(boss: Page, path: str, language: str) -> None:
    answer = boss.get(path, Accept_Language=language)
    assert answer.status == 200
    assert f'<html lang="{language}">' in answer.text
    assert "{" not in re.sub(r"(?s)<style>.*?</style>", "", answer.text)


def test_a_chosen_language_is_remembered(boss: Page) -> None:
    answer = boss.get("/?lang=de", Accept_Language="en")
    assert "Datenqualität" in answer.text
    assert answer.header("set-cookie").startswith("lang=de;")
    assert "Datenqualität" in boss.get("/", Accept_Language="en", Cookie="lang=de").text


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("path", ["/", "/recipients", "/unlock", "/lock", "/audit", "/nothing"])
def test_markup_in_a_parameter_stays_text(boss: Page, path: str, name: str) -> None:
    answer = boss.get(f"{path}?{urlencode({name: MARKUP})}")
    assert answer.status in {200, 400, 404}
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize("path", ["/recipients/{}", "/mailings/{}", "/groups/{}", "/incidents/{}"])
def test_markup_in_a_path_stays_text(boss: Page, path: str) -> None:
    answer = boss.get(path.format(quote(MARKUP, safe="")))
    assert answer.status in {400, 404}
    assert "<script>alert" not in answer.text


def test_pages_of_a_list_hold_everybody_once_and_lead_back(boss: Page) -> None:
    seen: list[str] = []
    path, pages = "/recipients?tab=bounces", []
    while path:
        answer = boss.get(path)
        pages.append(_names(answer))
        seen += pages[-1]
        match = re.search(r'rel="next" href="([^"]+)"', answer.text)
        path = match[1].replace("&amp;", "&") if match else ""
        back = re.search(r'rel="prev" href="([^"]+)"', answer.text)
        if len(pages) > 1:
            assert back is not None
            assert _names(boss.get(back[1].replace("&amp;", "&"))) == pages[-2]
    assert len(seen) == len(set(seen)) == 300
    assert len(pages) == 6


def test_the_tile_of_who_is_free_soon_leads_to_exactly_those(boss: Page) -> None:
    tile = re.search(r'href="([^"]+)"><b>(\d+)</b><span>Free within 7 days', boss.get("/").text)
    assert tile
    path, number = tile[1].replace("&amp;", "&"), int(tile[2])
    assert 0 < number <= 50, "there is something to see, on one page"
    shown = boss.get(path)
    assert len(_names(shown)) == number
    assert ">Free within 7 days<" in shown.text
    told = boss.site.command("list", "--json", "--ends-within", "7 days").splitlines()
    assert sorted(_names(shown)) == [msgspec.json.decode(line)["address"] for line in told]
    assert boss.get("/recipients?tab=locked&ends=1").status == 200
    for bad in ("tab=locked&ends=x", "tab=locked&ends=0", "tab=bounces&ends=7"):
        assert boss.get(f"/recipients?{bad}").status == 400


def test_a_search_finds_beginnings_and_domains(boss: Page) -> None:
    begun = _names(boss.get("/recipients?q=info"))
    assert begun
    assert all(name.startswith("info") for name in begun)
    of_domain = _names(boss.get("/recipients?q=@post.example"))
    assert of_domain
    assert all(name.endswith("@post.example") for name in of_domain)


def test_unlocking_a_list_frees_soft_locks_alone(desk: Page) -> None:
    hard = _names(desk.get("/recipients?tab=hard"))
    soft = _names(desk.get("/recipients?tab=soft"))
    query = {"query": "/recipients?tab=locked", "back": "/recipients?tab=soft"}
    asked = desk.get(f"/unlock?{urlencode(query)}").text
    assert "stay locked" in asked
    answer = desk.post("/unlock", {**query, "why": "a test"}, f"/unlock?{urlencode(query)}")
    assert answer.status == 303
    assert re.fullmatch(r"/recipients\?tab=soft&done=unlocked-\d+", answer.header("location"))
    assert "unlocked." in desk.get(answer.header("location")).text
    assert not _names(desk.get("/recipients?tab=soft"))
    assert _names(desk.get("/recipients?tab=hard")) == hard
    assert _show(desk, soft[0])["locked"] is False
    entries = [msgspec.json.decode(x) for x in desk.site.command("audit", "--json").splitlines()]
    assert (entries[0]["via"], entries[0]["by"], entries[0]["why"]) == ("web", "desk", "a test")


def test_only_an_admin_frees_a_hard_lock(desk: Page, boss: Page) -> None:
    name = _names(desk.get("/recipients?tab=hard"))[0]
    ask = f"/unlock?{urlencode({'a': name})}"
    assert "There is nothing to unlock" in desk.get(ask).text
    desk.post("/unlock", {"a": name, "why": "a test"}, "/lock")
    assert _show(desk, name)["locked"] is True
    boss.post("/unlock", {"a": name, "why": "a test"}, ask)
    assert _show(boss, name)["locked"] is False


def test_a_reader_asks_and_who_may_unlock_decides(reader: Page, desk: Page, boss: Page) -> None:
    one, other = _names(reader.get("/recipients?tab=hard"))[:2]
    assert reader.get(f"/unlock?{urlencode({'a': one})}").status == 403
    assert reader.get("/requests").status == 403
    for name in (one, other):
        ask = f"/requests/new?{urlencode({'a': name})}"
        answer = reader.post("/requests/new", {"a": name, "why": "has a new mailbox"}, ask)
        assert answer.status == 303
    waiting = desk.get("/requests").text
    assert "has a new mailbox" in waiting
    numbers = re.findall(r'name="number" value="(\d+)"', waiting)
    approved = {"number": numbers[0], "verdict": "approve"}
    assert desk.post("/requests", approved, "/requests").status == 403
    assert _show(desk, one)["locked"] is True
    assert boss.post("/requests", approved, "/requests").status == 303
    desk.post("/requests", {"number": numbers[1], "verdict": "decline"}, "/requests")
    assert _show(desk, one)["locked"] is False
    assert _show(desk, other)["locked"] is True
    assert "Nobody waits" in desk.get("/requests").text
    late = boss.post("/requests", approved, "/lock")
    assert late.status == 409


def test_locking_by_hand_names_its_end_and_its_group(desk: Page) -> None:
    form = {"a": "new@example.org", "why": "asked for it", "until": "1 month", "group": "news"}
    assert desk.post("/lock", form, "/lock").status == 303
    found = _show(desk, "new@example.org")
    assert (found["locked"], found["scope"], found["origin"]) == (True, "group:news", "manual")
    assert desk.post("/lock", {**form, "why": " "}, "/lock").status == 400
    assert desk.post("/lock", {**form, "a": "no address"}, "/lock").status == 400


def test_a_correction_frees_the_right_address(desk: Page) -> None:
    form = {"a": "ann@gmial.com", "new": "ann@gmail.com", "why": "a typing error"}
    ask = f"/correct?{urlencode({'a': form['a']})}"
    assert desk.post("/correct", form, ask).status == 303
    assert _show(desk, "ann@gmial.com")["corrected_to"] == "ann@gmail.com"


def test_a_form_without_its_token_or_from_elsewhere_is_refused(desk: Page) -> None:
    fields = {"Remote-User": "desk", "Sec-Fetch-Site": "same-origin"}
    form = {"a": "x@example.org", "why": "w"}
    answer = desk.site.ask("POST", "/lock", fields, form, to=desk.site.proxy)
    assert answer.status == 403
    assert _show(desk, "x@example.org")["locked"] is False


def test_a_way_back_never_leads_elsewhere(desk: Page) -> None:
    form = {"a": "y@example.org", "why": "w", "back": "//evil.example/"}
    assert desk.post("/lock", form, "/lock").header("location").startswith("/recipients")


def test_bounce_messages_of_a_mailing_come_as_an_mbox(desk: Page, reader: Page) -> None:
    answer = desk.get("/mailings/2026-11%20Offers/bounces.mbox")
    assert answer.status == 200
    assert answer.body.startswith(b"From MAILER-DAEMON ")
    assert answer.header("content-disposition").startswith("attachment;")
    assert reader.get("/mailings/2026-11%20Offers/bounces.mbox").status == 200


def test_the_sheet_of_a_list_brings_corrections_back(desk: Page) -> None:
    answer = desk.get("/recipients.csv?tab=detected&lang=en")
    assert answer.header("content-disposition") == 'attachment; filename="detected.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) > 50
    row = rows[0]
    right = "right.one@gmail.com"
    pasted = f"id;address\r\n{row['id']};{right}\r\nnonsense;x@gmail.com\r\n"
    shown = desk.post("/corrections", {"sheet": pasted}, "/corrections").text
    assert "1 address would be corrected" in shown
    assert "Line 3: no address has this id" in shown
    form = {"sheet": pasted, "carry_out": "yes", "why": "a test"}
    assert desk.post("/corrections", form, "/corrections").status == 303
    assert _show(desk, row["address"])["corrected_to"] == right


def test_a_german_sheet_has_semicolons_and_dots(boss: Page) -> None:
    text = boss.get("/recipients.csv?tab=hard&lang=de").text
    assert text.startswith("\ufeffid;address;")
    assert re.search(r";\d\d\.\d\d\.20\d\d", text)


def test_a_list_is_checked_and_nothing_is_stored(boss: Page) -> None:
    locked = _names(boss.get("/recipients?tab=hard"))[1]
    form = {"text": f"{locked}\nfine@gmail.com\nno address\nann@gmial.com\n"}
    shown = boss.post("/check", form, "/check").text
    assert "4 addresses checked, 2 may be mailed" in shown
    assert "ann<wbr>" in shown
    assert ">fine@gmail.com\nann@gmial.com</textarea>" in shown
    assert _show(boss, "fine@gmail.com")["state"] == "unknown"


def test_data_of_one_person_is_taken_out_and_deleted(boss: Page) -> None:
    name = _names(boss.get("/recipients?tab=hard"))[-1]
    found = msgspec.json.decode(boss.get(f"/recipients/{name}/data.json").body)
    assert found["known"]["address"] == name
    form = {"a": name, "why": "asked for it"}
    assert boss.post("/purge", form, f"/purge?{urlencode({'a': name})}").status == 303
    left = msgspec.json.decode(boss.get(f"/recipients/{name}/data.json").body)
    assert left["entries"] == []
    assert _show(boss, name)["locked"] is True


def test_a_bounce_message_is_downloaded_as_it_came(boss: Page) -> None:
    name = _names(boss.get("/recipients?tab=detected"))[1]
    match = re.search(
        r'href="(/recipients/[^"]+/messages/\d+)"', boss.get(f"/recipients/{name}").text
    )
    assert match is not None
    answer = boss.get(match[1])
    assert answer.body.startswith(b"From: MAILER-DAEMON@")
    assert answer.header("content-type") == "application/octet-stream"
    assert answer.header("content-disposition").startswith("attachment;")


def test_a_token_is_shown_once_works_and_is_revoked(boss: Page) -> None:
    form = {"name": "shop", "scope": "check", "expires": "1 year"}
    made = boss.post("/settings/tokens", form, "/settings/tokens").text
    match = re.search(r'<pre class="secret">(bg_[^<]+)</pre>', made)
    assert match is not None
    assert match[1] not in boss.get("/settings/tokens").text
    bearer = {"Authorization": f"Bearer {match[1]}"}
    assert boss.site.ask("GET", "/api/v1/token", bearer).status == 200
    boss.post("/settings/tokens/revoke", {"id": match[1].split("_")[1]}, "/settings/tokens")
    assert boss.site.ask("GET", "/api/v1/token", bearer).status == 401
