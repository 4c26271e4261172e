"""`maintain`: the tasks that must be done, but not while mail waits for them.

It is a daemon of its own because it alone asks name servers: the return path, which reads what
strangers write, runs without any network (`systemd/`).
"""

import logging
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.logs import set_up_logging
from bouncegate.cli.service import notify, reloaded_settings, restart
from bouncegate.config.durations import Duration
from bouncegate.config.settings import Settings
from bouncegate.daemon.lastresort import end_now
from bouncegate.daemon.periodic import PeriodicTask, run_once, run_until
from bouncegate.store.bulk import Bulk
from bouncegate.store.clock import ClockDoubted, TrustedClock, moment
from bouncegate.store.errors import StoreMissing
from bouncegate.store.store import Store

if TYPE_CHECKING:
    from bouncegate.cli.maillog import LogReading

# A domain that bounces for the first time has its provider some seconds later.
_DNS_PAUSE: Final = 5.0
# Deliveries count days after the mail: ten more minutes do not matter.
_LEDGER_PAUSE: Final = 600.0
# A domain is locked a day after its first denial at the earliest. A round reads what DNS said of
# all domains, and the journal of the last weeks if one of them is dead.
_DOMAINS_PAUSE: Final = 3600.0
# A bounce that waits for DNS is decided some minutes later, if nothing is to be confirmed. A
# round reads what waits, and some of the locks.
_NAMES_PAUSE: Final = 60.0
# A round reads the locks and the lists: some seconds for a million.
_LISTS_PAUSE: Final = 1800.0
# It is proven once a day; where that could not be tried, an hour later.
_ALIVE_PAUSE: Final = 3600.0
# A round reads all lists: some seconds for a million.
_SUMMARY_PAUSE: Final = 3600.0
# A round reads what is old and must stay, some ten seconds for a million locks.
_RETENTION_PAUSE: Final = 6 * 3600.0
# A look at the clock: the mark of the latest time that is known to be right follows it.
_CLOCK_PAUSE: Final = 60.0
# As long as most scrape.
_LOCK_COUNT_PAUSE: Final = 60.0
_ARRIVALS_PAUSE: Final = 1.0
_TEXTFILE_PAUSE: Final = 15.0
# Whether the files that are open are still those of the store.
_WATCH_PAUSE: Final = 1.0
# If the port is taken, a later try may find it free.
_LISTEN_PAUSE: Final = 30.0

log: Final = logging.getLogger("bouncegate.maintain")


def maintain(
    context: typer.Context,
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Run each task once, then exit: for cron(8).")
    ] = False,
) -> None:
    """Run the background tasks: DNS, deliveries, logs, metrics.

    While the clock is in doubt, every task but the metrics waits: see `bouncegate clock show`.

    With --once: exit code 69 if a task failed, 75 if SIGTERM came first or the clock is in doubt.

    Examples:

    bouncegate maintain --once
    """
    invocation = invocation_of(context)
    set_up_logging(invocation.settings.log, "maintain")
    # It may have to wait for another writer, and a signal must end it then: no handler yet.
    store = invocation.open_store(for_daemon=True)
    invocation.writes_ledger = _log_counts(invocation.settings)
    stop, restart_wanted, ended = threading.Event(), threading.Event(), threading.Event()

    def end(*_: object) -> None:
        ended.set()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    signal.signal(signal.SIGHUP, lambda *_: _on_sighup(invocation, stop, restart_wanted))
    dns_answers: Counter[str] = Counter()
    tasks = [
        *tasks_of(invocation, store, dns_answers),
        *metrics_tasks(invocation, store, dns_answers, once=once),
    ]
    replaced = invocation.replaced(store)
    if once:
        _run_once(tasks, stop, store, invocation)
    notify("READY=1")

    def watch(_: threading.Event) -> None:
        if reason := replaced():
            log.critical("%s: restarting", reason)
            restart_wanted.set()
            stop.set()

    tasks.append(PeriodicTask("files", _WATCH_PAUSE, watch))
    if not run_until(stop, tasks, lambda: notify("WATCHDOG=1")):
        # Never close the store while a thread still reads it: systemd starts the daemon again.
        end_now(log, "after some seconds", os.EX_OK)
    store.close()
    invocation.close()
    if restart_wanted.is_set():
        restart(ended.is_set)


def _run_once(
    tasks: Sequence[PeriodicTask], stop: threading.Event, store: Store, invocation: Invocation
) -> NoReturn:
    well = run_once(tasks, stop)
    if well is None:
        end_now(log, "after some seconds", os.EX_TEMPFAIL)
    with closing(store), closing(invocation):
        is_doubted = well and bool(store.clock.peek(moment()).wrong)
    if stop.is_set() or is_doubted:
        raise typer.Exit(os.EX_TEMPFAIL)
    raise typer.Exit(os.EX_OK if well else os.EX_UNAVAILABLE)


def _on_sighup(
    invocation: Invocation, stop: threading.Event, restart_wanted: threading.Event
) -> None:
    """At SIGHUP: restart with the new settings, unless they are bad."""
    if not stop.is_set() and reloaded_settings(invocation.config, "maintain") is not None:
        log.info("reload: restarting")
        restart_wanted.set()
        stop.set()


def tasks_of(
    invocation: Invocation, store: Store, dns_answers: Counter[str]
) -> Iterator[PeriodicTask]:
    """What is to be done, under the settings in force; what DNS says is counted by its status."""
    from bouncegate.admin.dns.confirmation import DomainConfirmation  # noqa: PLC0415
    from bouncegate.admin.dns.domainlocks import DomainLocks  # noqa: PLC0415
    from bouncegate.admin.dns.refresher import Refresher  # noqa: PLC0415 - the other commands ask no DNS

    settings = invocation.settings
    trusted = TrustedClock(log)

    def clock() -> int:
        return trusted.time(store.clock)

    if settings.dns.enabled:
        refresher = Refresher(store.mx, settings.dns, answers=dns_answers, clock=clock)
        yield _by_clock("dns", _DNS_PAUSE, refresher.refresh)
        names = DomainConfirmation(
            store, invocation.policy, invocation.providers, settings, clock=clock
        )
        yield _by_clock("names", _NAMES_PAUSE, names.check)
    if settings.dns.enabled and settings.domain_locks.enabled:
        locks = DomainLocks(store, invocation.policy, invocation.providers, settings, clock=clock)
        yield _by_clock("domain locks", _DOMAINS_PAUSE, locks.check)
    reading = None
    if settings.maillog.source != "none":
        from bouncegate.cli import maillog  # noqa: PLC0415

        log_reading = maillog.LogReading(invocation, store, clock)
        reading = log_reading if _log_counts(settings) else None
        yield _by_clock(*log_reading.task)
    if settings.keeps_ledger and settings.policy.settling.after(0):
        yield _by_clock(
            "deliveries",
            _LEDGER_PAUSE,
            lambda stop: _settle(invocation, store, reading, clock(), stop),
        )
    if settings.alive.authserv_ids:
        yield PeriodicTask("alive", _ALIVE_PAUSE, lambda _stop: _prove_alive(invocation))

    def keep_lists(stop: threading.Event) -> None:
        Bulk(store, settings.store.path).finish(invocation.policy.fold)
        _keep_lists(invocation, store, clock(), stop)

    yield _by_clock("lists", _LISTS_PAUSE, keep_lists)
    yield _by_clock(
        "summary", _SUMMARY_PAUSE, lambda stop: _keep_summary(invocation, store, clock(), stop)
    )
    yield _by_clock(
        "retention", _RETENTION_PAUSE, lambda stop: _expire(invocation, store, clock(), stop)
    )
    yield _by_clock("clock", _CLOCK_PAUSE, lambda _stop: clock())


def _by_clock(name: str, pause: float, run: Callable[[threading.Event], object]) -> PeriodicTask:
    """A task that waits while the clock is in doubt, which the clock has said in the log."""

    def round_(stop: threading.Event) -> None:
        with suppress(ClockDoubted):
            run(stop)

    return PeriodicTask(name, pause, round_)


def _prove_alive(invocation: Invocation) -> None:
    """Prove again that Authentication-Results of strangers are taken out of incoming mail."""
    from bouncegate.admin.doctor.alive import probe  # noqa: PLC0415
    from bouncegate.store.alive import is_due  # noqa: PLC0415

    settings, now = invocation.settings, int(time.time())
    if not is_due(settings, now):
        return
    shown = probe(settings, now)
    log.log(logging.INFO if shown.is_good else logging.WARNING, "alive: %s", shown.text)


def _expire(invocation: Invocation, store: Store, now: int, stop: threading.Event) -> None:
    """Delete what has been kept as long as `[retention]` says."""
    settings = invocation.settings
    keep, settled = settings.retention, store.settled()
    retention = settled.retention
    before = max(now - settings.keeps_events_for, 0)
    gone = {
        "unproven": settled.unproven.expire(_since(keep.unproven, now)),
        "set-aside": settled.set_aside.expire(_since(keep.statistics, now)),
        "entries": retention.expire_entries(before, now, invocation.policy.fold, stop.is_set),
        "addresses": retention.expire_addresses(_since(keep.addresses, now), now, stop.is_set),
        "purged": retention.expire_purged(now),
        "counts": retention.expire_hourcounts(_since(keep.statistics, now), stop.is_set),
        "audits": retention.expire_audits(_since(keep.audit, now), stop.is_set),
        "requests": store.requests.expire(now),
    }
    if any(gone.values()):
        counts = " ".join(f"{what}={number}" for what, number in gone.items())
        log.info("expired by [retention]: %s", counts)


def _since(kept: Duration, now: int) -> int:
    return max(now - kept.after(0), 0)


def _keep_summary(invocation: Invocation, store: Store, now: int, stop: threading.Event) -> None:
    """Count the lists, unless it is time to end."""
    from bouncegate.admin.lists.census import Stopped  # noqa: PLC0415
    from bouncegate.admin.views.summary import keep_summary  # noqa: PLC0415

    with suppress(Stopped):
        keep_summary(invocation, store, now, stop)


def _keep_lists(invocation: Invocation, store: Store, now: int, stop: threading.Event) -> None:
    """Record who was mailed, and lock what the lists refuse."""
    from bouncegate.admin.lists.maintenance import Maintenance  # noqa: PLC0415

    settings = invocation.settings
    confirm = settings.dns.confirm.after(0)
    maintenance = Maintenance(store, settings.lists, invocation.policy.fold, confirm)
    if settings.keeps_ledger:
        with suppress(StoreMissing):  # the milter makes the ledger when it starts
            maintenance.walk(invocation.open_ledger(), now, stop.is_set)
    maintenance.forget(now, stop.is_set)
    changed = maintenance.refuse(now, stop.is_set)
    if any(changed):
        log.info("locked=%d freed=%d by [lists]", *changed)


def metrics_tasks(
    invocation: Invocation, store: Store, dns_answers: Counter[str], *, once: bool
) -> Iterator[PeriodicTask]:
    """The tasks that update and serve metrics, if they are enabled."""
    settings = invocation.settings.metrics
    if not settings.enabled:
        return
    from bouncegate.daemon.metrics.bounces import BounceCounts  # noqa: PLC0415 - prometheus_client takes 10 MB
    from bouncegate.daemon.metrics.collector import Figures, Maintained  # noqa: PLC0415
    from bouncegate.daemon.metrics.endpoint import serve_metrics, write_textfile  # noqa: PLC0415
    from bouncegate.daemon.metrics.lockcount import LockCount  # noqa: PLC0415

    lock_count, bounce_counts = LockCount(store), BounceCounts(store)
    maintained = Maintained(lock_count, bounce_counts, dns_answers)
    figures = Figures(invocation.settings, store, maintained, invocation.open_ledger)
    registry = figures.registry()
    if invocation.settings.events.enabled:
        from bouncegate.web.events.metrics import EventFigures  # noqa: PLC0415

        registry.register(EventFigures(invocation.settings, store))
    yield PeriodicTask("census", _LOCK_COUNT_PAUSE, lock_count.take)
    yield PeriodicTask("arrivals", _ARRIVALS_PAUSE, bounce_counts.follow)
    endpoint, textfile = settings.listen.endpoint, settings.textfile.path
    if textfile is not None:
        yield PeriodicTask(
            "textfile", _TEXTFILE_PAUSE, lambda _stop: write_textfile(textfile, registry)
        )
    if endpoint is not None and not once:
        yield PeriodicTask(
            "metrics", _LISTEN_PAUSE, lambda stop: serve_metrics(endpoint, registry, stop)
        )


def _log_counts(settings: Settings) -> bool:
    """Whether Postfix's log is evidence, so that the ledger learns which sends were accepted."""
    log = settings.maillog
    return log.source != "none" and settings.log_proves and bool(log.count)


def _settle(
    invocation: Invocation,
    store: Store,
    reading: "LogReading | None",
    now: int,
    stop: threading.Event,
) -> None:
    """Walk on in the ledger, to the sends that no bounce can follow any more.

    Where Postfix's log is read, no further than the log: it says which of them were accepted.
    """
    from bouncegate.store.deliveries import Deliveries  # noqa: PLC0415

    settings, log_is_read = invocation.settings, reading is not None
    deliveries = Deliveries(
        store, invocation.open_ledger(), settings.return_path, log_is_read=log_is_read
    )
    before = now - settings.policy.settling.after(0)
    if reading is not None:
        before = min(before, reading.until)
    walked = deliveries.settle(before, now, invocation.policy.fold, stop.is_set)
    if walked.delivered:
        log.info(
            "sends=%d delivered-after-failures=%d: their failures are no longer in a row", *walked
        )
