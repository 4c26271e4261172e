"""What the model services show on screens, on our page: each sentence where it can be clicked."""

import csv
import html
import io
import mailbox
import re
from contextlib import closing
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode

import msgspec
from tests.unit.web.page.conftest import Page, boss, desk, filled, reader

__all__ = ["boss", "desk", "filled", "reader"]

TABS = ("bounces", "soft", "hard", "locked", "detected", "predicted", "invalid", "stale")


def _links(page: str) -> set[str]:
    return {html.unescape(found) for found in re.findall(r'href="([^"]+)"', page)}


def _rows(page: Page, query: str) -> list[dict[str, str]]:
    """The rows of a list, as the page exports them."""
    text = page.get(f"/recipients.csv?{query}").body.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def _addresses(page: Page, query: str) -> list[str]:
    return [row["address"] for row in _rows(page, query)]


def _shown(page: Page, address: str) -> dict[str, object]:
    found: dict[str, object] = msgspec.json.decode(page.site.command("show", "--json", address))
    return found


def test_start_page_data_quality_leads_to_the_list_behind_each_number(boss: Page) -> None:
    german, english = (boss.get("/", Accept_Language=one).text for one in ("de", "en"))
    assert "<h1>Datenqualität</h1>" in german
    assert "<h1>Data quality</h1>" in english
    tiles = re.findall(r'class="tile ([a-z]*)" href="/recipients\?tab=(\w+)"><b>(\d+)</b>', english)
    numbers = {tab: int(number) for kind, tab, number in tiles if kind or tab != "soft"}
    assert numbers.keys() == {*TABS} - {"bounces"}
    assert numbers == {tab: len(_rows(boss, f"tab={tab}")) for tab in numbers}
    assert numbers["hard"] > 0


def test_lists_have_tabs_filters_and_buttons(boss: Page) -> None:
    text = boss.get("/recipients?tab=soft").text
    assert {f"/recipients?tab={tab}" for tab in TABS} <= _links(text)
    assert {"q", "reason", "provider", "group"} <= {*re.findall(r'name="(\w+)"', text)}
    buttons = {html.unescape(one) for one in re.findall(r'class="button[^>]*href="([^"]+)"', text)}
    assert "/recipients.csv?tab=soft" in buttons
    assert any(one.startswith("/unlock?") for one in buttons)


def test_filter_of_a_list_leaves_what_was_asked_for(boss: Page) -> None:
    everything = _addresses(boss, "tab=bounces")
    full = _addresses(boss, "tab=bounces&reason=mailbox-full")
    assert 0 < len(full) < len(everything)
    assert {row["reason"] for row in _rows(boss, "tab=bounces&reason=mailbox-full")} == {
        "mailbox-full"
    }


def test_address_has_a_page_that_says_why_until_when_and_what_frees_it(reader: Page) -> None:
    address = _addresses(reader, "tab=soft")[0]
    text = reader.get(f"/recipients/{address}", Accept_Language="en").text
    shown = _shown(reader, address)
    until = datetime.fromisoformat(str(shown["until"]))
    assert f"{until.day} {until:%b %Y}" in text
    assert address in text
    (row,) = _rows(reader, f"tab=soft&q={address}")
    assert html.escape(row["text"].removeprefix("'")) in text
    assert "What frees it" in text


def test_soft_lock_is_lifted_on_the_page_after_a_confirmation(boss: Page) -> None:
    address = _addresses(boss, "tab=soft")[-1]
    asked_at = f"/unlock?{urlencode({'a': address})}"
    boss.get(asked_at)
    assert _shown(boss, address)["locked"] is True, "the dialog alone lifts nothing"
    assert boss.post("/unlock", {"a": address, "why": "emptied"}, asked_at).status == 303
    assert _shown(boss, address)["locked"] is False


def test_hard_lock_is_not_lifted_on_the_page_by_who_may_lift_soft_ones(desk: Page) -> None:
    address = _addresses(desk, "tab=hard")[0]
    asked_at = f"/unlock?{urlencode({'a': address})}"
    answer = desk.get(asked_at, Accept_Language="en")
    assert answer.status == 200
    desk.post("/unlock", {"a": address, "why": "please"}, asked_at)
    assert _shown(desk, address)["locked"] is True


def test_per_mailing_bounces_csv_and_messages_are_a_click_away(boss: Page, tmp_path: Path) -> None:
    (mailing,) = {one for one in _links(boss.get("/mailings").text) if "Offers" in one}
    links = _links(boss.get(mailing).text)
    assert any(one.startswith("/recipients?tab=bounces&mailing=") for one in links)
    (sheet,) = (one for one in links if one.startswith("/recipients.csv?"))
    assert len(boss.get(sheet).text.splitlines()) > 10
    (messages,) = (one for one in links if one.endswith("/bounces.mbox"))
    box = tmp_path / "box"
    box.write_bytes(boss.get(messages).body)
    with closing(mailbox.mbox(box)) as read:
        assert all(message["from"] for message in read)


def test_per_group_the_bounced_addresses_are_a_click_away(boss: Page) -> None:
    group = next(one for one in _links(boss.get("/groups").text) if one.startswith("/groups/"))
    name = group.removeprefix("/groups/")
    assert any(f"group={name}" in one for one in _links(boss.get(group).text))
    found = _addresses(boss, f"tab=bounces&group={name}")
    assert 0 < len(found) < len(_addresses(boss, "tab=bounces"))
