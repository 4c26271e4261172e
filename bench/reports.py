"""What reports cost over a million bounces and five million sends in the ledger.

The bounces are of 700,000 addresses in 2,000 domains, of 200 mailings, 20 senders and 50 groups,
over 30 days. Each send is one message; every fifth of them bounced.
"""

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.figures import cost_of_command
from bench.output import arguments, show
from bouncegate.config.reasons import REASONS
from bouncegate.config.settings import LedgerSettings, PolicySettings, StoreSettings, Trust
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Event
from bouncegate.store.entry import Sent, entry_of
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Bounce, Store

_DAYS: Final = 30
_SENDS_A_BOUNCE: Final = 5
_SIGNED: Final[tuple[Trust, ...]] = ("signed",)
_REASONS: Final = (
    Reason.USER_UNKNOWN,
    Reason.MAILBOX_FULL,
    Reason.NO_ANSWER,
    Reason.MAILBOX_FULL,
    Reason.REPUTATION,
    Reason.NO_MX,
)
_REPORTS: Final = (
    ("mailing",),
    ("mailing", "mailing7"),
    ("mailing", "mailing7", "--addresses", "--csv"),
    ("group",),
    ("group", "group7", "--addresses", "--csv"),
    ("domain", "--csv"),
    ("rate",),
    ("rate", "--since", "1 day"),
    ("health",),
)


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    number = options.locks
    with TemporaryDirectory(prefix="bouncegate-bench-") as folder:
        settings = StoreSettings(path=Path(folder))
        now = int(time.time())
        _fill(settings, number, now - _DAYS * 86_400, _DAYS * 86_400 / number)
        config = Path(folder) / "bouncegate.toml"
        config.write_text(f'[store]\npath = "{folder}"\n[ledger]\nenabled = true\n')
        rows: list[dict[str, Any]] = []
        for argv in _REPORTS:
            _, seconds, megabytes = cost_of_command(
                config, ["report", *argv], 2
            )  # that of `health`
            rows.append(
                {
                    "report": " ".join(argv),
                    "s": round(seconds, 1),
                    "MB": round(megabytes),
                }
            )
    show(f"reports, {number:,} bounces", rows, as_json=options.json)


def _fill(settings: StoreSettings, number: int, start: int, apart: float) -> None:
    store = Store.open(settings)
    policy = Policy(PolicySettings(), _SIGNED)
    bounces = (Bounce([_event(n, int(start + n * apart))], b"") for n in range(number))
    while some := list(islice(bounces, 5000)):
        store.record(some, policy)
    store.close()
    ledger = Ledger.open(settings, LedgerSettings(), readonly=False)
    entries = (entry_of(sent) for sent in _sends(number, start, apart))
    while batch := list(islice(entries, 20_000)):
        ledger.write(batch)
    ledger.close()


def _sends(number: int, start: int, apart: float) -> Iterator[Sent]:
    for n in range(number):
        for part in range(_SENDS_A_BOUNCE):
            event = _event(n, int(start + n * apart))
            address = event.address if part == 0 else f"fine{part}.{event.address}"
            yield Sent(
                event.sent,
                (n * _SENDS_A_BOUNCE + part).to_bytes(8, "big"),
                event.sender,
                (address,),
                mailing=event.mailing,
                group=event.group,
            )


def _event(number: int, time: int) -> Event:
    reason = _REASONS[number % len(_REASONS)]
    definition = REASONS[reason]
    # Spread, so that neighbours in time are none in the store; three in ten bounce again.
    reader = number * 7919 % 1_000_003 % 700_000
    domain = f"mail{reader % 2000}.de"
    return Event(
        address=f"reader.{reader:07d}@{domain}",
        time=time,
        kind=definition.kind,
        category=definition.category,
        reason=reason,
        rule="bench",
        trust="signed",
        identity=number.to_bytes(16, "big"),
        status="5.1.1",
        diagnostic=f"550 5.1.1 <reader.{reader:07d}@{domain}>: recipient address rejected",
        phase="rcpt",
        final_recipient=f"reader.{reader:07d}@{domain}",
        remote_mta=f"mx.{domain}",
        message_id=f"<{number}@example.org>",
        sender=f"news@sender{number % 20}.example",
        mailing=f"mailing{number // 5000 % 200}",
        group=f"group{number % 50}",
        provider=domain,
        sent=time - 60,
    )


if __name__ == "__main__":
    main()
