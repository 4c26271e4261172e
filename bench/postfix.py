"""What Bouncegate costs a Postfix from end to end: messages a second that it takes.

Instances with their queues on a tmpfs, where the disk hides nothing: bare, with the milter alone,
with the signed return path, and with that and the ledger of sends. Each in turn gets the same mail
from `smtp-source` over 8 sessions, delivers it to nowhere, and rests until its queue is empty.
"""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.output import arguments, show
from lab.system import RETURN_DOMAIN, MailSystem

_MESSAGES: Final = 3000
_SESSIONS: Final = 8
_OCTETS: Final = 2000
_TMPFS: Final = "/dev/shm"
_SENDER: Final = "newsletter@sender.test"
_RECIPIENT: Final = "reader@recipients.example"
_SECTIONS: Final[Mapping[str, Mapping[str, Mapping[str, object]]]] = {
    "bare": {},
    "milter": {},
    "milter, signed return path": {
        "return_path": {"domain": RETURN_DOMAIN},
        "ledger": {"keep": "0 days"},
    },
    "milter, signed return path, ledger": {"return_path": {"domain": RETURN_DOMAIN}},
}


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    if not Path(_TMPFS).is_dir():
        sys.exit(f"bench: no tmpfs at {_TMPFS}")
    rates: dict[str, list[float]] = {name: [] for name in _SECTIONS}
    with ExitStack() as stack:
        systems = {name: _system(name, stack) for name in _SECTIONS}
        for system in systems.values():  # a first round warms every process up
            _rate(system)
        for _ in range(options.rounds):
            for name, system in systems.items():
                rates[name].append(_rate(system))
    show(
        f"Postfix end to end, queue on tmpfs, {options.rounds} rounds of {_MESSAGES:,} messages",
        [_row(name, rates) for name in rates],
        as_json=options.json,
    )


def _system(name: str, stack: ExitStack) -> MailSystem:
    system = stack.enter_context(MailSystem(sections=_SECTIONS[name], base=_TMPFS))
    system.start()
    if name == "bare":
        system.postfix.reset("smtpd_milters")
    system.postfix.set(default_transport="discard:", relayhost="")
    system.postfix.reload()
    return system


def _rate(system: MailSystem) -> float:
    """Messages a second from the first connection to the last answer."""
    argv = ["smtp-source", "-s", _SESSIONS, "-m", _MESSAGES, "-l", _OCTETS]
    argv += ["-f", _SENDER, "-t", _RECIPIENT, f"127.0.0.1:{system.postfix.submission_port}"]
    start = time.perf_counter()
    subprocess.run([str(word) for word in argv], check=True, timeout=600)
    sent = time.perf_counter() - start
    system.postfix.wait_until_empty(600)
    return _MESSAGES / sent


def _row(name: str, rates: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    return {
        "postfix": name,
        "messages/s": round(median(rates[name])),
        "of bare": _ratio(rates[name], rates["bare"]),
        "of the milter alone": _ratio(rates[name], rates["milter"]),
        "of signing alone": _ratio(rates[name], rates["milter, signed return path"]),
    }


def _ratio(mine: Sequence[float], others: Sequence[float]) -> str:
    ratios = [a / b for a, b in zip(mine, others, strict=True)]
    return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


if __name__ == "__main__":
    main()
