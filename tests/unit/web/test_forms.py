"""Forms as browsers send them, and as they do not."""

import pytest

from bouncegate.web.forms import Form, Upload, form_of
from bouncegate.web.problem import Problem

KIND = "multipart/form-data; boundary=b"
FILE = b'--b\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n\r\n%s\r\n'
FIELD = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'


def test_a_form_with_a_file_has_fields_and_the_file() -> None:
    content = b"\x00\xff" + b"x" * 100_000
    body = FIELD % (b"csrf", "für".encode()) + FILE % (b"sheet", b"a.csv", content) + b"--b--\r\n"
    form = form_of(KIND, body)
    assert form.one("csrf") == "für"
    assert form.file("sheet") == Upload("sheet", "a.csv", content)
    assert form.file("other") is None


def test_a_file_that_was_not_chosen_is_none() -> None:
    form = form_of(KIND, FILE % (b"sheet", b"", b"") + b"--b--\r\n")
    assert form.file("sheet") is None


def test_fields_may_come_several_times() -> None:
    form = form_of("application/x-www-form-urlencoded; charset=utf-8", b"a=1&a=%C3%A4&b=")
    assert form == Form((("a", "1"), ("a", "ä"), ("b", "")))
    assert (form.one("a"), form.all("a"), form.one("b", "x")) == ("ä", ["1", "ä"], "")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (KIND, FIELD % (b"a", b"1")),
        (KIND, b"nonsense"),
        (KIND, FIELD % (b"a", b"\xff") + b"--b--\r\n"),
        (KIND, FIELD % (b"a", b"1") * 101 + b"--b--\r\n"),
        (KIND, b"--b\r\n" + b"X: y\r\n" * 50 + b"\r\n\r\n--b--\r\n"),
        ("multipart/form-data", FIELD % (b"a", b"1") + b"--b--\r\n"),
        ("application/x-www-form-urlencoded", b"a=%ff"),
        ("application/x-www-form-urlencoded", b"\xff=1"),
        ("application/x-www-form-urlencoded", b"a=1&" * 2001),
    ],
)
def test_what_is_no_form_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises(Problem) as refused:
        form_of(kind, body)
    assert refused.value.status == 400


@pytest.mark.parametrize("kind", ["", "text/plain", "application/json", "x/y; a"])
def test_another_kind_is_an_empty_form(kind: str) -> None:
    assert form_of(kind, b'{"csrf": "x"}') == Form()
