"""Authentication-Results are parsed strictly by RFC 8601, or ignored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bouncegate.classifier.alive.authresults import AuthResults, Result, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mx.example.org; none", AuthResults("mx.example.org", ())),
        ("MX.example.org 1; none", AuthResults("mx.example.org", ())),
        (
            "mx.example.org; dmarc=pass (p=none dis=none) header.from=example.com",
            AuthResults(
                "mx.example.org", (Result("dmarc", "pass", (("header.from", "example.com"),)),)
            ),
        ),
        (
            (
                'mx.example.org;\tdkim=pass (2048-bit key) header.d=example.com header.b="a=;b";'
                "  spf=fail (nested (comment; dmarc=pass)) smtp.mailfrom=ann@example.com"
            ),
            AuthResults(
                "mx.example.org",
                (
                    Result("dkim", "pass", (("header.d", "example.com"), ("header.b", "a=;b"))),
                    Result("spf", "fail", (("smtp.mailfrom", "ann@example.com"),)),
                ),
            ),
        ),
        (
            'mx.example.org; auth=pass reason="good; dmarc=pass" smtp.auth="a b"@example.com',
            AuthResults(
                "mx.example.org",
                (
                    Result(
                        "auth",
                        "pass",
                        (("reason", "good; dmarc=pass"), ("smtp.auth", '"a b"@example.com')),
                    ),
                ),
            ),
        ),
        (
            "mx.example.org; dkim / 1 = pass policy . rules = x;",
            AuthResults("mx.example.org", (Result("dkim", "pass", (("policy.rules", "x"),)),)),
        ),
        (
            "mx.example.org; dmarc=pass action=none header.from=example.com",
            AuthResults(
                "mx.example.org",
                (Result("dmarc", "pass", (("action", "none"), ("header.from", "example.com"))),),
            ),
        ),
    ],
)
def test_a_field_is_read_as_the_standard_has_it(text: str, expected: AuthResults) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mx.example.org",
        "mx.example.org;",
        "mx.example.org; dmarc",
        "mx.example.org; dmarc=",
        "mx.example.org; dmarc=pass header.from",
        "mx.example.org; dmarc=pass header.from=a b",
        "mx.example.org 2; dmarc=pass header.from=example.com",
        "mx.example.org; dmarc/2=pass header.from=example.com",
        "dmarc=pass header.from=example.com; spf=pass smtp.mailfrom=example.com",
        'mx.example.org; dmarc=pass header.from="example.com',
        "mx.example.org; dmarc=pass (header.from=example.com",
        "mx.example.org; " + "spf=pass; " * 100,
        "mx.example.org; " + "(" * 9000,
    ],
)
def test_what_is_no_such_field_tells_nothing(text: str) -> None:
    assert parse(text) is None


@given(st.text(max_size=300))
def test_no_text_raises(text: str) -> None:
    parse(text)
    parse(f"mx.example.org; {text}")


@given(st.text(st.characters(exclude_characters='"\\', min_codepoint=33), max_size=100))
def test_a_value_in_quotes_is_no_result(value: str) -> None:
    """The envelope sender is a stranger's text."""
    told = parse(f'mx.example.org; spf=fail smtp.mailfrom="{value}"')
    assert told is not None
    assert told.results == (Result("spf", "fail", (("smtp.mailfrom", value),)),)
