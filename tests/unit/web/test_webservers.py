"""The examples of docs/web.md, word for word, with the real web servers in front."""

import base64
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from tests.docs.pages import blocks
from tests.websites import Answer, WebSite

from lab.ports import reserve
from lab.waiting import wait_for

PASSWORD: Final = "correct horse battery"
HOST: Final = "bouncegate.example.com"
USER: Final = "www-data"
ROLES: Final = f'peer_users = ["{USER}"]\n[web.roles]\noperate = ["desk"]\n'

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user")


class Place(NamedTuple):
    """Where a web server runs."""

    folder: Path
    port: int
    site: WebSite

    def example(self, language: str) -> str:
        """The example of a language, with the sockets of this place, and without TLS."""
        (text,) = (block.text for block in blocks("docs/web.md") if block.language == language)
        return text.replace("/run/bouncegate-web/web.sock", str(self.site.proxy))


def nginx(place: Place) -> Sequence[str]:
    text = re.sub(r"(?m)^ *ssl_.*\n", "", place.example("nginx"))
    for old, new in (
        ("listen 443 ssl;", f"listen 127.0.0.1:{place.port};"),
        ("/etc/nginx/bouncegate.htpasswd", f"{place.folder}/htpasswd"),
    ):
        assert old in text
        text = text.replace(old, new)
    folders = "".join(
        f"{name}_temp_path {place.folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (place.folder / "nginx.conf").write_text(
        f"user {USER};\ndaemon off;\npid {place.folder}/pid;\nerror_log stderr;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{folders}{text}}}\n"
    )
    return ("nginx", "-e", "stderr", "-c", f"{place.folder}/nginx.conf")


def apache2(place: Place) -> Sequence[str]:
    text = re.sub(r"(?m)^ *SSL.*\n", "", place.example("apache"))
    for old, new in (
        ("*:443", f"127.0.0.1:{place.port}"),
        ("/etc/apache2/bouncegate.htpasswd", f"{place.folder}/htpasswd"),
    ):
        assert old in text
        text = text.replace(old, new)
    modules = ("mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic",
               "proxy", "proxy_http", "headers")  # fmt: skip
    loaded = "".join(
        f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in modules
    )
    (place.folder / "apache.conf").write_text(
        f"ServerName localhost\nListen 127.0.0.1:{place.port}\nPidFile {place.folder}/pid\n"
        f"DefaultRuntimeDir {place.folder}\nUser {USER}\nGroup {USER}\n"
        f"ErrorLog {place.folder}/error.log\n{loaded}{text}"
    )
    return ("apache2", "-D", "FOREGROUND", "-f", f"{place.folder}/apache.conf")


def caddy(place: Place) -> Sequence[str]:
    digest = subprocess.run(
        ["caddy", "hash-password", "--plaintext", PASSWORD],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout.strip()  # fmt: skip
    text = place.example("caddy")
    assert text.startswith(f"{HOST} {{")
    text = text.replace(f"{HOST} {{", f"http://:{place.port} {{", 1)
    text, count = re.subn(r"desk \$2a\$\S+", f"desk {digest}", text)
    assert count == 1
    (place.folder / "Caddyfile").write_text(f"{{\nadmin off\nauto_https off\n}}\n{text}")
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        (place.folder / name).mkdir()
        shutil.chown(place.folder / name, USER)
    return (
        "setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups",
        "env", f"XDG_DATA_HOME={place.folder}/XDG_DATA_HOME",
        f"XDG_CONFIG_HOME={place.folder}/XDG_CONFIG_HOME",
        "caddy", "run", "--adapter", "caddyfile", "--config", f"{place.folder}/Caddyfile",
    )  # fmt: skip


SERVERS: Final = {"nginx": nginx, "apache2": apache2, "caddy": caddy}


class Front:
    """A web server in front of the page."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def ask(
        self, target: str, method: str = "GET", user: str = "", *, password: str = PASSWORD,
        body: dict[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        fields = dict(headers or {})
        if user:
            word = base64.b64encode(f"{user}:{password}".encode()).decode()
            fields["Authorization"] = f"Basic {word}"
        return self.place.site.ask(method, target, fields, body, port=self.place.port)


@contextmanager
def served(name: str) -> Iterator[Front]:
    with tempfile.TemporaryDirectory(prefix="bouncegate-web-") as made, reserve() as held:
        folder = Path(made)
        folder.chmod(0o755)
        site = WebSite(folder, ROLES)
        place = Place(folder, held.getsockname()[1], site)
        digest = subprocess.run(
            ["openssl", "passwd", "-apr1", PASSWORD], capture_output=True, text=True, check=True
        ).stdout.strip()
        (folder / "htpasswd").write_text(f"desk:{digest}\nuwe:{digest}\n")
        with site.serving():
            argv = SERVERS[name](place)
            site.proxy.chmod(0o666)
            with (folder / "server.log").open("wb") as log:
                server = subprocess.Popen(argv, stdout=log, stderr=log)
            try:
                wait_for(name, lambda: server.poll() is not None or is_up(place), 60)
                assert server.poll() is None, (folder / "server.log").read_text()
                yield Front(place)
            finally:
                server.terminate()
                server.wait(20)


def is_up(place: Place) -> bool:
    try:
        place.site.ask("GET", "/", port=place.port)
    except OSError:
        return False
    return True


@pytest.fixture(scope="module", params=SERVERS)
def front(request: pytest.FixtureRequest) -> Iterator[Front]:
    if shutil.which(request.param, path="/usr/sbin:/usr/bin") is None:
        pytest.skip(f"{request.param} is not installed; ./run test installs it")
    with served(request.param) as front:
        yield front


def test_the_web_server_asks_for_a_password(front: Front) -> None:
    answer = front.ask("/settings/sessions")
    assert (answer.status, answer.header("www-authenticate").split()[0]) == (401, "Basic")
    assert front.ask("/settings/sessions", user="desk", password="wrong").status == 401


def test_whom_the_web_server_names_has_the_role_of_the_file(front: Front) -> None:
    answer = front.ask("/settings/sessions", user="desk")
    assert (answer.status, "The proxy in front keeps the sessions" in answer.text) == (404, True)


@pytest.mark.skipif(shutil.which("nginx", path="/usr/sbin") is None, reason="one is enough")
def test_a_browser_cannot_name_somebody_else(front: Front) -> None:
    smuggled = {"Remote-User": "desk", "X-Forwarded-User": "desk", "Remote-Groups": "x"}
    name = "uwe" if front.ask("/settings/sessions", user="uwe").status != 401 else ""
    if name:  # Caddy's example has one user
        assert front.ask("/settings/sessions", user=name, headers=smuggled).status == 403
    assert front.ask("/settings/sessions", headers=smuggled).status == 401
    octets = (
        f"GET /settings/sessions HTTP/1.1\r\nHost: {HOST}\r\nRemote-User: desk\r\n"
        "Connection: close, Remote-User\r\n\r\n"
    )
    assert front.place.site.raw(octets.encode(), port=front.place.port).startswith(b"HTTP/1.1 401")


def test_a_form_comes_with_the_name_that_the_browser_asked(front: Front) -> None:
    form = {"csrf": "x"}
    own = {"Sec-Fetch-Site": "same-origin", "Origin": f"https://{HOST}"}
    answer = front.ask("/logout", "POST", "desk", body=form, headers=own)
    assert (answer.status, "out of date" in answer.text) == (403, True)


def test_a_program_needs_its_token_alone_and_is_nobody_without(front: Front) -> None:
    name = f"shop-{front.place.port}"
    token = front.place.site.command("web", "token", "add", name, "--scope", "check").strip()
    bearer = {"Authorization": f"Bearer {token}"}
    assert front.ask("/api/v1/token", headers=bearer).status == 200
    smuggled = {"Remote-User": "desk"}
    assert front.ask("/api/v1/token", headers=smuggled).status == 401
    for target in ("/api/../settings/sessions", "/api/%2e%2e/settings/sessions"):
        assert front.ask(target, headers=smuggled).status in (400, 401, 404)


def test_a_client_is_the_one_that_the_web_server_saw(front: Front) -> None:
    claimed = {"X-Forwarded-For": "192.0.2.9"}
    assert front.ask("/settings/sessions", user="desk", headers=claimed).status == 404
    site = front.place.site
    wait_for("the log", lambda: "status=404 client=127.0.0.1 " in site.logged())
    assert "192.0.2.9" not in site.logged()
