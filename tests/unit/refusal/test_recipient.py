"""The key of a recipient: the fast way must agree with the canonical form, or locks are missed."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bouncegate.refusal.recipient import exact_key, folded_key, is_address
from bouncegate.store.address import AddressError, canonical

_LOCAL = st.one_of(
    st.from_regex(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}", fullmatch=True),
    st.text(min_size=1, max_size=20),
    st.text(st.characters(max_codepoint=126), min_size=1, max_size=70).map(lambda s: f'"{s}"'),
)
_LABEL = st.one_of(
    st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9-]{0,10}[A-Za-z0-9])?", fullmatch=True),
    st.sampled_from(["bücher", "EXAMPLE", "xn--bcher-kva", "例え", "a" * 63]),
)
_DOMAIN = st.one_of(
    st.lists(_LABEL, min_size=1, max_size=8).map(".".join),
    st.lists(_LABEL, min_size=1, max_size=3).map(lambda labels: ".".join(labels) + "."),
    st.sampled_from(["[192.0.2.1]", "[IPv6:2001:DB8::1]", "-bad.example", "under_score.example"]),
)
_PADDING = st.sampled_from(["", " ", "\t", "\x1f"])


@given(_LOCAL, _DOMAIN, _PADDING, st.booleans())
@example("A.B", "EXAMPLE.com", "", True)
@example("Ann", "bücher.example", "", False)
def test_the_key_of_every_address_is_its_canonical_form(
    local: str, domain: str, padding: str, fold: bool
) -> None:
    path = f"{padding}{local}@{domain}{padding}"
    key_of = folded_key if fold else exact_key
    try:
        key = canonical(path, fold=fold).encode()
    except (AddressError, UnicodeEncodeError):
        return
    if path.strip().startswith(("@", "<")) or path.strip().endswith(">"):
        return  # a route, or brackets of its own: not an address that canonical() speaks of
    assert key_of(f"<{path}>".encode()) == key
    assert key_of(path.encode()) == key


@given(st.binary(max_size=400))
def test_octets_of_any_kind_give_a_key_that_fits_the_store_or_none(octets: bytes) -> None:
    """An exception here would cost a recipient its judgement; LMDB's keys end at 511 octets."""
    for key_of in (folded_key, exact_key):
        key = key_of(octets)
        assert key is None or len(key) <= 254


@given(st.binary(max_size=80))
def test_a_key_that_passes_for_an_address_is_canonical(octets: bytes) -> None:
    """What is no address is never refused, not even below a locked domain."""
    key = exact_key(octets)
    if key is not None and is_address(key):
        assert canonical(key.decode(), fold=False) == key.decode()


@pytest.mark.parametrize(
    ("recipient", "key"),
    [
        (b"<Ann@Example.COM>", b"ann@example.com"),
        (b"Ann@Example.COM", b"ann@example.com"),
        (b"< ann@example.com >", b"ann@example.com"),
        (b"<ann@example.com.>", b"ann@example.com"),
        (b"<@relay.example,@b.example:ann@example.com>", b"ann@example.com"),
        (b'<"ann"@example.com>', b"ann@example.com"),
        ("<Ä@bücher.example>".encode(), "ä@xn--bcher-kva.example".encode()),
        (b"<@example.com>", None),
        (b"<\xff@example.com>", None),
        (b"<" + b"a" * 300 + b"@example.com>", None),
    ],
)
def test_each_form_in_which_postfix_hands_a_recipient_over(
    recipient: bytes, key: bytes | None
) -> None:
    assert folded_key(recipient) == key


def test_a_local_part_keeps_its_case_where_the_setting_says_so() -> None:
    assert exact_key(b"<Ann@Example.COM>") == b"Ann@example.com"


@pytest.mark.parametrize("key", [b"postmaster", b"a@b@example.com", b"a b@example.com", b""])
def test_what_is_no_address_does_not_pass_for_one(key: bytes) -> None:
    assert not is_address(key)
