"""How fast Postfix's log is read: lines a second of processor time, and megabytes of log.

The log of one mailing: five or six lines for a message, of which one or two tell a delivery; one
in ten is deferred once, one in fifty bounces. The same where no line is about a message of ours.
"""

import statistics
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from msgspec.structs import replace

from bench.output import arguments, show
from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.maillog.files import LogFile
from bouncegate.classifier.maillog.follower import Follower
from bouncegate.classifier.maillog.interpreter import Interpreter
from bouncegate.classifier.maillog.line import Parser
from bouncegate.classifier.returnpath.attribution import Attribution
from bouncegate.config.rules import load_rules
from bouncegate.config.settings import (
    LedgerSettings,
    PolicySettings,
    Settings,
    StoreSettings,
    Trust,
)
from bouncegate.policy.fold import Policy
from bouncegate.policy.providers import Providers
from bouncegate.store.entry import Sent, entry_of
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Store

_MESSAGES: Final = 20_000
_TRUST: Final[tuple[Trust, ...]] = ("matched",)
_START: Final = 1_780_000_000
_WHEN: Final = datetime.fromtimestamp(_START + 5, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000+00:00")
_MX: Final = "relay=mx.example.com[192.0.2.1]:25, delay=1, delays=0/0/0/1"
_SAID: Final = "host mx.example.com[192.0.2.1] said:"
_OUTCOMES: Final = {
    "sent": "dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 4F2A)",
    "deferred": f"dsn=4.7.1, status=deferred ({_SAID} 450 4.7.1 try later)",
    "bounced": f"dsn=5.1.1, status=bounced ({_SAID} 550 5.1.1 no such user)",
}


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    classifier = Classifier(load_rules())
    rows: list[dict[str, Any]] = []
    for what, prefix in (("a mailing of ours", "QUEUE"), ("nothing of ours", "OTHER")):
        text = "".join(map(_lines, map(_sent(prefix), range(_MESSAGES))))
        seconds = statistics.median(_read(text, classifier) for _ in range(options.rounds))
        lines = text.count("\n")
        rows.append(
            {
                "log of": what,
                "lines": lines,
                "lines a second": round(lines / seconds),
                "megabytes a second": len(text) / 1e6 / seconds,
            }
        )
    show("reading Postfix's log", rows, as_json=options.json)


def _read(text: str, classifier: Classifier) -> float:
    """Seconds of processor time to take in a log that is new."""
    settings = Settings()
    policy = Policy(PolicySettings(), _TRUST)
    with TemporaryDirectory(prefix="bouncegate-bench-") as name:
        stored = StoreSettings(path=Path(name))
        log = Path(name) / "mail.log"
        log.write_text(text)
        store, ledger = Store.open(stored), Ledger.open(stored, LedgerSettings(), readonly=False)
        ledger.write([entry_of(_sent("QUEUE")(number)) for number in range(_MESSAGES)])
        maillog = replace(settings.maillog, source="file", file=log)
        attribution = Attribution(Providers.of().provider_of, fold_local_part=True)
        interpreter = Interpreter(maillog, ledger, classifier, attribution, fold_local_part=True)
        source = LogFile(log, Parser(maillog.syslog_name))
        follower = Follower(maillog, source, interpreter, store.deliverylog, policy)
        begin = time.process_time()
        follower.run(_START + 86_400, threading.Event())
        seconds = time.process_time() - begin
        store.close()
        ledger.close()
    return seconds


def _sent(prefix: str) -> Callable[[int], Sent]:
    def of(number: int) -> Sent:
        message = number.to_bytes(8, "big")
        to = (f"u{number}@r{number % 500}.example",)
        return Sent(_START, message, "news@s.example", to, f"{prefix}{number:07}")

    return of


def _lines(sent: Sent) -> str:
    number = int.from_bytes(sent.message, "big")
    outcomes = ["deferred"] if number % 10 == 0 else []
    outcomes.append("bounced" if number % 50 == 0 else "sent")
    said = [
        ("smtpd", "client=localhost[127.0.0.1]"),
        ("cleanup", f"message-id=<{number}@s.example>"),
        ("qmgr", "from=<news@s.example>, size=504, nrcpt=1 (queue active)"),
        *(("smtp", f"to=<{sent.recipients[0]}>, {_MX}, {_OUTCOMES[o]}") for o in outcomes),
        ("qmgr", "removed"),
    ]
    return "".join(f"{_WHEN} mail postfix/{p}[123]: {sent.queue_id}: {text}\n" for p, text in said)


if __name__ == "__main__":
    main()
