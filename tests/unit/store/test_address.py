"""The key of an address: two spellings of one mailbox must never be two entries."""

import pytest

from bouncegate.store.address import AddressError, canonical


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
