"""The task of `maintain` that reads Postfix's log: its parts, put together."""

import threading
import time
from collections.abc import Sequence

from msgspec.structs import replace

from bouncegate.classifier.attribution import Attribution
from bouncegate.classifier.directory import Directory, nothing
from bouncegate.cli.daemons import judge_of
from bouncegate.cli.invocation import Invocation
from bouncegate.config.settings import MaillogSettings
from bouncegate.daemon.tasks import Task
from bouncegate.maillog.files import LogFile
from bouncegate.maillog.follower import Follower
from bouncegate.maillog.interpreter import Interpreter
from bouncegate.maillog.journal import Journal
from bouncegate.maillog.line import Parser
from bouncegate.maillog.source import Source
from bouncegate.policy.records import Event
from bouncegate.store.ledger import Ledger
from bouncegate.store.mark import made_mark
from bouncegate.store.store import Store


def reading_of_log(invocation: Invocation, store: Store) -> Task:
    """The task, under the settings in force."""
    followers: list[Follower] = []

    def run(stop: threading.Event) -> None:
        if not followers:  # the ledger may come later than we do
            followers.append(_follower(invocation, store, invocation.open_ledger()))
        while followers[0].run(int(time.time()), stop).more and not stop.is_set():
            pass

    return Task("maillog", max(invocation.settings.maillog.every.after(0), 1), run)


def _follower(invocation: Invocation, store: Store, ledger: Ledger) -> Follower:
    settings = invocation.settings
    invocation.exchanges = store.exchanges
    known = store.exchanges.of if settings.dns.enabled else nothing
    directory = Directory(invocation.providers, known)
    fold = settings.store.fold_local_part
    judge = judge_of(settings, made_mark(settings.store.path))
    attribution = Attribution(directory.provider_of, fold_local_part=fold)
    log = settings.maillog if settings.log_proves else replace(settings.maillog, count=())
    interpreter = Interpreter(log, ledger, judge, attribution, fold_local_part=fold)

    def ask(events: Sequence[Event], now: int) -> None:
        domains = directory.to_ask(events, now)
        if domains:
            store.exchanges.want(domains, now)

    source = _source(settings.maillog)
    follower = Follower(settings.maillog, source, interpreter, store.trail, invocation.policy)
    follower.on_new(ask)
    return follower


def _source(settings: MaillogSettings) -> Source:
    parser = Parser(settings.syslog_name)
    return Journal(parser) if settings.source == "journal" else LogFile(settings.file, parser)
