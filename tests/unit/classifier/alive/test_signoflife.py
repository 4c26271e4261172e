"""Signs of life: mail of a person, authenticated by our own host as from its author."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.classifier.alive.message import ANN, MX, NOW, OURS, PASSED, SETTINGS, checked, mail

from bouncegate.admin.doctor.alive import forgery
from bouncegate.classifier.alive.authresults import parse
from bouncegate.classifier.alive.header import fields_of
from bouncegate.classifier.alive.signoflife import Doubt, SignOfLife, names_in_results

DKIM = f"{MX}; dkim=pass header.d=example.com header.s=x"
SPF = f"{MX}; spf=pass smtp.mailfrom=bounces@example.com"


def test_mail_that_passed_dmarc_is_a_sign_of_life_of_its_author() -> None:
    assert checked(mail(PASSED)) == SignOfLife(ANN, "dmarc", MX, "<answer@example.com>")


@pytest.mark.parametrize(
    ("method", "result", "is_proof"),
    [
        ("dkim", DKIM, True),
        ("dkim", f"{MX}; dkim=fail header.d=example.com", False),
        ("dkim", f"{MX}; dkim=pass header.i=@example.com", True),
        ("dkim", f"{MX}; dkim=pass header.d=evil.example; dkim=pass header.d=EXAMPLE.com", True),
        ("dkim", f"{MX}; dkim=pass header.d=evil.example", False),
        ("dkim", f"{MX}; dkim=pass header.d=mail.example.com", False),
        ("dkim", f"{MX}; dkim=pass header.d=com", False),
        ("dkim", f"{MX}; dkim=pass", False),
        ("spf", SPF, True),
        ("spf", f"{MX}; spf=pass smtp.mailfrom=example.com", True),
        ("spf", f"{MX}; spf=pass smtp.mailfrom=evil.example", False),
        ("spf", f"{MX}; spf=pass smtp.helo=example.com", False),
        ("spf", f"{MX}; spf=softfail smtp.mailfrom=example.com", False),
        ("dmarc", f"{MX}; dmarc=pass header.from=evil.example", False),
        ("dmarc", f"{MX}; dmarc=pass", False),
        ("dmarc", DKIM, False),
        ("dkim", SPF, False),
    ],
)
def test_only_the_methods_that_are_set_prove_and_only_for_the_domain_of_the_author(
    method: str, result: str, is_proof: bool
) -> None:
    found = checked(mail(result), replace(SETTINGS, methods=(method,)))
    assert found == (SignOfLife(ANN, method, MX, "<answer@example.com>") if is_proof else found)
    assert isinstance(found, SignOfLife) is is_proof


def test_a_domain_answers_for_those_below_it() -> None:
    raw = mail(DKIM, author="ann@mail.example.com")
    assert isinstance(checked(raw, replace(SETTINGS, methods=("dkim",))), SignOfLife)


@pytest.mark.parametrize(
    ("results", "extra"),
    [
        pytest.param([], "", id="nothing is told"),
        pytest.param([PASSED.replace(MX, "mx.evil.example")], "", id="another host tells"),
        pytest.param([], f"Authentication-Results: {PASSED}", id="below a Received of others"),
        pytest.param(
            [f"{MX}; dmarc=fail header.from=example.com", PASSED], "", id="below our own finding"
        ),
        pytest.param(
            [f"{MX}; spf=pass smtp.mailfrom=example.com", PASSED], "", id="below our other one"
        ),
        pytest.param([f"{MX}; dmarc=pass (header.from=example.com"], "", id="malformed"),
    ],
)
def test_what_a_stranger_can_write_is_not_believed(results: list[str], extra: str) -> None:
    assert checked(mail(*results, extra=extra)) in (Doubt.NO_RESULTS, Doubt.NOT_AUTHENTIC)


def test_where_our_field_stands_on_top_nothing_below_it_is_believed() -> None:
    """The safe behaviour even if the filter has not seen the message."""
    on_top = replace(SETTINGS, received=0)
    assert checked(mail(PASSED), on_top) is Doubt.NO_RESULTS
    raw = f"Authentication-Results: {PASSED}\r\n".encode() + mail()
    assert isinstance(checked(raw, on_top), SignOfLife)


def test_hosts_of_ours_behind_the_filter_may_be_more() -> None:
    raw = f"Received: {OURS}\r\n".encode() + mail(PASSED)
    assert checked(raw) is Doubt.NO_RESULTS
    assert isinstance(checked(raw, replace(SETTINGS, received=2)), SignOfLife)


@pytest.mark.parametrize(
    ("field", "doubt"),
    [
        ("Auto-Submitted: auto-replied (vacation)", Doubt.ROBOT),
        ("Auto-Submitted: auto-generated", Doubt.ROBOT),
        ("Precedence: bulk", Doubt.ROBOT),
        ("Precedence: Junk", Doubt.ROBOT),
        ("X-Auto-Response-Suppress: All", Doubt.ROBOT),
        ("X-Autoreply: yes", Doubt.ROBOT),
        ("Feedback-ID: 1:2:3", Doubt.ROBOT),
        ("Content-Type: multipart/report; report-type=disposition-notification", Doubt.ROBOT),
        ("List-Id: <friends.example.net>", Doubt.LIST),
        ("List-Unsubscribe: <mailto:x@example.net>", Doubt.LIST),
        ("Return-Path: <>", Doubt.BOUNCE),
    ],
)
def test_a_robot_a_list_or_a_bounce_is_no_sign_of_life(field: str, doubt: Doubt) -> None:
    assert checked(mail(PASSED, extra=field)) is doubt


def test_the_null_sender_is_no_sign_of_life() -> None:
    assert checked(mail(PASSED), sender="") is Doubt.BOUNCE


def test_who_is_not_automatic_may_say_so() -> None:
    assert isinstance(checked(mail(PASSED, extra="Auto-Submitted: no")), SignOfLife)


def test_an_answer_from_holiday_is_no_sign_of_life() -> None:
    raw = mail(PASSED).replace(b"Subject: Re: News", b"Subject: Out of office: News")
    assert checked(raw) is Doubt.ROBOT


@pytest.mark.parametrize(
    "author",
    [
        None,
        "",
        "Ann",
        "Ann <ann@example.com>, Bob <bob@example.com>",
        "ann@example.com, bob@example.com",
        "friends: ann@example.com;",
        "bob@example.com <ann@example.com>",
        "<ann@example.com>\r\nFrom: Bob <bob@example.com>",
        '"Ann <ann@example.com>',
        "<@example.com>",
    ],
)
def test_an_author_who_is_not_one_address_is_nobody(author: str | None) -> None:
    assert checked(mail(PASSED, author=author)) is Doubt.NO_AUTHOR


@pytest.mark.parametrize(
    "author",
    [
        "ANN@Example.com",
        '"Ann, of <Example>" <ann@example.com>',
        "ann@example.com (Ann (the) Example)",
        "=?utf-8?q?=C3=84nn?= <ann@example.com>",
        "\xc4nn <ann@example.com>",
    ],
)
def test_an_author_is_known_however_the_field_is_written(author: str) -> None:
    found = checked(mail(PASSED, author=author))
    assert isinstance(found, SignOfLife)
    assert found.address == ANN


@pytest.mark.parametrize("days", [-8, 2])
def test_a_message_of_another_time_is_no_sign_of_life(days: int) -> None:
    """Otherwise a copy could be replayed for years."""
    assert checked(mail(PASSED, at=NOW + days * 86_400)) is Doubt.OLD


@given(st.binary(max_size=500))
def test_no_octets_raise(octets: bytes) -> None:
    checked(octets)
    checked(mail(PASSED) + octets)
    checked(mail(octets.decode("utf-8", "replace").replace("\n", " "), author="x"))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_whatever_else_its_header_says_a_message_is_of_nobody_but_its_author(text: str) -> None:
    told = checked(mail(author="eve@evil.example", extra=f"X-Text: {text}"))
    assert not isinstance(told, SignOfLife)


def test_mail_that_was_written_on_this_machine_is_no_sign_of_life() -> None:
    """No filter checks mail from sendmail(1); pickup(8) records its user."""
    raw = mail(PASSED).replace(
        b"Received: ", b"Received: by mx (Postfix, from userid 1000)\r\nX: ", 1
    )
    assert checked(raw) is Doubt.LOCAL


def test_a_result_with_a_space_before_its_colon_is_not_believed() -> None:
    """Filters may not recognise the field by that name, and keep it."""
    assert checked(mail(PASSED).replace(b"-Results:", b"-Results :")) is Doubt.NO_RESULTS


@pytest.mark.parametrize(
    "field",
    [
        pytest.param(b'Authentication-Results: "mk.example.org"', id="quoted"),
        pytest.param(b'Authentication-Results: "mk.ex\\ample.org"', id="quoted pair"),
        pytest.param(b"Authentication-Results: (a) mk.example.org", id="behind a comment"),
        pytest.param(b"Authentication-Results: mk.ex\x1b(Bample.org", id="ISO 2022 in the name"),
        pytest.param(b"Authentic\x1b(Bation-Results: mk.example.org", id="ISO 2022 in the field"),
        pytest.param("Authentication-Results: m\u212a.example.org".encode(), id="Kelvin sign"),
        pytest.param("Authentication-Results:\u00a0mk.example.org".encode(), id="no-break space"),
        pytest.param("Authentication-Results: mk\uff0eexample\uff0eorg".encode(), id="full width"),
        pytest.param(b"X: y\rAuthentication-Results: mk.example.org", id="bare CR"),
        pytest.param("X: y\u2028Authentication-Results: mk.example.org".encode(), id="LSEP"),
    ],
)
def test_a_host_that_is_spelled_as_no_filter_looks_for_is_not_believed(field: bytes) -> None:
    settings = replace(SETTINGS, authserv_ids=("mk.example.org",))
    result = b"; dmarc=pass header.from=example.com"
    plain = b"Authentication-Results: mk.example.org"
    raw = mail("HERE").replace(b"Authentication-Results: HERE", plain + result)
    assert isinstance(checked(raw, settings), SignOfLife)
    assert checked(raw.replace(plain, field), settings) is Doubt.NO_RESULTS


def test_space_that_only_unicode_knows_splits_no_value_of_a_stranger() -> None:
    told = f"{MX}; spf=pass smtp.helo=x\u00a0smtp.mailfrom=example.com"
    found = checked(mail(told), replace(SETTINGS, methods=("spf",)))
    assert found in (Doubt.NO_RESULTS, Doubt.NOT_AUTHENTIC)


@pytest.mark.parametrize(
    ("results", "is_named"),
    [
        ([f"{MX}; dmarc=pass header.from=0123.invalid"], True),
        ([f"{MX.upper()} 1; dmarc=pass header.from=0123.invalid"], True),
        ([f"{MX}; dmarc=fail header.from=probe.invalid"], False),
        (["mx.evil.example; dmarc=pass header.from=0123.invalid"], False),
        ([f"{MX} dmarc=pass header.from=0123.invalid"], False),
    ],
)
def test_a_probe_tells_whether_results_that_would_be_believed_have_arrived(
    results: list[str], is_named: bool
) -> None:
    assert names_in_results(mail(*results), "0123", SETTINGS) is is_named


def test_every_spelling_of_the_probe_would_be_believed() -> None:
    """Every field that could pass for a result must be covered by the proof of removal."""
    raw = forgery((MX,), "0123", "to@example.org")
    fields = [field for field in fields_of(raw) if field.name == "authentication-results"]
    assert len(fields) == 14
    for field in fields:
        told = parse(field.value)
        assert told is not None
        assert told.authserv_id == MX
        assert "0123" in field.value
