"""Where a text names one of many addresses: as one pattern for each of their forms would say."""

import re
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bouncegate.store.redaction import Redaction

ADDRESSES: Final = (
    "ann@shop.example",
    "ann+news@shop.example",
    "an=n@shop.example",
    "ann@mail.shop.example",
    "joann@shop.example",
    "40ann@40shop.example",
    '"v x"@shop.example',
    "ann@[192.0.2.1]",
    "ann@my_shop.example",
    "bücher@shop.example",
    "a@b",
)
PARTS: Final = (
    *ADDRESSES,
    *(one.replace("@", "=") for one in ADDRESSES),
    *(one.replace("@", "+40") for one in ADDRESSES),
    *(one.replace("@", "=40") for one in ADDRESSES),
    *(
        "@",
        "=",
        "+40",
        "=40",
        "+",
        "-",
        ".",
        "%",
        "<",
        ">",
        " ",
        "a",
        "ann",
        "40",
        ".org",
        "_",
        "'",
    ),
    *("ANN@Shop.Example", "shop.example", "Bounce+Ann=shop.example@x.example", "\n", "/"),
)
TEXTS: Final = st.lists(st.sampled_from(PARTS), max_size=8).map("".join)
BEHIND: Final = rb"(?![A-Za-z0-9\-]|\.[A-Za-z0-9])"


def pattern_of(address: str) -> re.Pattern[bytes]:
    """Every form of an address, not within a longer one."""
    octets = address.encode()
    local, _, domain = octets.rpartition(b"@")
    forms = [rb"(?<![A-Za-z0-9._%+\-])" + re.escape(octets) + BEHIND]
    forms += [
        rb"(?<![A-Za-z0-9._%])" + re.escape(local) + sign + re.escape(domain) + BEHIND
        for sign in (b"=", rb"\+40", b"=40")
    ]
    return re.compile(b"|".join(forms), re.IGNORECASE)


PATTERNS: Final = {address: pattern_of(address) for address in ADDRESSES}


@given(TEXTS)
def test_redaction_names_whom_a_pattern_of_each_address_finds(text: str) -> None:
    found = {a for a, pattern in PATTERNS.items() if pattern.search(text.encode())}
    naming = Redaction(ADDRESSES)
    assert naming.named(text) == found
    assert naming.names(text) == bool(found)


@given(TEXTS, st.sampled_from(ADDRESSES))
def test_redaction_blanks_an_address_and_nothing_else(text: str, address: str) -> None:
    expected = PATTERNS[address].sub(lambda found: b"x" * len(found[0]), text.encode())
    assert Redaction([address]).blanked_octets(text.encode()) == expected


@given(TEXTS)
def test_redaction_of_many_leaves_none_of_them(text: str) -> None:
    blanked = Redaction(ADDRESSES).blanked_octets(text.encode())
    assert len(blanked) == len(text.encode())
    for address in ADDRESSES:
        for found in PATTERNS[address].finditer(text.encode()):
            assert set(blanked[slice(*found.span())]) == set(b"x")


@pytest.mark.parametrize("number", [0, 20_000])
def test_redaction_takes_as_long_for_many_addresses_as_for_few(number: int) -> None:
    """One pattern of 20,000 addresses takes a second for each such text."""
    many = [f"reader{n}@shop.example" for n in range(number)]
    naming = Redaction([*many, "ann@shop.example"])
    text = "550 5.1.1 <user@mail.example>: no such user; " * 20
    for _ in range(2000):
        assert not naming.names(text)
    assert naming.named(f"{text} for ann@shop.example") == {"ann@shop.example"}
