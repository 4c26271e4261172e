"""Addresses that can never be delivered must be found before they are mailed, and no others."""

import pytest

from bouncegate.admin.lists.syntax import fault_of


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("ann", "no @"),
        ("ann@", "no @"),
        ("a b@mail.test.de", "quotes"),
        ("ann@exa mple.com", "invalid domain name"),
        ("ann@localhost", "no dot"),
        ("ann@mail.localhost", "reserved"),
        ("ann@mail.invalid", "reserved"),
        ("ann@EXAMPLE.com", "reserved"),
        ("ann@mail.example.org", "reserved"),
        ("ann@hidden.onion", "reserved"),
        ("ann..bee@gmail.com", "two in a row"),
        (".ann@gmail.com", "dot at an end"),
        ("ann.@gmail.com", "dot at an end"),
        ("a" * 65 + "@gmail.com", "longer than 64"),
        ("ann@192.0.2.1", "ends in a number"),
        ("ann@[192.0.2.1]", "IP address"),
        ("ann@" + ".".join(["x" * 60] * 5) + ".de", "invalid domain name"),
    ],
)
def test_what_cannot_be_delivered_by_syntax_is_told_with_the_reason(
    address: str, says: str
) -> None:
    assert says in fault_of(address)


@pytest.mark.parametrize(
    "address",
    [
        "ann@gmail.com",
        "ann@bücher.de",
        '"ann bee"@gmx.de',
        "ann..bee@docomo.ne.jp",
        "ann.@ezweb.ne.jp",
        "ann@mail.internal",
        "ann@example.de",
        "ann@a.b.c.museum",
        "ann+news@gmail.com",
    ],
)
def test_what_can_be_delivered_is_not_called_invalid(address: str) -> None:
    assert fault_of(address) == ""
