"""Replies of one shape are counted as one, and their shape names nobody."""

import re

import pytest

from bouncegate.classifier.shape import LONGEST, shape_of

ALIKE = [
    (
        "host mx1.a.example[192.0.2.1] said: 550 5.7.0 No post for ann@a.example today 10:22:11",
        "host in.b.example[2001:db8::7] said: 550 5.7.0 No post for <bob.b@b.example> today 7:05",
        "host <host>[<ip>] said: 550 5.7.0 no post for <> today <id>",
    ),
    (
        "554 refused, ticket 4XyZ1-77, see https://help.a.example/x?t=1",
        "554 refused, ticket 8-AAF2, see http://b.example/",
        "554 refused, ticket <id>, see <url>",
    ),
    ("421-quota of 37 widgets", "421-quota of 4 widgets", "421-quota of <id> widgets"),
    ("550 ids a1, b2, c3 unknown", "550 ids d4 unknown", "550 ids <id> unknown"),
]


@pytest.mark.parametrize(("one", "other", "shape"), ALIKE)
def test_shape_is_the_words_without_what_differs(one: str, other: str, shape: str) -> None:
    assert shape_of(one) == shape_of(other) == shape


def test_shape_keeps_codes_and_tells_them_apart() -> None:
    assert shape_of("550 5.7.1 no") != shape_of("550 5.7.2 no") != shape_of("554 5.7.2 no")


def test_shape_names_none_of_the_addresses_of_the_bounce() -> None:
    text = "550 Mueller-Luedenscheid left; ask KLOEBNER or postmaster"
    names = ["mueller-luedenscheid@example.com", "", "kloebner@example.org", "post@example.org"]
    assert shape_of(text, names) == "550 <> left; ask <> or postmaster"


def test_shape_keeps_a_word_of_notices_that_is_also_a_local_part() -> None:
    assert shape_of("550 software gone", ["software@example.com"]) == "550 software gone"


@pytest.mark.parametrize(
    "text", ["a." * 900, ":" * 900, "<" * 900, "1-" * 900, "f:" * 900, "é" * 900]
)
def test_shape_is_bounded_whatever_the_text(text: str) -> None:
    shape = shape_of(text, ["a@example.com"])
    assert len(shape) <= LONGEST
    assert not re.search(r"\d{2}", shape)
