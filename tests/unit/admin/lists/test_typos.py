"""Likely typing errors are named, and domains that are right are left in peace."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bouncegate.admin.lists.typos import Typos, distance
from bouncegate.policy.providers import Providers

TYPOS = Typos(Providers.of().domains())


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("gmial.com", "gmail.com"),
        ("gmai.com", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("gmail.co", "gmail.com"),
        ("gmaill.comm", "gmail.com"),
        ("hotmial.com", "hotmail.com"),
        ("yaho.com", "yahoo.com"),
        ("outlok.com", "outlook.com"),
        ("wbe.de", "web.de"),
        ("t-onlien.de", "t-online.de"),
    ],
)
def test_a_likely_typo_of_a_known_domain_is_named(typed: str, meant: str) -> None:
    assert TYPOS.meant(typed) == meant


@pytest.mark.parametrize(
    "domain", ["gmail.com", "web.de", "ymail.com", "mail.com", "gmx.at", "kernel.org", "a.de", ""]
)
def test_a_domain_that_is_known_or_like_none_is_left_in_peace(domain: str) -> None:
    assert TYPOS.meant(domain) == ""


def test_of_two_that_are_as_near_the_one_that_is_meant_more_often_is_named() -> None:
    assert Typos(["aaaaa.com", "aaaab.com"]).meant("aaaac.com") == "aaaaa.com"
    assert Typos(["aaaab.com", "aaaaa.com"]).meant("aaaac.com") == "aaaab.com"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("", "", 0), ("a", "", 1), ("ab", "ba", 1), ("gmail", "gmial", 1), ("abc", "ca", 3)],
)
def test_slips_are_counted_as_defined(one: str, other: str, expected: int) -> None:
    assert distance(one, other) == distance(other, one) == expected


WORDS = st.text("abc", max_size=8)


@given(WORDS, WORDS)
def test_slips_have_the_bounds_of_a_distance(one: str, other: str) -> None:
    found = distance(one, other)
    assert abs(len(one) - len(other)) <= found <= max(len(one), len(other))
    assert (found == 0) == (one == other)
    assert found == distance(other, one)


NEAR = Typos(["abcabcabc.com"])


@given(st.integers(0, 12), st.sampled_from("abcx."), st.integers(0, 11))
def test_whatever_two_slips_make_of_a_long_domain_is_found(at: int, new: str, gone: int) -> None:
    known = "abcabcabc.com"
    typed = known[:at] + new + known[at + 1 :]
    typed = typed[:gone] + typed[gone + 1 :]
    assert NEAR.meant(typed) == known
