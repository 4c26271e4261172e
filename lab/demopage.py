"""The page over the store of a demo, with an account made for it, until Ctrl-C."""

import secrets
import time
from collections.abc import Mapping
from contextlib import closing
from typing import Final, NamedTuple

from bouncegate.admin.installation import Installation
from bouncegate.admin.views.summary import summary_of
from lab.bouncegate import Sections
from lab.folder import Process
from lab.system import MailSystem

USER: Final = "demo"


class DemoPage(NamedTuple):
    """A page that is served, and how to log in."""

    url: str
    user: str
    password: str
    """Good for this demo alone."""
    process: Process

    def wait(self) -> None:
        """Return at Ctrl-C. Raises RuntimeError if the page ends before."""
        try:
            while self.process.returncode is None:
                time.sleep(0.2)
        except KeyboardInterrupt:
            return
        raise RuntimeError(f"the page ended:\n{self.process.tail()}")


def with_page(sections: Sections, port: int) -> Mapping[str, Mapping[str, object]]:
    """Settings by which a page listens at a port of the loopback address."""
    return {**sections, "web": {"listen": [{"socket": f"inet:127.0.0.1:{port}"}]}}


def open_page(system: MailSystem, port: int) -> DemoPage:
    """Serve the page; its numbers are those of now, and `maintain` counts them every hour.

    `localhost`, not 127.0.0.1: browsers take the cookie of a login from there without TLS.
    """
    password = secrets.token_urlsafe(9)
    account = ("web", "account", "add", USER, "--role", "admin")
    done = system.gate.run(*account, stdin=f"{password}\n".encode())
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    _count(system)
    system.gate.start_maintain()
    return DemoPage(f"http://localhost:{port}/", USER, password, system.gate.start_web())


def _count(system: MailSystem) -> None:
    installation = Installation(system.gate.config)
    with closing(installation), closing(installation.open_store()) as store:
        store.summary.put(summary_of(installation, store, int(time.time())))
