"""One worker: a process of its own with a lock table of its own on the shared socket."""

import errno
import os
import resource
import time
from collections.abc import Callable
from typing import Final

import milter

from bouncegate.config.settings import Settings
from bouncegate.daemon.plan import WorkerContext
from bouncegate.daemon.ratelimitedlog import RateLimitedLog
from bouncegate.milter.affinity import Affinity, set_affinity
from bouncegate.milter.counts import Counts
from bouncegate.milter.endofmessage import EomSteps
from bouncegate.milter.gracefulexit import keep
from bouncegate.milter.ledgerqueue import LedgerQueue
from bouncegate.milter.logline import NO_QUEUE_ID
from bouncegate.milter.pending import PendingStep
from bouncegate.milter.postmaster import PostmasterStep
from bouncegate.milter.rcpt import Locks, Rcpt, RcptStep, answer_on_error
from bouncegate.milter.refusal.undeliverable import Known, undeliverable_by
from bouncegate.milter.returndomain import ReturnPathCheck
from bouncegate.milter.send import SendStep
from bouncegate.milter.session import MacrosAtRcpt
from bouncegate.milter.steps import Steps
from bouncegate.store.installationmark import InstallationMark
from bouncegate.store.reopening import ReopeningLockTable
from bouncegate.store.tokens.keys import KEY_FILE, KeyFile
from bouncegate.store.tokens.returndomain import ReturnAddresses

_EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE)
NAME: Final = "bouncegate"


def work(
    settings: Settings,
    ledger_queue: LedgerQueue | None,
    worker: WorkerContext,
    on_ready: Callable[[], None],
) -> int:
    """Serve until SIGTERM, in a process forked by the supervisor; the exit code.

    `ledger_queue` is None where no ledger is kept.
    """
    affinity = Affinity(
        worker.number, settings.milter.processes, frozenset(os.sched_getaffinity(0)), set_affinity
    )
    table = ReopeningLockTable(settings.store)
    milter.set_exception_policy(answer_on_error(settings))
    keys = keys_of(settings, ledger_queue)
    returns = ReturnAddresses(settings, keys) if keys and settings.return_path.domains else None
    mark = InstallationMark(settings.store.path)
    counts = Counts(worker.row.counters)
    macros = MacrosAtRcpt()
    rules = undeliverable_by(settings, Known(table.domain, table.was_freed))
    locks = RcptStep(settings, Locks(table.find, mark, rules), counts, returns, macros)
    rcpt, eom = chain(settings, locks, ledger_queue, keys, counts)
    Steps(rcpt, settings.milter.socket, eom, macros).register(NAME)

    descriptors = Descriptors()

    def check() -> None:
        table.check()
        if rules is not None:
            rules.check()
        affinity.update()
        descriptors.check()

    keep(worker.row, worker.drain_timeout, check)
    on_ready()
    milter.main()
    return os.EX_OK


def keys_of(settings: Settings, ledger_queue: LedgerQueue | None) -> KeyFile | None:
    """The keys, where anything is signed, recorded or comes back by a token."""
    if not (settings.return_path.domains or ledger_queue is not None):
        return None
    return KeyFile(settings.store.path / KEY_FILE, int(time.time()))


def chain(
    settings: Settings,
    rcpt: Rcpt,
    ledger_queue: LedgerQueue | None,
    keys: KeyFile | None,
    counts: Counts,
) -> tuple[Rcpt, EomSteps | None]:
    """What the settings need at RCPT and at the end of a message, around `rcpt`."""
    send: SendStep | None = None
    if keys is not None and settings.return_path.domains:
        rcpt = ReturnPathCheck(settings, ReturnAddresses(settings, keys), rcpt, counts)
    if keys is not None and (settings.signs or ledger_queue is not None):
        send = SendStep(settings, keys, ledger_queue, rcpt, counts)
        rcpt = send.rcpt
    if settings.metrics.enabled:
        rcpt = counts.timed(rcpt)
    pending = PendingStep(settings.reply) if settings.holds else None
    people = PostmasterStep(settings.return_path) if settings.return_path.domains else None
    return rcpt, EomSteps(pending, send, people) if pending or send or people else None


class Descriptors:
    """Says when a worker has no file descriptor left for another session.

    libmilter tells syslog(3) alone that accept(2) fails, and tries again. The sessions that it has
    go on; new ones wait until Postfix gives up and does what its `default_action` says.
    """

    def __init__(self) -> None:
        self._error_log = RateLimitedLog("by Postfix's default_action", step="CONNECT")

    def check(self) -> None:
        """Try to get one more; to be called about once a second. It takes some microseconds."""
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                return
            limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
            text = f"{error.strerror} (of {limit}): raise LimitNOFILE in the unit (systemctl edit)"
            self._error_log.log(NO_QUEUE_ID, OSError(error.errno, text), expected=True)
