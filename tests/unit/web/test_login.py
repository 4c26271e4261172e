"""Local accounts over real sockets: logging in, sessions, forms, and what attackers try."""

import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.websites import HOST, SAME_ORIGIN, Answer, WebSite

from bouncegate.web.access.passwords import hashed, is_right

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebSite]:
    site = WebSite(Path(tmp_path_factory.mktemp("login")))
    for name, role in (("desk", "operate"), ("guest", "view"), ("chief", "admin")):
        site.command("web", "account", "add", name, "--role", role, given=f"{PASSWORD}\n")
    with site.serving():
        yield site


def cookies_of(answer: Answer) -> dict[str, str]:
    found = {}
    for name, value in answer.headers:
        if name.lower() == "set-cookie":
            key, _, rest = value.partition("=")
            found[key] = rest.partition(";")[0].strip('"')
    return found


def csrf_of(answer: Answer) -> str:
    match = re.search(r'name="csrf" value="([0-9a-f]{64})"', answer.text)
    assert match is not None
    return match[1]


class Browser:
    """Keeps cookies, as browsers do."""

    def __init__(self, site: WebSite) -> None:
        self.site = site
        self.cookies: dict[str, str] = {}

    def ask(
        self, method: str, target: str, body: Mapping[str, str] | None = None, **headers: str
    ) -> Answer:
        fields = dict(SAME_ORIGIN if method == "POST" else {})
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            fields["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        answer = self.site.ask(method, target, {k: v for k, v in fields.items() if v}, body)
        for name, value in cookies_of(answer).items():
            if value:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return answer

    def log_in(self, user: str, password: str = PASSWORD, target: str = "/") -> Answer:
        form = {"csrf": csrf_of(self.ask("GET", "/login")), "next": target}
        return self.ask("POST", "/login", {**form, "user": user, "password": password})

    @property
    def session(self) -> str:
        return self.cookies.get("__Host-bouncegate", "")


@pytest.fixture
def browser(site: WebSite) -> Browser:
    return Browser(site)


def test_a_page_leads_to_the_login_and_back(browser: Browser) -> None:
    asked = browser.ask("GET", "/settings/sessions?a=1")
    assert (asked.status, asked.header("location")) == (
        303,
        "/login?next=/settings/sessions%3Fa%3D1",
    )
    done = browser.log_in("desk", target="/settings/sessions?a=1")
    assert (done.status, done.header("location")) == (303, "/settings/sessions?a=1")
    assert browser.ask("GET", "/settings/sessions").status == 200


def test_a_session_cookie_is_for_this_site_alone(browser: Browser) -> None:
    answer = browser.log_in("desk")
    cookie = next(v for n, v in answer.headers if v.startswith("__Host-bouncegate="))
    words = {word.strip().lower() for word in cookie.split(";")[1:]}
    assert {"secure", "httponly", "samesite=strict", "path=/", "max-age=43200"} <= words
    assert not any(word.startswith("domain") for word in words)
    assert len(browser.session) == 43


def test_a_session_id_that_was_there_before_the_login_is_not_the_one_after(
    browser: Browser,
) -> None:
    browser.cookies["__Host-bouncegate"] = planted = "A" * 43
    browser.log_in("desk")
    assert browser.session not in ("", planted)


def test_a_logout_ends_the_session_and_not_the_cookie_alone(browser: Browser) -> None:
    browser.log_in("desk")
    first = browser.session
    assert browser.ask("POST", "/logout", {"csrf": "x"}).status == 403
    page = browser.ask("GET", "/settings/sessions")
    assert browser.ask("POST", "/logout", {"csrf": csrf_of(page)}).status == 303
    browser.cookies["__Host-bouncegate"] = first
    assert browser.ask("GET", "/settings/sessions").status == 303


def test_a_login_ends_the_session_that_the_browser_had(site: WebSite, browser: Browser) -> None:
    browser.log_in("desk")
    old, browser.cookies = browser.session, {}
    login = browser.ask("GET", "/login")
    browser.cookies["__Host-bouncegate"] = old
    # The form was made for nobody, and is not good for somebody.
    form = {"csrf": csrf_of(login), "user": "guest", "password": PASSWORD}
    assert browser.ask("POST", "/login", form).status == 403


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example/",
        "https://evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/%0d%0aSet-Cookie: a=b\r\nX: y",
        "evil",
        "",
        "/login",
    ],
)
def test_a_login_leads_nowhere_but_here(browser: Browser, target: str) -> None:
    answer = browser.log_in("desk", target=target)
    assert (answer.status, answer.header("location")) == (303, "/")


CROSS = {"Sec_Fetch_Site": "cross-site", "Origin": "https://evil.example"}
MATRIX: tuple[tuple[str, dict[str, str], bool, int], ...] = (
    # what the browser says, token right, status
    ("same origin", {}, True, 303),
    ("same origin, no token", {}, False, 403),
    ("cross site", CROSS, True, 403),
    ("same site", {"Sec_Fetch_Site": "same-site", "Origin": "https://a.example.com"}, True, 403),
    ("typed in", {"Sec_Fetch_Site": "none", "Origin": ""}, True, 403),
    ("old browser", {"Sec_Fetch_Site": ""}, True, 303),
    ("old browser, foreign origin", {"Sec_Fetch_Site": "", "Origin": CROSS["Origin"]}, True, 403),
    ("old browser, no origin", {"Sec_Fetch_Site": "", "Origin": "null"}, True, 403),
    ("says nothing", {"Sec_Fetch_Site": "", "Origin": ""}, True, 403),
    ("same origin, foreign Origin", {"Origin": CROSS["Origin"]}, True, 403),
)


@pytest.mark.parametrize(("said", "has_token", "status"), [row[1:] for row in MATRIX],
                         ids=[row[0] for row in MATRIX])  # fmt: skip
def test_a_form_is_taken_from_our_own_page_only(
    browser: Browser, said: dict[str, str], has_token: bool, status: int
) -> None:
    browser.log_in("desk")
    token = csrf_of(browser.ask("GET", "/settings/sessions"))
    form = {"csrf": token if has_token else "", "end": "others"}
    assert browser.ask("POST", "/settings/sessions", form, **said).status == status


def test_a_form_of_somebody_else_is_refused(site: WebSite) -> None:
    desk, guest = Browser(site), Browser(site)
    desk.log_in("desk")
    guest.log_in("guest")
    token = csrf_of(guest.ask("GET", "/settings/sessions"))
    form = {"csrf": token, "end": "others"}
    assert desk.ask("POST", "/settings/sessions", form).status == 403
    assert guest.ask("POST", "/settings/sessions", form).status == 303


def test_own_sessions_are_listed_and_ended(site: WebSite) -> None:
    one, other, guest = Browser(site), Browser(site), Browser(site)
    one.log_in("chief")
    other.log_in("chief")
    guest.log_in("guest")
    page = one.ask("GET", "/settings/sessions")
    (id_,) = re.findall(r'name="end" value="([^"]{20,})"', page.text)
    mine = {"csrf": csrf_of(guest.ask("GET", "/settings/sessions")), "end": id_}
    guest.ask("POST", "/settings/sessions", mine)
    assert other.ask("GET", "/settings/sessions").status == 200
    one.ask("POST", "/settings/sessions", {"csrf": csrf_of(page), "end": id_})
    assert other.ask("GET", "/settings/sessions").status == 303
    assert one.ask("GET", "/settings/sessions").status == 200


@pytest.mark.parametrize(
    "change", [("password", "uwe"), ("role", "uwe", "view"), ("remove", "uwe")]
)
def test_a_change_of_the_account_ends_its_sessions(
    site: WebSite, browser: Browser, change: tuple[str, ...]
) -> None:
    site.command("web", "account", "add", "uwe", "--role", "operate", given=f"{PASSWORD}\n")
    try:
        browser.log_in("uwe")
        assert browser.ask("GET", "/settings/sessions").status == 200
        site.command("web", "account", *change, given="another good password\n")
        assert browser.ask("GET", "/settings/sessions").status == 303
    finally:
        if change[0] != "remove":
            site.command("web", "account", "remove", "uwe")


def test_a_failed_login_is_one_line_that_nobody_can_forge(site: WebSite, browser: Browser) -> None:
    name = "x client=192.0.2.1\nlogin failed user=y"
    assert browser.log_in(name, "wrong password!").status == 401
    lines = [line for line in site.logged().splitlines() if "user=x" in line]
    assert len(lines) == 1
    assert lines[0].endswith(
        "login failed user=x?client?192.0.2.1?login?failed?user?y client=127.0.0.1"
    )
    assert "wrong password!" not in site.logged()


def test_an_unknown_name_costs_what_a_wrong_password_costs(tmp_path: Path) -> None:
    site = WebSite(tmp_path)
    site.command("web", "account", "add", "desk", "--role", "view", given=f"{PASSWORD}\n")
    with site.serving():
        for name in ("desk", "nobody", "no such name!"):
            browser = Browser(site)
            token = csrf_of(browser.ask("GET", "/login"))
            begun = time.perf_counter()
            form = {"csrf": token, "user": name, "password": "wrong"}
            assert browser.ask("POST", "/login", form).status == 401
            assert time.perf_counter() - begun > 0.05


def test_a_password_of_nobody_is_hashed_as_one_of_somebody() -> None:
    """By the time of the processor, which other processes do not change."""
    kept = hashed(PASSWORD)
    took: dict[str | None, list[float]] = {kept: [], None: [], "": [], "nonsense": []}
    for _ in range(3):
        for one, times in took.items():
            begun = time.process_time()
            assert not is_right("wrong", one)
            times.append(time.process_time() - begun)
    least = {one: min(times) for one, times in took.items()}
    assert all(0.6 < value / least[kept] < 1.6 for value in least.values()), least
    assert is_right(PASSWORD, kept)


def test_wrong_passwords_in_a_row_make_one_wait(tmp_path: Path) -> None:
    site = WebSite(tmp_path)
    site.command("web", "account", "add", "desk", "--role", "view", given=f"{PASSWORD}\n")
    with site.serving():
        browser = Browser(site)
        statuses = [browser.log_in("desk", "wrong").status for _ in range(5)]
        assert statuses == [401] * 5
        late = browser.log_in("desk")
        assert late.status == 429
        assert int(late.header("retry-after")) >= 1
        time.sleep(1.3)
        assert browser.log_in("desk").status == 303
    assert site.logged().count("login failed user=desk client=127.0.0.1") == 6


def test_names_of_a_proxy_are_nobodys_where_none_is_trusted(site: WebSite) -> None:
    headers = {"Remote-User": "chief", "X-Forwarded-User": "chief", "Remote-Groups": "admins"}
    for to in (None, site.plain):
        assert site.ask("GET", "/settings/sessions", headers, to=to).status == 303


def test_forms_and_bodies_are_bounded(site: WebSite) -> None:
    many = "&".join(f"a{n}=1" for n in range(5000)).encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded", **SAME_ORIGIN}
    assert site.ask("POST", "/login", kind, many).status == 400
    assert site.ask("POST", "/login", kind, b"a=" + b"x" * 2**20).status == 413
    head = f"POST /login HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    with site.connect() as sock:
        sock.sendall(head)
        got = b""
        try:
            for _ in range(40):
                sock.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        except OSError:
            pass
        got = sock.recv(100)
    assert got.startswith(b"HTTP/1.1 413 ")
