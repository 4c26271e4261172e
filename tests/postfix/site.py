"""A Postfix that was there before Bouncegate, which a test attaches and detaches."""

import signal
import subprocess
from contextlib import closing

from bouncegate.config.settings import LedgerSettings, StoreSettings
from bouncegate.store.ledger import Ledger
from lab.bouncegate import Bouncegate
from lab.folder import LabFolder
from lab.postfix import Postfix
from lab.remote import Remote

SENDER = "newsletter@example.com"
GONE = "gone@remote.example"
DOMAIN = "return.example.com"


class Site:
    """A Postfix that was there before, and Bouncegate beside it, not attached."""

    def __init__(self, folder: LabFolder, *, chroot: bool) -> None:
        self.remote = Remote(folder, {GONE: "550 5.1.1 The email account does not exist"})
        self.postfix = Postfix(folder, self.remote.relayhost, chroot=chroot)
        sockets = (self.postfix.queue if chroot else folder.path / "run") / "bouncegate"
        sockets.parent.mkdir(exist_ok=True)
        sections = {"return_path": {"domain": DOMAIN, "count": ["signed", "matched"]}}
        self.gate = Bouncegate(folder, sockets, sections)
        table = self.postfix.table("known", {"@other.example": "x"})
        self.postfix.set(relay_domains="other.example", relay_recipient_maps=table)
        # A service of its own ways, as submission has them.
        service = f"127.0.0.1:{self.postfix.submission_port}/inet/smtpd_milters="
        self.postfix.command("postconf", "-c", self.postfix.config, "-P", service)
        self.gate.start()
        self.postfix.start()

    def files(self) -> list[bytes]:
        there = (path for path in self.postfix.config.iterdir() if path.is_file())
        paths = [*sorted(there), self.gate.config]
        return [path.read_bytes() for path in paths]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return self.gate.run("postfix", *arguments, "-c", str(self.postfix.config))

    def reload_milter(self) -> None:
        assert self.gate.milter is not None
        self.gate.milter.send_signal(signal.SIGHUP)

    def sends(self) -> list[str]:
        settings = StoreSettings(path=self.gate.store)
        with closing(Ledger.open(settings, LedgerSettings())) as ledger:
            return [sent.sender for _, sent in ledger.walk(b"", 2**32 - 1, 1000)]

    def code(self) -> int:
        return self.postfix.submit(SENDER, [GONE])[GONE].code
