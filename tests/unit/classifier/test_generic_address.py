"""An address is taken whole or not at all: a part of an odd one may be another person's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bouncegate.classifier.addresses import find_addresses, typed_address
from bouncegate.classifier.readers.recipientblocks import entries
from bouncegate.store.address import AddressError, canonical


@pytest.mark.parametrize(
    ("field", "address"),
    [
        ("rfc822; v@v.example", "v@v.example"),
        ("RFC822;v@v.example (comment)", "v@v.example"),
        ("rfc822; (to) v@v.example (Vee)", "v@v.example"),
        ("rfc822; <v@v.example>", "v@v.example"),
        ("rfc822; <v@v.example>,", "v@v.example"),
        ("rfc822; 'v@v.example'", "v@v.example"),
        ("rfc822; Vee Vee <v@v.example>", "v@v.example"),
        ('rfc822; "w@w.example" <v@v.example>', "v@v.example"),
        ("rfc822; <@a.example,@b.example:v@v.example>", "v@v.example"),
        ("rfc822; v@v.example: no such user", "v@v.example"),
        ('rfc822; "a b"@v.example', '"a b"@v.example'),
        ('"a;b"@v.example', '"a;b"@v.example'),
        ("rfc822; a|b@v.example", "a|b@v.example"),
        ("rfc822; user+2Btag@v.example", "user+2Btag@v.example"),
        ("rfc822; root@localhost", "root@localhost"),
        ("smtp:v@v.example", "v@v.example"),
        ("utf-8; jürgen@v.example", "jürgen@v.example"),
        (r"utf-8; j\x{FC}rgen@v.example", "jürgen@v.example"),
        (r"utf-8; v\x{20}x@v.example", '"v x"@v.example'),
        (r"utf-8; j\x{5C}a@v.example", r'"j\\a"@v.example'),
        (r"utf-8; v\x{22}x@v.example", r'"v\"x"@v.example'),
        (r"utf-8; a\x{40}b@v.example", '"a@b"@v.example'),
        (r"utf-8; v@v.example\x{40}w.example", '"v@v.example"@w.example'),
        (r"utf-8; a\x{2B}b@v.example", "a+b@v.example"),
        ("x400; /C=de/", "/C=de/"),
        ("rfc822; max", "max"),
        ("rfc822; @mx.v.example", "@mx.v.example"),
        ("", ""),
    ],
)
def test_an_address_of_a_field_is_decoded_and_taken_whole(field: str, address: str) -> None:
    assert typed_address(field) == address


@pytest.mark.parametrize(
    "field",
    [
        "rfc822; w v@v.example",
        "rfc822; w\\ v@v.example",
        "rfc822; w@x v@v.example",
        "rfc822; v@v.example, w@v.example",
        "rfc822; v@v.example w@v.example",
        "rfc822; <w@v.example> <v@v.example>",
        "rfc822; w@v@v.example",
        "rfc822; v@v.example@w.example",
        "rfc822; w@x.example:v@v.example",
        "rfc822; w<@x.example:v@v.example",
        "rfc822; wsmtp:v@v.example",
        "rfc822; w.mailto:v@v.example",
        'rfc822; w"v@v.example',
        'rfc822; "w v@v.example',
        "rfc822; =?utf-8?Q?v@v.example?=",
        "rfc822; x:w,v@v.example;",
        r"utf-8; w\x{0}v@v.example",
        r"utf-8; w\x{7F}v@v.example",
        r"utf-8; w\x{202E}v@v.example",
        r"utf-8; w\x{D800}v@v.example",
        r"utf-8; w\x{110000}v@v.example",
        r"utf-8; w\x{ZZ}v@v.example",
        r"utf-8; w\x{ZZ}\x{20}v@v.example",
        r"utf-8; w\x20v@v.example",
        "x400; v@v.example",
        "X400; /S=v/ v@v.example",
        'x-unix; "|/usr/bin/vacation v@v.example"',
        "rfc822; (v@v.example) w",
        "rfc822; " + "w" * 640 + " v@v.example",
        "rfc822; " + " " * 620 + "v@v.example.org.longer.example",
        " " * 630 + "v@v.example.org",
    ],
)
def test_an_odd_address_of_a_field_names_nobody_else(field: str) -> None:
    found = typed_address(field)
    try:
        canonical(found)
    except AddressError:
        return
    assert field.strip() == found, "an address of a part of the field"


@given(st.text("vw@.\\x{}20|+=", min_size=1, max_size=14), st.sampled_from(["utf-8; ", ""]))
def test_an_address_with_anything_in_front_of_it_is_another_one(before: str, kind: str) -> None:
    found = typed_address(f"{kind}{before}v@v.example")
    assert found != "v@v.example"
    assert "v@v.example" not in find_addresses(f"to w{before}v@v.example failed")


@pytest.mark.parametrize(
    "text",
    [
        r"w\x{20}v@v.example", "w|v@v.example", "w}v@v.example", "w{v@v.example",
        "w@v@v.example", "v@v.example@w.example", "v@v.example-@w.example",
        "v@v.example_w@w.example", "v@" + "a." * 13 + "example", "v@v." + "a" * 80 + ".example",
    ],
)  # fmt: skip
def test_an_address_among_words_is_no_part_of_a_longer_one(text: str) -> None:
    found = find_addresses(f"Your mail to {text} failed")
    assert not any(address.startswith("v@") for address in found), found


@pytest.mark.parametrize(
    "text",
    ["{v@v.example}", "|v@v.example|", "<v@v.example>", "v@v.example.", "(v@v.example)",
     '"v@v.example"', "v@v.example不存在", "to=v@v.example,", "v@v.example:550",
     "mailto:v@v.example"],
)  # fmt: skip
def test_an_address_among_words_is_found_in_what_writers_put_around_it(text: str) -> None:
    assert find_addresses(f"Your mail to {text} failed") == ["v@v.example"]


@pytest.mark.parametrize("local", ["smtpv", "smtp-v", "rfc822v", "smtp"])
def test_an_address_that_begins_like_a_type_is_not_cut(local: str) -> None:
    (entry,) = entries(f"{local}@v.example: 550 5.1.1 no such user\n")
    assert entry.address == f"{local}@v.example"
