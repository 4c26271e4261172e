"""The proxy in front names its users, on sockets that say so, by the fields that they say."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.websites import SAME_ORIGIN, WebSite

from lab.waiting import wait_for

ROLES = """
user_header = "Remote-User"
groups_header = "Remote-Groups"
[web]
base_url = "https://bounces.example.org"
[web.roles]
view = ["group:staff", "guest"]
operate = ["desk", "second"]
admin = ["group:mail-admins"]
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebSite]:
    site = WebSite(Path(tmp_path_factory.mktemp("proxy")))
    text = site.config.read_text()
    own = (
        '[[web.listen]]\nsocket = "unix:' + str(site.folder / "bare.sock") + '"\ntrust = "proxy"\n'
    )
    site.config.write_text(own + text + ROLES.replace("[web]\n", "", 1).replace(
        'base_url = "https://bounces.example.org"\n', ""))  # fmt: skip
    site.config.write_text(
        '[web]\nbase_url = "https://bounces.example.org"\n' + site.config.read_text()
    )
    with site.serving():
        yield site


def status_of(site: WebSite, headers: dict[str, str], to: Path | None = None) -> int:
    """404 of somebody who may see pages: there is no list of sessions; 401 and 403 else."""
    return site.ask("GET", "/settings/sessions", headers, to=to or site.proxy).status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Remote-User": "guest"}, 404),
        ({"Remote-User": "chief", "Remote-Groups": "a, mail-admins"}, 404),
        ({"Remote-User": "chief", "Remote-Groups": "staff|b"}, 404),
        ({"Remote-User": "chief", "Remote-Groups": "mail-admin"}, 403),
        ({"Remote-User": "group:staff"}, 403),
        ({"Remote-User": "nobody"}, 403),
        ({"Remote-User": ""}, 401),
        ({}, 401),
        ({"X-Forwarded-User": "guest"}, 401),
        ({"Remote-Groups": "mail-admins"}, 401),
        ({"Remote-User": "chief", "X-Forwarded-Groups": "mail-admins"}, 403),
        ({"Remote_User": "guest"}, 401),
    ],
)
def test_roles_go_by_the_fields_that_the_file_names(
    site: WebSite, headers: dict[str, str], status: int
) -> None:
    assert status_of(site, headers) == status


def test_groups_are_nobodys_word_unless_the_file_names_the_field(site: WebSite) -> None:
    headers = {"Remote-User": "chief", "Remote-Groups": "mail-admins"}
    assert status_of(site, headers, site.folder / "bare.sock") == 403
    assert status_of(site, headers, site.proxy) == 404


def test_a_field_that_stands_there_twice_is_refused(site: WebSite) -> None:
    octets = (
        b"GET /settings/sessions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Remote-User: nobody\r\nREMOTE-USER: guest\r\n\r\n"
    )
    assert site.raw(octets, site.proxy).startswith(b"HTTP/1.1 400 ")


def test_there_is_no_login_beside_the_proxy(site: WebSite) -> None:
    assert site.ask("GET", "/login", {"Remote-User": "guest"}, to=site.proxy).status in (303, 404)
    assert site.ask("GET", "/login", to=site.proxy).status == 404


def test_the_client_is_what_the_proxy_saw_last(site: WebSite) -> None:
    guest = {"Remote-User": "guest", "X-Forwarded-For": "198.51.100.9, 192.0.2.7", **SAME_ORIGIN}
    assert site.ask("GET", "/settings/sessions", guest, to=site.proxy).status == 404
    wait_for("the log", lambda: "status=404 client=192.0.2.7 " in site.logged())
    assert site.ask("GET", "/healthz", guest, to=site.plain).status == 200
    wait_for("the log", lambda: f"status=200 client=uid:{os.getuid()} " in site.logged())
    assert "198.51.100.9" not in site.logged()


def test_what_a_client_may_ask_at_once_is_bounded(site: WebSite) -> None:
    one = b"GET /settings/sessions HTTP/1.1\r\nHost: x\r\nRemote-User: desk\r\n"
    octets = (one + b"\r\n") * 300 + one + b"Connection: close\r\n\r\n"
    answer = site.raw(octets, site.proxy)
    assert answer.count(b"HTTP/1.1 404 ") >= 80
    assert answer.count(b"HTTP/1.1 429 ") >= 1


def test_a_form_of_the_public_name_is_our_own(site: WebSite) -> None:
    """The proxy may ask us by another name than people ask it."""
    # Nobody else has asked under this name, and so often that there would be another answer.
    person = {"Remote-User": "second", "Sec-Fetch-Site": "same-origin"}
    for origin, kind in (
        ("https://bounces.example.org", "out of date"),
        ("https://evil.example", "pass on Host"),
    ):
        answer = site.ask(
            "POST", "/logout", {**person, "Origin": origin}, {"csrf": "x"}, to=site.proxy
        )
        assert answer.status == 403
        assert kind in answer.text
