"""The key of an address: two spellings of one mailbox must never be two entries."""

import random
import sys
import unicodedata

import pytest

from bouncegate.store.address import AddressError, canonical

_PARTS = ("aZ9.-+_{'`", "aZ9.-_")
_LENGTHS = (*range(1, 8), 62, 63, 64, 65, 190)


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ("Ann.Bee@Example.COM", "ann.bee@example.com"),
        ("ann@example.com.", "ann@example.com"),
        ('"ann"@example.com', "ann@example.com"),
        ('"Ann Bee"@example.com', '"ann bee"@example.com'),
        ('"a\\"b"@example.com', '"a\\"b"@example.com'),
        ("info@bücher.example", "info@xn--bcher-kva.example"),
        ("info@XN--BCHER-KVA.example", "info@xn--bcher-kva.example"),
        ("straße@faß.example", "straße@xn--fa-hia.example"),
        ("u\u0308ber@example.com", "\u00fcber@example.com"),
        ("ann..bee.@example.com", "ann..bee.@example.com"),
        ("ann@[192.0.2.1]", "ann@[192.0.2.1]"),
        ("@Example.com", "@example.com"),
    ],
)
def test_every_spelling_of_an_address_has_one_key(given: str, key: str) -> None:
    assert canonical(given) == key
    assert canonical(key) == key


def test_plain_addresses_have_the_same_key_by_the_fast_way_and_the_slow() -> None:
    """A root dot leads to the slow way, and is no part of the key."""
    chance = random.Random(1)

    def key(text: str, *, fold: bool) -> str | None:
        try:
            return canonical(text, fold=fold)
        except AddressError:
            return None

    for _ in range(20_000):
        local, domain = (
            "".join(chance.choices(some, k=chance.choice(_LENGTHS))) for some in _PARTS
        )
        for fold in (True, False):
            fast, slow = (key(f"{local}@{domain}{dot}", fold=fold) for dot in ("", "."))
            assert domain.endswith(".") or fast == slow, (local, domain)


def test_the_local_part_keeps_its_case_where_the_operator_says_so() -> None:
    assert canonical("Ann@Example.com", fold=False) == "Ann@example.com"


@pytest.mark.parametrize(
    "text",
    ["", "ann", "ann@", "@", "a b@example.com", "ann@exa mple.com", "ann@-x.example", "ann@a..b",
     "x" * 65 + "@example.com", "ann@" + "x" * 64 + ".example", "ann\n@example.com", "ann@[x]",
     "a@b@example.com", "ann@" + ".".join(["x" * 60] * 5), "\ud800@example.com"],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_an_error_that_says_so(text: str) -> None:
    with pytest.raises(AddressError):
        canonical(text)


@pytest.mark.parametrize(
    "odd",
    ["\x1c", "\x85", "\xa0", "\u2028", "\u3000", "\x00", "\x1b", "\x7f", "\x9b", "\u202e", "\u2066",
     "\u200b", "\u200e", "\u2060", "\ufeff", "\xad", "\u3164", chr(0xD800), "\uffff", "\ufffd"],
)  # fmt: skip
@pytest.mark.parametrize("form", ["{}ann@example.com", "a{}nn@example.com", "ann{}@example.com",
                                  "ann@{}example.com", "ann@exam{}ple.com", "ann@example.com{}",
                                  '"{} x"@example.com', "@example{}.com"])  # fmt: skip
def test_an_address_with_what_cannot_be_seen_is_no_other_address(odd: str, form: str) -> None:
    with pytest.raises(AddressError):
        canonical(form.format(odd))


def test_an_address_in_no_ascii_becomes_none_in_ascii() -> None:
    """NFC makes ASCII of three characters: another person's address would come of them."""
    for code in range(0x80, sys.maxunicode + 1):
        if unicodedata.normalize("NFC", chr(code)).isascii():
            with pytest.raises(AddressError):
                canonical(f"{chr(code)}ate@example.com")


def test_an_address_keeps_the_joiners_of_a_domain_that_needs_them() -> None:
    assert canonical("a@\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.example") == (
        "a@xn--mgba3gch31f060k.example"
    )
    with pytest.raises(AddressError):
        canonical("a@exam\u200cple.com")


@pytest.mark.parametrize(
    "literal",
    ["[IPv6:2001:db8::1]", "[ipv6:2001:0DB8:0:0::0001]", "[IPv6:2001:db8:0:0:0:0:0:1]"],
)
def test_an_ipv6_literal_has_one_form(literal: str) -> None:
    assert canonical(f"ann@{literal}") == "ann@[ipv6:2001:db8::1]"


def test_an_ipv6_literal_that_is_no_address_is_refused() -> None:
    with pytest.raises(AddressError, match="invalid address literal"):
        canonical("ann@[IPv6:2001:db8::1::2]")
    assert canonical("ann@[IPv6:::FFFF:c000:201]") == "ann@[ipv6:::ffff:192.0.2.1]"
