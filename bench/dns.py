"""What providers and DNS cost the return path, and what dead name servers do to it: nothing.

A bounce is read, attributed and recorded as the return path does it, in rounds that take turns:
with DNS off, with all domains known, and with none of them known while `bouncegate maintain` works
through its queue at name servers that never answer. What is compared is the processor time of the
process that takes the bounces in. Beside it the figures behind the bounds: the sends to a provider
that runs the mail of 20,000 domains, a survey of 100,000 domains, and look-ups a second at an NSD
on the loopback address.
"""

import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.output import arguments, show
from bouncegate.admin.dns.refresher import Refresher
from bouncegate.classifier.classified import classify_or_raise
from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.returnpath.bouncebuilder import BounceBuilder
from bouncegate.classifier.returnpath.directory import Directory, nothing
from bouncegate.cli.invocation import Invocation
from bouncegate.config.durations import Duration
from bouncegate.config.endpoints import parse_name_server
from bouncegate.config.rules import load_rules
from bouncegate.config.settings import DnsSettings, ReturnPathSettings, Settings, StoreSettings
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.fold import Policy
from bouncegate.policy.guard import Series
from bouncegate.policy.mx import MxAnswer, MxHost
from bouncegate.policy.providers import Providers
from bouncegate.store.entry import Sent, entry_of
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Store
from lab import nameserver
from lab.folder import LabFolder
from lab.nameserver import NameServer

_BOUNCES: Final = 2000
_AT_ONCE: Final = 50
_DOMAINS: Final = 20_000
_SURVEYED: Final = 100_000
_LOOKED_UP: Final = 2000
_OFF, _KNOWN, _DEAD = "DNS off", "all domains known", "every name server dead"
_STATES: Final = (_OFF, _KNOWN, _DEAD)
_ANSWERS: Final = {
    f"d{number}.example": MxAnswer("ok", (MxHost(10, f"mx.d{number}.example"),))
    for number in range(997)
}
_GOOGLE: Final = Series("google", Reason.USER_UNKNOWN)


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    taken_in = _recording(options.rounds)
    rows: list[dict[str, Any]] = [
        *(_row(f"a bounce taken in, {state}, us", took) for state, took in taken_in.items()),
        *_reading(options.rounds),
    ]
    if nameserver.is_installed():
        rows.append(_row("look-ups a second at NSD", _look_ups()))
    show("dns", rows, as_json=options.json)


def _row(figure: str, value: float) -> dict[str, Any]:
    return {"figure": figure, "value": round(value, 2)}


def _recording(rounds: int) -> dict[str, float]:
    """Microseconds of the processor for a bounce, in each state of DNS."""
    classifier = Classifier(load_rules())
    took: dict[str, list[float]] = {state: [] for state in _STATES}
    for number in range(rounds):
        for state in _STATES:
            with TemporaryDirectory(prefix="bgb") as name, _silence() as silent:
                folder = Path(name)
                settings = Settings(
                    store=StoreSettings(path=folder),
                    dns=DnsSettings(enabled=state != _OFF, resolvers=(parse_name_server(silent),)),
                    return_path=ReturnPathSettings(count=("unverified",)),
                )
                maintenance = _maintenance(folder, silent) if state == _DEAD else nullcontext()
                with closing(Store.open(settings.store)) as store, maintenance:
                    if state == _KNOWN:
                        store.mx.learn(_ANSWERS, int(time.time()), settings.dns)
                    took[state].append(_take_in(store, settings, classifier, number * _BOUNCES))
    return {state: statistics.median(each) * 1e6 / _BOUNCES for state, each in took.items()}


def _take_in(store: Store, settings: Settings, classifier: Classifier, first: int) -> float:
    policy = Policy(settings.policy, settings.return_path.count)
    known = store.mx.of if settings.dns.enabled else nothing
    directory = Directory(Providers.of(), known)
    classify = partial(classify_or_raise, classifier=classifier)
    builder = BounceBuilder(classify, policy, settings, None, directory)
    messages = [_dsn(first + number) for number in range(_BOUNCES)]
    begin = time.process_time()
    for start in range(0, _BOUNCES, _AT_ONCE):
        now = int(time.time())
        classified = map(builder.classify, messages[start : start + _AT_ONCE])
        store.record([builder.bounce_of(m, (), now) for m in classified if m is not None], policy)
    return time.process_time() - begin


@contextmanager
def _silence() -> Iterator[str]:
    """A name server that never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{udp.getsockname()[1]}"


@contextmanager
def _maintenance(folder: Path, resolver: str) -> Iterator[None]:
    config = folder / "bouncegate.toml"
    config.write_text(f'[store]\npath = "{folder}"\n[dns]\nresolvers = ["{resolver}"]\n')
    argv = [sys.executable, "-m", "bouncegate.cli", "--config", str(config), "maintain"]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


def _reading(rounds: int) -> Iterator[dict[str, Any]]:
    """What is read of many domains at once, in milliseconds."""
    with TemporaryDirectory(prefix="bgb") as name:
        config = Path(name) / "bouncegate.toml"
        config.write_text(f'[store]\npath = "{name}"\n')
        invocation = Invocation(config)
        settings, guard = invocation.settings, invocation.policy.guard
        assert guard is not None
        with (
            closing(Store.open(settings.store)) as store,
            closing(Ledger.open(settings.store, settings.ledger, readonly=False)) as ledger,
        ):
            invocation.ledger, invocation.mx_cache = ledger, store.mx
            now = int(time.time())
            google = MxAnswer("ok", (MxHost(1, "aspmx.l.google.com"),))
            domains = [f"company{number}.example" for number in range(_DOMAINS)]
            answers = dict.fromkeys(domains, google)
            for number in range(_SURVEYED - _DOMAINS):
                host = MxHost(10, f"mx.d{number}.example")
                answers[f"d{number}.example"] = MxAnswer("ok", (host,))
            store.mx.learn(answers, now, settings.dns)
            sent = Sent(now, bytes(8), "a@b.example", tuple(f"u@{d}" for d in domains[:1000]))
            ledger.write([entry_of(sent)])
            survey = _milliseconds(rounds, lambda: store.mx.survey(86_400))
            sends = _milliseconds(rounds, lambda: guard.recovered(_GOOGLE, 0, now))
    yield _row(f"the sends to a provider of {_DOMAINS:,} domains, ms", sends)
    yield _row(f"a survey of {_SURVEYED:,} domains, ms", survey)


def _milliseconds(rounds: int, run: Callable[[], object]) -> float:
    took = []
    for _ in range(rounds):
        begin = time.process_time()
        run()
        took.append(time.process_time() - begin)
    return statistics.median(took) * 1000


def _look_ups() -> float:
    """Domains a second, by the clock, without a budget."""
    zone = "\n".join(f"d{number} MX 10 mx.example." for number in range(_LOOKED_UP))
    with LabFolder() as lab, TemporaryDirectory(prefix="bgb") as name:
        server = NameServer(lab, {"test": zone})
        resolver = parse_name_server(server.resolver)
        settings = DnsSettings(
            resolvers=(resolver,), queries_a_second=10_000, timeout=Duration(seconds=5)
        )
        with closing(Store.open(StoreSettings(path=Path(name)))) as store:
            store.mx.want((f"d{n}.test" for n in range(_LOOKED_UP)), 0)
            begin = time.perf_counter()
            asked = Refresher(store.mx, settings).refresh(threading.Event())
            return asked / (time.perf_counter() - begin)


def _dsn(number: int) -> bytes:
    return f"""From: MAILER-DAEMON@mx.example.net\r
Subject: Undelivered Mail\r
Message-ID: <dsn-{number}@mx.example.net>\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r
\r
--b\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; mx.example.net\r
\r
Final-Recipient: rfc822; u{number}@d{number % 997}.example\r
Action: failed\r
Status: 5.1.1\r
Diagnostic-Code: smtp; 550 5.1.1 no such user here\r
\r
--b\r
Content-Type: text/rfc822-headers\r
\r
Message-ID: <{number}@example.org>\r
\r
--b--\r
""".encode()


if __name__ == "__main__":
    main()
