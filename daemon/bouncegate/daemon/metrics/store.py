"""What the store and the ledger know, as figures: small reads, made when somebody asks."""

from collections import Counter
from collections.abc import Iterator
from heapq import nlargest
from typing import Final

from prometheus_client.metrics_core import Metric

from bouncegate.config.settings import AlarmSettings
from bouncegate.daemon.metrics.families import gauge, gauges
from bouncegate.policy.alarm import hour_of
from bouncegate.store.clock import ClockRecord, moment
from bouncegate.store.hourcounts import DROPPED, UNVERIFIED, HourCount
from bouncegate.store.ledger import Ledger
from bouncegate.store.space import Space
from bouncegate.store.store import Store

_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
_WEEK: Final = 7 * _DAY
# A label a sender domain, for the worst of them: the alarm is about those.
_MOST_SENDERS: Final = 100


def store_figures(
    store: Store, alarm: AlarmSettings, now: int, *, names_senders: bool
) -> Iterator[Metric]:
    """Of the store; `names_senders` says whether their domains may be seen. Raises StoreError."""
    yield from _room("store", store.space())
    yield _clock("store", store.clock)
    tallies = store.hourcounts.since(now - _WEEK)
    lately = [tally for tally in tallies if tally.hour >= hour_of(now - _DAY)]
    yield from _blame(lately, alarm, now, names_senders=names_senders)
    dropped = sum(tally.total for tally in tallies if tally.sender == DROPPED)
    yield gauge(
        "unproven_reports", "Reports in store that count for no address.", store.unproven.count()
    )
    yield gauge(
        "unproven_reports_dropped",
        "Reports of the last seven days that their quota dropped before their time.",
        dropped,
    )
    open_ = [i.opened for i in store.incidents.all() if i.settled is None]
    yield gauges(
        "incidents_open",
        "Incidents that the guard has opened and nobody has settled.",
        ["provider", "reason"],
        (
            ([provider, reason], n)
            for (provider, reason), n in Counter((o.provider, str(o.reason)) for o in open_).items()
        ),
    )
    yield gauge("incidents", "How many incidents are open.", len(open_))
    yield gauge(
        "dns_domains",
        "Domains whose MX hosts are known from DNS.",
        store.mx.count(),
    )
    yield gauge("dns_waiting", "Domains of which DNS is to be asked.", store.mx.waiting())


def ledger_figures(ledger: Ledger, last_send: int) -> Iterator[Metric]:
    """Of the ledger; `last_send` is when the milter last handed one over. Raises StoreError."""
    yield from _room("ledger", ledger.space())
    yield _clock("ledger", ledger.clock)
    oldest, newest = ledger.times()
    yield gauge("ledger_oldest_send_timestamp_seconds", "The oldest send in the ledger.", oldest)
    yield gauge(
        "ledger_lag_seconds",
        "How far the ledger is behind what the milter has handed over.",
        max(0, last_send - newest),
    )


def _clock(name: str, record: ClockRecord) -> Metric:
    return gauge(
        f"{name}_clock_doubted",
        "Whether nothing is deleted, expires or is settled since the clock is in doubt.",
        record.peek(moment()).wrong != "",
    )


def _room(name: str, room: Space) -> Iterator[Metric]:
    figures: tuple[tuple[str, str, float], ...] = (
        ("file_bytes", "The size of the data file.", room.file),
        ("used_bytes", "The part of the file that holds something.", room.used),
        ("map_bytes", "How large the file may become.", room.map_size),
        ("disk_free_bytes", "What is free on the disk.", room.disk_free),
        ("readers", "Reader slots in use.", room.readers),
        ("readers_most", "Reader slots.", room.most_readers),
    )
    for figure, help_, value in figures:
        yield gauge(f"{name}_{figure}", help_, value)


def _blame(
    tallies: list[HourCount], alarm: AlarmSettings, now: int, *, names_senders: bool
) -> Iterator[Metric]:
    """The worse of this hour and the last: a rule then has an hour's time to see it."""
    worst: Counter[str] = Counter()
    for tally in tallies:
        if tally.blames_sender and tally.hour >= hour_of(now - _HOUR):
            name = tally.sender if names_senders else ""
            worst[name] = max(worst[name], tally.total)
    yield gauges(
        "sender_blame_bounces",
        "Bounces that blame a sender domain, in this clock hour or the one before.",
        ["sender"],
        (([name], n) for name, n in nlargest(_MOST_SENDERS, worst.items(), key=lambda i: i[1])),
    )
    yield gauge("sender_blame_limit", "[alarm] sender_blame.", alarm.sender_blame)
    unverified = sum(tally.total for tally in tallies if tally.sender == UNVERIFIED)
    yield gauge("unverified_bounces", "DSNs of the last day that prove nothing.", unverified)
    yield gauge("unverified_limit", "[alarm] unverified.", alarm.unverified)
