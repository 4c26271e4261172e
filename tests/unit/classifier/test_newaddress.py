"""The new address that a reply names: one that a person may ask about, or none."""

import pytest

from bouncegate.classifier import limits
from bouncegate.classifier.newaddress import new_address

OLD = "ann@example.com"


@pytest.mark.parametrize(
    ("reply", "named"),
    [
        ("551 5.1.6 User not local; please try <ann@example.net>", "ann@example.net"),
        ("251 User not local; will forward to <ann@example.net>", "ann@example.net"),
        ("550 ann@example.com has been replaced by ann.lee@example.org.", "ann.lee@example.org"),
        ("550 Ann moved. Her new address is: ann+w@mail.example.net", "ann+w@mail.example.net"),
        ("550 account moved to 'ann@example.net'", "ann@example.net"),
        ("550 Neue Adresse: ann@example.net", "ann@example.net"),
        ("550 Sa nouvelle adresse est ann@example.net", "ann@example.net"),
        ("550 Новый адрес: ann@example.net", "ann@example.net"),
        ("550 新邮箱 ann@example.net", "ann@example.net"),
    ],
)  # fmt: skip
def test_an_address_behind_words_of_moving_is_named(reply: str, named: str) -> None:
    assert new_address(reply, OLD) == named


@pytest.mark.parametrize(
    "reply",
    [
        "550 no such user ann@example.com",
        "551 moved to ann@example.com",
        "551 please try a@example.net or use b@example.net",
        "550 Ann has moved, please contact bob@example.net",
        "550 Ann has moved, please try postmaster@example.net",
        "550 please try <script>@example.net",
        "550 please try a@b@example.net",
        '550 please try "a b"@example.net',
        "550 please try a@[192.0.2.1]",
        "550 please try a@localhost",
        "550 please try a@" + "x" * 64 + ".example",
        "550 please try " + "a" * 65 + "@example.net",
        "550 please try a@" + "a." * 200 + "example",
        "550 please try \x1b[31ma@example.net",
        "550 please try " + " " * 60 + "x" * 60 + " a@example.net",
        "550 moved" + " x" * limits.DIAGNOSTIC + " please try a@example.net",
        "",
    ],
)
def test_anything_else_names_none(reply: str) -> None:
    assert new_address(reply, OLD) == ""
