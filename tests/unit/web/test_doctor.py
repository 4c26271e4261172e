"""`doctor` says whether the page is served where the settings say so."""

from pathlib import Path

from tests.websites import WebSite

from bouncegate.admin.doctor.findings import Severity
from bouncegate.admin.doctor.webpage import check_web
from bouncegate.config.loading import load, loads


def test_without_a_socket_there_is_nothing_to_say() -> None:
    assert list(check_web(loads(""))) == []


def test_a_page_that_is_served_and_one_that_is_not(tmp_path: Path) -> None:
    site = WebSite(tmp_path)
    settings = load(site.config)
    found = list(check_web(settings))
    assert [one.severity for one in found] == [Severity.WARNING] * 3
    assert found[0].fix == "systemctl enable --now bouncegate-web.service"
    with site.serving():
        found = list(check_web(settings))
    assert [(one.severity, one.text.split()[0]) for one in found] == [(Severity.OK, "answers")] * 3


def test_a_socket_for_the_web_server_alone_is_good_and_an_unknown_user_is_not(
    tmp_path: Path,
) -> None:
    site = WebSite(tmp_path, 'peer_users = ["nobody"]\n')
    with site.serving():
        *_, last = check_web(load(site.config))
    assert last.severity is Severity.OK
    assert last.text == f"listens at unix:{site.proxy}, for nobody alone"
    site.config.write_text(site.config.read_text().replace('"nobody"', '"no-such-user"'))
    found = [one for one in check_web(load(site.config)) if one.severity is Severity.ERROR]
    assert len(found) == 1
    assert "no such user" in found[0].text


def test_a_socket_of_systemd_is_started_as_such() -> None:
    settings = loads('[[web.listen]]\nsocket = "unix:/run/bouncegate-web/web.sock"\n')
    assert [one.fix for one in check_web(settings)] == [
        "systemctl enable --now bouncegate-web.socket"
    ]
