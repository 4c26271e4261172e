"""Rendering: nothing that comes from outside becomes markup; assets are linked by their hash."""

import pytest
from jinja2 import UndefinedError

from bouncegate.web.page.language import language
from bouncegate.web.page.rendering import address, asset_path, assets, in_path, render


def _error(**values: object) -> str:
    given: dict[str, object] = {
        "title": "Not found",
        "text": "",
        "links": (),
        "visitor": None,
        "here": "",
        "flash": "",
        "other_language": "?lang=de",
    }
    return render("error.html", language("en"), **{**given, **values})


def test_text_from_outside_is_escaped() -> None:
    assert "<b>" not in _error(text="<b>bold</b>")
    assert "&lt;b&gt;bold" in _error(text="<b>bold</b>")


def test_an_address_is_isolated_escaped_and_breaks_at_its_at_sign() -> None:
    drawn = address('"<i>"@example.org')
    assert "<i>" not in drawn
    assert drawn.startswith("<bdi")
    assert '<wbr><span class="domain">@example.org</span>' in drawn


def test_an_address_shows_what_turns_the_direction_of_text() -> None:
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in address("a\N{RIGHT-TO-LEFT OVERRIDE}b@example.org")


def test_an_address_in_a_path_is_one_segment() -> None:
    assert in_path("a/b?c#d@example.org") == "a%2Fb%3Fc%23d@example.org"


def test_a_page_without_its_values_is_an_error_not_a_gap() -> None:
    with pytest.raises(UndefinedError):
        render("error.html", language("en"))


def test_assets_are_named_by_their_content_and_linked_so() -> None:
    page = _error()
    for name in ("page.css", "page.js", "icon.svg"):
        path = asset_path(name)
        assert path in page
        octets, _ = assets()[path.removeprefix("/static/")]
        assert octets


def test_the_style_sheet_holds_every_part() -> None:
    octets, kind = assets()[asset_path("page.css").removeprefix("/static/")]
    assert kind == "text/css"
    assert all(mark in octets for mark in (b"--ground", b".tabs", b"dialog", b"@media print"))
