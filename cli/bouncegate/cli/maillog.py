"""The task of `maintain` that reads Postfix's log: its parts, put together."""

import threading
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from bouncegate.classifier.maillog.files import LogFile
from bouncegate.classifier.maillog.follower import Follower
from bouncegate.classifier.maillog.interpreter import Interpreter
from bouncegate.classifier.maillog.journal import Journal
from bouncegate.classifier.maillog.line import Parser
from bouncegate.classifier.maillog.source import Source
from bouncegate.classifier.returnpath.attribution import Attribution
from bouncegate.classifier.returnpath.directory import Directory, nothing
from bouncegate.cli.daemons import classifier_of
from bouncegate.cli.invocation import Invocation
from bouncegate.config.settings import MaillogSettings
from bouncegate.daemon.periodic import PeriodicTask
from bouncegate.policy.records import Event
from bouncegate.store.installationmark import made_mark
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Store


class LogReading:
    """The reading of the log under the settings in force, and how far it has come."""

    def __init__(self, invocation: Invocation, store: Store, clock: Callable[[], int]) -> None:
        """Nothing is read yet; `clock` returns the seconds since 1970."""
        self._invocation = invocation
        self._store = store
        self._clock = clock
        self._follower: Follower | None = None
        self.until = 0
        """The time up to which the log was read; 0: not known yet."""

    def run(self, stop: threading.Event) -> None:
        """Read on, to the end of the log; raises SourceError and StoreError."""
        if self._follower is None:  # the ledger may come later than we do
            ledger = self._invocation.open_ledger()
            self._follower = _follower(self._invocation, self._store, ledger)
        more = True
        while more and not stop.is_set():
            _, _, more, until = self._follower.run(self._clock(), stop)
            self.until = until or self.until

    @property
    def task(self) -> PeriodicTask:
        """That of `maintain`."""
        return PeriodicTask(
            "maillog", max(self._invocation.settings.maillog.every.after(0), 1), self.run
        )


def _follower(invocation: Invocation, store: Store, ledger: Ledger) -> Follower:
    settings = invocation.settings
    invocation.mx_cache = store.mx
    known = store.mx.of if settings.dns.enabled else nothing
    directory = Directory(invocation.providers, known)
    fold = settings.store.fold_local_part
    classifier = classifier_of(settings, made_mark(settings.store.path))
    attribution = Attribution(directory.provider_of, fold_local_part=fold)
    log = settings.maillog if settings.log_proves else replace(settings.maillog, count=())
    interpreter = Interpreter(log, ledger, classifier, attribution, fold_local_part=fold)

    def ask(events: Sequence[Event], now: int) -> None:
        domains = directory.to_ask(events, now)
        if domains:
            store.mx.want(domains, now)

    source = _source(settings.maillog)
    follower = Follower(settings.maillog, source, interpreter, store.deliverylog, invocation.policy)
    follower.on_new(ask)
    return follower


def _source(settings: MaillogSettings) -> Source:
    parser = Parser(settings.syslog_name)
    return Journal(parser) if settings.source == "journal" else LogFile(settings.file, parser)
