"""The key of a recipient: the fast way must agree with the canonical form, or locks are missed."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bouncegate.milter.refusal.recipient import (
    as_resolved,
    exact_key,
    folded_key,
    is_address,
    plain_key,
    queued_as,
    untagged,
)
from bouncegate.store.address import AddressError, canonical
from bouncegate.store.resolution import mailboxes_of

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


@given(st.binary(max_size=60))
@example(b"a@b@example.com")
@example(b"example.com!ann")
@example(b"ann,example.com")
def test_the_fast_way_is_for_what_has_one_spelling(octets: bytes) -> None:
    key = plain_key(octets)
    if key is not None and is_address(key):
        assert [str(m) for m in mailboxes_of(octets.strip(b"<> \t\r\n").decode().lower())] == [
            key.decode()
        ]


@pytest.mark.parametrize(
    "path",
    [
        "ann%example.com",
        "example.com!ann",
        "Ann%Example.com.",
        "@relay.example:ann%example.com",
        "ann(a comment)@example.com",
        "ann @ example.com",
        "a\\nn@example.com",
        '"a\\nn"@example.com',
        "<ann@example.com>",
    ],
)
def test_a_spelling_that_needs_no_knowledge_of_the_mta_has_the_key_of_the_mailbox(
    path: str,
) -> None:
    assert folded_key(f"<{path}>".encode()) == b"ann@example.com"
    assert exact_key(f"<{path}>".lower().encode()) == b"ann@example.com"


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("ann%example.com@gateway.example", "ann%example.com@gateway.example"),
        ("example.com!ann@gateway.example", "example.com!ann@gateway.example"),
        ('"ann@example.com"@gateway.example', '"ann@example.com"@gateway.example'),
        ("a.example!b.example!ann", "b.example!ann@a.example"),
        ("ann%a.example%b.example", "ann%a.example@b.example"),
        ('"ann(x)"@example.com', '"ann(x)"@example.com'),
    ],
)
def test_a_route_by_a_gateway_of_others_is_a_mailbox_of_its_own(path: str, key: str) -> None:
    assert folded_key(path.encode()) == key.encode()


@pytest.mark.parametrize("path", ["ann", "a\u00a0nn@example.com", "(open@example.com", "%", "!"])
def test_what_names_no_mailbox_has_no_key(path: str) -> None:
    assert folded_key(path.encode()) is None


@pytest.mark.parametrize(
    ("path", "told", "resolved"),
    [
        ("<Ann%Example.com@here.example>", "ann@example.com", "Ann@example.com"),
        ("<example.com!Ann@here.example>", "ann@example.com", "Ann@example.com"),
        ('<"Ann@example.com"@here.example>', "ann@example.com", "Ann@example.com"),
        ("<ann%example.com@other.example>", "ann%example.com@other.example", None),
        ("<ann>", "ann@here.example", "ann@here.example"),
        ("<ann%a@b>", "ann", None),
        ("<ann%a@b>", None, None),
        ("<ann%a@b>", "(", None),
    ],
)
def test_what_only_the_mta_knows_it_tells(
    path: str, told: str | None, resolved: str | None
) -> None:
    bare = path.strip("<>")
    assert as_resolved(path.encode(), told).decode().strip("<>") == (resolved or bare)


@pytest.mark.parametrize(
    ("key", "delimiters", "base"),
    [
        ("ann+news@example.com", "+", "ann@example.com"),
        ("ann+@example.com", "+", "ann@example.com"),
        ("ann+a+b@example.com", "+", "ann@example.com"),
        ("ann-a+b@example.com", "+-", "ann@example.com"),
        ("ann+a-b@example.com", "-+", "ann@example.com"),
        ('"ann+a b"@example.com', "+", "ann@example.com"),
        ('"a b+c"@example.com', "+", '"a b"@example.com'),
        ("+ann@example.com", "+", None),
        ("+ann+x@example.com", "+", None),
        ("ann@a+b.example.com", "+", None),
        ("ann+news@example.com", "", None),
        ("ann+news@example.com", "-", None),
        ("owner-list@example.com", "-", None),
        ("list-request@example.com", "-", None),
        ("mailer-daemon@example.com", "-", None),
        ("@example.com", "+", None),
    ],
)
def test_an_extension_is_what_postfix_takes_for_one(
    key: str, delimiters: str, base: str | None
) -> None:
    assert untagged(key.encode(), delimiters) == (base.encode() if base else None)


@given(st.text(max_size=30), st.sampled_from(["+", "-+", "="]))
def test_no_local_part_keeps_an_extension_from_being_looked_for(local: str, marks: str) -> None:
    key = folded_key(f'"{local}"@example.com'.encode("utf-8", "surrogatepass"))
    base = untagged(key, marks) if key else None
    assert base is None or canonical(base.decode()) == base.decode()


def test_what_is_taken_out_again_is_named_in_each_form_that_the_queue_may_have() -> None:
    assert queued_as(b"<Ann%R.example>") == ["Ann%R.example", "Ann@R.example"]
    assert queued_as(b"<Ann@R.example>") == ["Ann@R.example"]
    assert queued_as(b"<(open@r.example>") == ["(open@r.example"]
    given = ["Ann@R.example", "Ann@R.example.", "R.example!Ann", "Ann%R.example"]
    assert queued_as(b"Ann@R.example") == given, "by sendmail(1)"
