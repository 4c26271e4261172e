"""Whether the page is served, where the settings say that it is."""

import pwd
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from bouncegate.admin.doctor.daemons import connected
from bouncegate.admin.doctor.findings import Finding, Severity, not_allowed
from bouncegate.config.endpoints import Endpoint, UnixSocket
from bouncegate.config.settings import ListenSettings, Settings

_CHECK: Final = "web"
_ASK: Final = b"GET /healthz HTTP/1.0\r\n\r\n"
_SYSTEMD: Final = UnixSocket(Path("/run/bouncegate-web/web.sock"))
_LIBRARIES: Final = ("starlette", "uvicorn", "httptools", "jinja2", "multipart")


def check_web(settings: Settings) -> Iterator[Finding]:
    """Check each socket of `[[web.listen]]`; without any there is no page, and nothing to say."""
    if not settings.web.listen:
        return
    if missing := [name for name in _LIBRARIES if find_spec(name) is None]:
        text = f"cannot be served: {', '.join(missing)} not installed"
        yield Finding(_CHECK, Severity.ERROR, text, "apt install bouncegate-web")
        return
    for listen in settings.web.listen:
        yield from _check_users(listen)
        yield from _check_listener(listen)


def _check_users(listen: ListenSettings) -> Iterator[Finding]:
    for user in listen.peer_users:
        try:
            pwd.getpwnam(user)
        except KeyError:
            text = f"peer_users of {listen.socket} names {user!r}, and there is no such user"
            yield Finding(_CHECK, Severity.ERROR, text, "name the user of the web server")


def _check_listener(listen: ListenSettings) -> Iterator[Finding]:
    endpoint = listen.socket
    try:
        with connected(endpoint) as link:
            answer = b""
            with suppress(ConnectionResetError, BrokenPipeError):
                answer = link.ask(_ASK, b"\r\n")
    except PermissionError:
        yield not_allowed(_CHECK, PermissionError(f"{endpoint}: permission denied"))
        return
    except OSError as error:
        text = f"does not answer at {endpoint} ({error.strerror or error}): there is no page"
        yield Finding(_CHECK, Severity.WARNING, text, _start(endpoint))
        return
    yield _judged(listen, answer)


def _judged(listen: ListenSettings, answer: bytes) -> Finding:
    endpoint = listen.socket
    status = answer.partition(b" ")[2][:3]
    if status == b"200":
        return Finding(_CHECK, Severity.OK, f"answers at {endpoint}")
    if not answer and listen.peer_users:
        users = ", ".join(listen.peer_users)
        return Finding(_CHECK, Severity.OK, f"listens at {endpoint}, for {users} alone")
    if answer.startswith(b"HTTP/1.1 "):
        text = (
            f"answers {status.decode('ascii', 'replace')} at {endpoint}: it cannot read the store"
        )
        return Finding(_CHECK, Severity.WARNING, text, "see journalctl -u bouncegate-web")
    text = f"another program than the page answers at {endpoint}"
    return Finding(_CHECK, Severity.WARNING, text, "give the page a socket of its own")


def _start(endpoint: Endpoint) -> str:
    unit = "bouncegate-web.socket" if endpoint == _SYSTEMD else "bouncegate-web.service"
    return f"systemctl enable --now {unit}"
