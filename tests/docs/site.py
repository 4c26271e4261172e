"""An installation with data: the addresses and events that the pages name."""

import os
import re
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from tests.events import event_of

from bouncegate.config.loading import loads
from bouncegate.config.settings import GuardSettings, Settings
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.fold import Policy
from bouncegate.policy.guard import Guard
from bouncegate.policy.providers import Providers
from bouncegate.policy.records import Event
from bouncegate.store.entry import Sent, entry_of
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Bounce, Store
from lab.bouncegate import COMMAND
from lab.folder import ROOT

CLARA: Final = "clara@orchard.example"
"""Locked for a year."""
ANN: Final = "ann@example.com"
"""Locked for a month."""
TYPO: Final = "otto@gmial.com"
QUEUE_ID: Final = "4jZ5fq4JByzLhNx"
MAILING: Final = "spring"
SENDER: Final = "news@example.org"
BOUNCE: Final = ROOT / "tests/samples/servers/exim-4.96-rcpt.eml"
_NOW: Final = int(time.time())
_DAY: Final = 86_400
_ADDRESSES: Final = 6
"""Addresses at one provider, enough to open an incident."""
_INCIDENT: Final = 17
"""Its number in the pages."""
# Paths in the pages that are replaced by paths in the site's folder.
_PLACES: Final = ("/etc/bouncegate/", "/var/backups/", "/var/lib/bouncegate")

CONFIG: Final = """
[store]
path = "{folder}/var/lib/bouncegate"
map_size = "64 MiB"
[milter]
socket = "unix:{folder}/milter.sock"
[map]
socket = "unix:{folder}/map.sock"
[return_path]
socket = "unix:{folder}/return-path.sock"
domain = "return.example.com"
[ledger]
max_size = "64 MiB"
[dns]
enabled = false
resolvers = ["127.0.0.1:9"]
timeout = "1 second"
[guard]
addresses = 5
[maillog]
file = "{folder}/mail.log"
[rules]
folder = "{folder}/etc/bouncegate/rules.d"
"""


class Done(NamedTuple):
    """The result of a line."""

    code: int
    said: str
    """Its standard output and standard error."""


class Site:
    """One installation in its own folder."""

    def __init__(self, folder: Path) -> None:
        """Create it with its data."""
        self.folder = folder
        config = CONFIG.format(folder=folder)
        for name in ("etc/bouncegate/rules.d", "var/backups", "var/lib/bouncegate", "bin"):
            (folder / name).mkdir(parents=True)
        (folder / "etc/bouncegate/bouncegate.toml").write_text(config)
        (folder / "etc/bouncegate/rules.d/10-partner.toml").write_text(partner_rule())
        (folder / "new.toml").write_text(config)
        (folder / "bin/bouncegate").symlink_to(COMMAND)
        (folder / "bin/python3").symlink_to(sys.executable)
        (folder / "mail.log").touch()
        (folder / "subscribers.txt").write_text(f"{CLARA}\nbob@example.com\nno-address\n")
        (folder / "subscribers.csv").write_text(f"Email;Name\n{CLARA};Clara\nbob@kernel.org;Bob\n")
        (folder / "opened.txt").write_text(f"{ANN}\nbob@example.com\n")
        (folder / "bounce.eml").write_bytes(BOUNCE.read_bytes())
        self.incident = _fill(loads(config))
        """The number of the open incident."""

        # Postfix's programs read this main.cf and not the machine's.
        (folder / "etc/postfix").mkdir()
        (folder / "etc/postfix/main.cf").touch()

    def run(self, line: str) -> Done:
        """Run a line unchanged, and answer yes to questions."""
        line = re.sub(rf"^(bouncegate incident \w+) {_INCIDENT}\b", rf"\1 {self.incident}", line)
        for place in _PLACES:
            line = line.replace(place, f"{self.folder}{place}")
        script = f'runuser() {{ shift 3; "$@"; }}\nset -o pipefail\n{line}\n'
        terminal, user = os.openpty()
        os.write(terminal, b"y\ny\n")
        try:
            done = subprocess.run(
                ["/bin/bash", "-c", script],
                stdin=user, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                cwd=self.folder, env=self._environment(), check=False, timeout=60,
            )  # fmt: skip
        finally:
            os.close(terminal)
            os.close(user)
        return Done(done.returncode, done.stdout.decode())

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "BOUNCEGATE_CONFIG": f"{self.folder}/etc/bouncegate/bouncegate.toml",
            "HOME": str(self.folder),
            "MAIL_CONFIG": f"{self.folder}/etc/postfix",
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "200",
        }


def partner_rule() -> str:
    """The rule in docs/rules.md, since the page shows its effect."""
    text = (ROOT / "docs/rules.md").read_text()
    return text.split("```toml\n", 1)[1].split("```", 1)[0]


def _event(address: str, reason: Reason, ago: int, provider: str) -> Event:
    return event_of(
        address,
        _NOW - ago,
        reason,
        rule="the-rule",
        identity=os.urandom(16),
        status="5.1.1",
        diagnostic="550 5.1.1 no such user",
        mailing=MAILING,
        group="example.org",
        sender=SENDER,
        provider=provider,
        queue_id=QUEUE_ID if address == CLARA else "",
        sent=_NOW - ago - 60,
    )


def _fill(settings: Settings) -> int:
    policy = Policy(
        settings.policy, settings.return_path.count, guard=Guard(GuardSettings(addresses=5))
    )
    providers = Providers.of()
    outage = [f"u{number}@gmail.com" for number in range(_ADDRESSES)]
    happened = [
        (CLARA, Reason.USER_UNKNOWN, 3600),
        (TYPO, Reason.USER_UNKNOWN, 3500),
        *((ANN, Reason.MAILBOX_FULL, _DAY * ago) for ago in (3, 2, 1)),
        *((address, Reason.USER_UNKNOWN, 600) for address in outage),
    ]
    raw = BOUNCE.read_bytes()
    with closing(Store.open(settings.store)) as store:
        for address, reason, ago in happened:
            event = _event(address, reason, ago, providers.provider_of(address))
            store.record([Bounce([event], raw)], policy)
        incident = store.incidents.all()[-1].number
    sent = [
        Sent(_NOW - 3660, os.urandom(8), SENDER, (CLARA, TYPO, "bob@example.com"), QUEUE_ID,
             mailing=MAILING, group="example.org"),
        Sent(_NOW - 700, os.urandom(8), SENDER, tuple(outage), mailing=MAILING,
             group="example.org"),
    ]  # fmt: skip
    with closing(Ledger.open(settings.store, settings.ledger, readonly=False)) as ledger:
        ledger.write([entry_of(one) for one in sent])
    return incident
