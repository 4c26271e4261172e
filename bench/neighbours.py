"""What the round trip at RCPT meets while pages are open and bounces come in.

One milter answers a mailing in turns: alone, and beside the page and the return path. 50 sessions
are open, each of which loads a list every five seconds, and 100 DSNs a second come in. Each round
gives one ratio. Whoever asks for pages and hands over DSNs runs on the same cores, which machines
of others would not; the daemon of the page has the priority of its unit.
Two turns alone give the ratio that chance makes.
"""

import multiprocessing
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from statistics import median
from typing import Any, Final
from urllib.parse import urlencode

from bench.figures import spread
from bench.lists import fill
from bench.load import Load
from bench.output import arguments, show
from bench.traffic import Dsns
from bouncegate.config.settings import StoreSettings
from bouncegate.store.store import Store
from lab.demopage import with_page
from lab.system import MailSystem

_PAGES: Final = 50
_EVERY: Final = 5.0
_PAUSE: Final = 0.005
"""Between two messages: some 180 a second, since a milter that is never idle hides what waits."""
_DSNS: Final = 100
_SENDERS: Final = 4
_WEB_NICE: Final = 5
_USER: Final = "bench"
_PASSWORD: Final = "a password for a minute"


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    with MailSystem() as system:
        port = system.folder.reserve_port()
        page = with_page({"store": {"map_size": "4 GiB"}, "guard": {"enabled": False}}, port)
        system.gate.configure({**page, "return_path": {"domain": "return.sender.test"}})
        with closing(Store.open(StoreSettings(path=system.gate.store))) as store:
            fill(store, options.locks)
        account = ("web", "account", "add", _USER, "--role", "admin")
        system.gate.run(*account, stdin=f"{_PASSWORD}\n".encode())
        system.gate.start_return_path()
        system.gate.start_milter()
        os.setpriority(os.PRIO_PROCESS, system.gate.start_web().pid, _WEB_NICE)
        names = [f"reader.{n * 7919 % 10_000_019:08d}@mail{n % 2000}.de" for n in range(20_000)]
        strangers = [f"new.{n:08d}@mail{n % 2000}.de" for n in range(20_000)]
        load = Load(system.folder.path, [*strangers, *names[:400]])

        def p99() -> float:
            return load.paced(system.gate.milter_socket, options.seconds, _PAUSE).p99

        p99()
        chance, moved, alone = list[float](), list[float](), list[float]()
        rates = list[tuple[float, float]]()
        for _ in range(options.rounds):
            first, second = p99(), p99()
            with _neighbours(system, port, rates):
                beside = p99()
            alone.append(second)
            chance.append(second / first)
            moved.append(beside / second)
        row: dict[str, Any] = {
            "p99 alone, us": spread(alone, 1),
            "again alone": spread(chance),
            "beside pages and DSNs": spread(moved),
            "pages/s": round(median(pages for pages, _ in rates), 1),
            "DSNs/s": round(median(bounces for _, bounces in rates), 1),
        }
    title = f"RCPT beside {_PAGES} open pages and DSNs, {options.locks:,} addresses"
    show(title, [row], as_json=options.json)


@contextmanager
def _neighbours(system: MailSystem, port: int, rates: list[tuple[float, float]]) -> Iterator[None]:
    """Pages are loaded and bounces come in."""
    gate, counts = system.gate, multiprocessing.Array("i", 2)
    works: list[Callable[[], None]] = [lambda: _load_pages(port, counts)]
    works += [lambda n=n: _send(Dsns(gate), n, counts) for n in range(_SENDERS)]  # type: ignore[misc]
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=work) for work in works]
    for child in children:
        child.start()
    time.sleep(1.5)  # all have logged in
    counts[0], counts[1], began = 0, 0, time.monotonic()
    try:
        yield
    finally:
        took = time.monotonic() - began
        rates.append((counts[0] / took, counts[1] / took))
        for child in children:
            assert child.pid
            os.kill(child.pid, signal.SIGKILL)
            child.join()


def _send(dsns: Dsns, number: int, counts: Any) -> None:
    """Hand over DSNs at an even pace."""
    due = time.monotonic()
    while True:
        dsns.step()
        with counts.get_lock():
            counts[1] += 1
        due += _SENDERS / _DSNS
        time.sleep(max(due - time.monotonic(), 0))


def _load_pages(port: int, counts: Any) -> None:
    """Each session loads its page in turn, all of them within `_EVERY` seconds."""
    cookie = _logged_in(port)
    open_ = [HTTPConnection("127.0.0.1", port) for _ in range(_PAGES)]
    while True:
        for connection in open_:
            connection.request("GET", "/recipients?tab=locked", headers={"Cookie": cookie})
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                with counts.get_lock():
                    counts[0] += 1
            time.sleep(_EVERY / _PAGES)


def _logged_in(port: int) -> str:
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/login")
    answer = connection.getresponse()
    token = re.search(r'name="csrf" value="([0-9a-f]+)"', answer.read().decode())
    assert token, "the form of the login has a token"
    fields = {
        "Cookie": (answer.getheader("set-cookie") or "").partition(";")[0],
        "Sec-Fetch-Site": "same-origin",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    form = urlencode({"csrf": token[1], "user": _USER, "password": _PASSWORD})
    connection.request("POST", "/login", form, fields)
    answer = connection.getresponse()
    answer.read()
    return (answer.getheader("set-cookie") or "").partition(";")[0]


if __name__ == "__main__":
    main()
