"""Text of records: one line, bounded, and nothing in it that is not seen."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bouncegate.config.text import REPLACEMENT, clean, escaped, is_clean, visible

EVERYTHING = st.text(st.characters(exclude_categories=[]))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("550 5.1.1 no such user", "550 5.1.1 no such user"),
        ("Größe 日本 \U0001f600 ❤\ufe0f", "Größe 日本 \U0001f600 ❤\ufe0f"),
        ("two\r\n lines\tand\u2028more", "two   lines and more"),
        ("no\xa0break\u3000", "no break "),
        ("\x1b]0;t\x07", f"{REPLACEMENT}]0;t{REPLACEMENT}"),
        ("a\x00b\x7fc\x9bd", f"a{REPLACEMENT}b{REPLACEMENT}c{REPLACEMENT}d"),
        ("\u202egnp\u2066\u200e\u061c", f"{REPLACEMENT}gnp{REPLACEMENT * 3}"),
        ("a\u200bb\u2060c\ufeffd\xade", "a\ufffdb\ufffdc\ufffdd\ufffde"),
        ("\ud800\udfff", REPLACEMENT * 2),
        ("\ufdd0\uffff\U0010ffff", REPLACEMENT * 3),
        ("\u3164\u115f\uffa0\u034f", REPLACEMENT * 4),
        ("\U000e0041", REPLACEMENT),
    ],
)
def test_text_shows_all_that_is_in_it(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert is_clean(text) == (text == shown)


@given(EVERYTHING, st.integers(0, 50))
def test_text_of_a_record_is_bounded_printable_and_encodes(text: str, longest: int) -> None:
    cleaned = clean(text, longest)
    assert len(cleaned) <= longest
    assert cleaned.isprintable()
    assert cleaned.encode().decode() == cleaned
    assert clean(cleaned, longest) == cleaned


def test_text_of_a_record_has_no_character_of_a_kind_that_is_not_seen() -> None:
    unseen = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.category(character) in unseen:
            assert not is_clean(character), hex(code)


@given(EVERYTHING)
def test_text_is_escaped_for_a_terminal_without_loss_of_what_is_seen(text: str) -> None:
    shown = escaped(text, lambda character: f"<{ord(character):x}>")
    assert all(c.isprintable() or unicodedata.category(c) == "Zs" for c in shown)
    if is_clean(text):
        assert shown == text
