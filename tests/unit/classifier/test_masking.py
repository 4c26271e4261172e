"""Addresses in a reply are masked: a rule must not match their words."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bouncegate.classifier.addresses import ADDRESS, BEGINNING
from bouncegate.classifier.reply import searchable

PIECES = st.sampled_from(
    ["spam@example.com", "<full@example.net>", '"two words"@example.org', "a@b@c.example", "@", '"',
     " ", "  ", "\t", "\u3000", "{", "|", "\\", "<", ">", ",", "x", ".", "max@m\xfcller.example"]
)  # fmt: skip


def masked_as_a_whole(text: str) -> str:
    line = " ".join(text.split())
    return re.sub(BEGINNING + ADDRESS, "<>", line).replace("<<>>", "<>").lower()


@given(st.lists(PIECES, max_size=12).map("".join))
def test_masking_word_by_word_is_masking_the_whole_line(text: str) -> None:
    assert searchable(text) == masked_as_a_whole(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("550 <Full@Example.net>: unknown", "550 <>: unknown"),
        ('550 "mailbox full"@example.net unknown', "550 <> unknown"),
        ("to:full@example.net,and(spam@example.org) No", "to:<>,and(<>) no"),
        ("no address @ all", "no address @ all"),
    ],
)
def test_masking_leaves_all_but_the_addresses(text: str, expected: str) -> None:
    assert searchable(text) == expected
