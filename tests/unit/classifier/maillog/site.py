"""A machine whose log is read: a ledger that knows some messages, a store, a log file."""

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from tests.events import event_of

from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.maillog.files import LogFile
from bouncegate.classifier.maillog.follower import Follower, Summary
from bouncegate.classifier.maillog.interpreter import Interpreter
from bouncegate.classifier.maillog.line import Parser
from bouncegate.classifier.maillog.source import Source
from bouncegate.classifier.returnpath.attribution import Attribution
from bouncegate.classifier.returnpath.directory import Directory
from bouncegate.config.settings import (
    LedgerSettings,
    MaillogSettings,
    PolicySettings,
    StoreSettings,
)
from bouncegate.config.taxonomy import Reason
from bouncegate.config.values import Size
from bouncegate.policy.fold import EMPTY, Policy
from bouncegate.policy.providers import Providers
from bouncegate.policy.records import JournalEntry, State
from bouncegate.store.entry import Sent, entry_of
from bouncegate.store.ledger import Ledger
from bouncegate.store.recording import identity, name_of_sent
from bouncegate.store.store import Bounce, Store

NOW = 1_790_000_000
HOUR, DAY = 3600, 86_400
ANN, BOB, LIST = "ann@r.example", "bob@r.example", "list@r.example"
POLICY = Policy(PolicySettings(), ("signed", "matched"))
UNKNOWN = "host mx[192.0.2.1] said: 550 5.1.1 no such user (in reply to RCPT TO command)"
FULL = "host mx[192.0.2.1] said: 452 4.2.2 mailbox full (in reply to RCPT TO command)"
MX = "mx.r.example[192.0.2.1]:25"


class Site:
    """A folder with everything that the follower of a log needs."""

    def __init__(self, folder: Path, classifier: Classifier) -> None:
        self.classifier = classifier
        self.log = folder / "mail.log"
        self.log.touch()
        settings = StoreSettings(path=folder, map_size=Size(2**26))
        self.store = Store.open(settings)
        ledger = LedgerSettings(max_size=Size(2**24))
        self.ledger = Ledger.open(settings, ledger, readonly=False)
        self.directory = Directory(Providers.of(), self.store.mx.of)
        provider_of = self.directory.provider_of
        self.attribution = Attribution(provider_of, fold_local_part=True)

    def close(self) -> None:
        self.store.close()
        self.ledger.close()

    # -- what was sent, and logged -----------------------------------------------------------

    def sent(self, number: int, *recipients: str, time: int = NOW) -> Sent:
        """One message of ours, in the ledger."""
        message = number.to_bytes(8, "big")
        sent = Sent(time, message, "news@s.test", recipients, f"QUEUE{number:07}")
        self.ledger.write([entry_of(sent)])
        return sent

    def write(self, *lines: str) -> None:
        with self.log.open("a") as log:
            log.writelines(f"{line}\n" for line in lines)

    def run(self, now: int = NOW + DAY, source: Source | None = None, **changes: Any) -> Summary:
        """One run of the task."""
        most = changes.pop("most", 1_000_000)
        return self.follower(source, **changes).run(now, threading.Event(), most)

    @staticmethod
    def take(follower: Follower, now: int = NOW + DAY) -> Summary:
        """Another run of the same task."""
        return follower.run(now, threading.Event())

    def follower(self, source: Source | None = None, **changes: Any) -> Follower:
        settings = replace(MaillogSettings(), **changes)
        interpreter = Interpreter(
            settings, self.ledger, self.classifier, self.attribution, fold_local_part=True
        )
        log = source or LogFile(self.log, Parser("postfix", UTC))
        return Follower(settings, log, interpreter, self.store.deliverylog, POLICY)

    def full(self, sent: Sent, address: str = ANN) -> None:
        """The mailbox was full for a message, by a DSN."""
        name = identity(name_of_sent(sent.time, sent.message), address)
        when, reason = sent.time + 60, Reason.MAILBOX_FULL
        event = event_of(address, when, reason, sent=sent.time, identity=name)
        self.store.record([Bounce([event], b"")], POLICY)

    # -- the result ---------------------------------------------------------------------------

    def state(self, address: str = ANN) -> State:
        return self.store.addresses.get(address) or EMPTY

    def entries(self, address: str = ANN) -> list[JournalEntry]:
        return [entry for _, entry in self.store.journal.of_address(address)]


def line(
    sent: Sent | str,
    outcome: str,
    text: str = "250 2.0.0 Ok",
    to: str = ANN,
    *,
    at: int = NOW + 5,
    relay: str = MX,
    program: str = "smtp",
) -> str:
    """A line of the log, as smtp(8) writes it."""
    queue_id = sent if isinstance(sent, str) else sent.queue_id
    dsn = {"sent": "2.0.0", "bounced": "5.1.1", "deferred": "4.2.2"}[outcome]
    told = f"{queue_id}: to=<{to}>, relay={relay}, delay=1, delays=0/0/0/1, dsn={dsn}"
    return f"{head(at, program)}{told}, status={outcome} ({text})"


def expired(sent: Sent, at: int) -> str:
    """The line that qmgr(8) logs when a message expires."""
    said = f"{sent.queue_id}: from=<{sent.sender}>, status=expired, returned to sender"
    return f"{head(at, 'qmgr')}{said}"


def head(at: int, program: str) -> str:
    when = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000+00:00")
    return f"{when} mail postfix/{program}[123]: "


def twice_full(site: Site) -> None:
    """Two consecutive soft failures for Ann; a third would lock."""
    for number, day in ((1, -4), (2, -2)):
        site.full(site.sent(number, ANN, time=NOW + day * DAY))
    assert site.state().soft_in_row == 2


def active(sent: Sent, count: int, at: int = NOW + 1) -> str:
    """The line that qmgr(8) logs when it activates a message."""
    said = f"{sent.queue_id}: from=<{sent.sender}>, size=540, nrcpt={count} (queue active)"
    return f"{head(at, 'qmgr')}{said}"
