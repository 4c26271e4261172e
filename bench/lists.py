"""What lists of a million addresses cost: the first page, a whole list, a list that is judged.

Of the addresses 6 in 10 are locked, 2 in 10 have bounced without being locked, and the locks of
the rest have ended. A fifth were not mailed for long, one in a hundred is invalid, and as many each
are locked for one group alone, or were mailed in a domain that takes no mail: both are predicted.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from msgspec.structs import replace

from bench.figures import cost_of_command
from bench.output import arguments, show
from bouncegate.admin.lists.listing import Listed, Listing, page
from bouncegate.admin.lists.row import RowFilters
from bouncegate.config.durations import Duration
from bouncegate.config.settings import (
    DnsSettings,
    PolicySettings,
    StoreSettings,
    Threshold,
    Trust,
)
from bouncegate.config.taxonomy import Category, Kind, Reason
from bouncegate.config.values import Terms
from bouncegate.policy.fold import Policy
from bouncegate.policy.mx import MxAnswer
from bouncegate.policy.providers import Providers
from bouncegate.policy.records import MOST_ADDRESSES, Act, Event
from bouncegate.store.lastmailed import DAY
from bouncegate.store.store import Bounce, Store
from bouncegate.store.summary import Summary

_PAGE: Final = 50
_SIGNED: Final[tuple[Trust, ...]] = ("signed",)
_DOMAINS: Final = 2000
_YEAR: Final = 365 * DAY
_POLICY: Final = Policy(PolicySettings(), _SIGNED)
_STATES: Final[tuple[Listed, ...]] = (
    "locked", "detected", "bounced", "predicted", "invalid", "stale",
)  # fmt: skip


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    rows: list[dict[str, Any]] = []
    with TemporaryDirectory(prefix="bouncegate-bench-") as folder:
        settings = StoreSettings(path=Path(folder))
        store = Store.open(settings)
        fill(store, options.locks)
        for state in _STATES:
            took = _median(partial(_first_page, store, state), options.rounds)
            rows.append(_row(f"{state}: first page, ms", took * 1000, 100))
        dead = partial(_predicted_by_domain, store)
        rows.append(
            _row(
                "predicted in dead domains: first page, ms",
                _median(dead, options.rounds) * 1000,
                100,
            )
        )
        store.close()
        config = Path(folder) / "bouncegate.toml"
        config.write_text(f'[store]\npath = "{folder}"\n')
        names = Path(folder) / "names.txt"
        names.write_text("".join(f"{address}\n" for address in _addresses(100_000)))
        rows += _of_summary(folder)
        for figure, argv in (
            ("summary --now", ["summary", "--now"]),
            ("list --state all --csv", ["list", "--state", "all", "--csv"]),
            ("list --reason no-mx, of which there is none", ["list", "--reason", "no-mx"]),
            ("list --domain, of which there is none", ["list", "--domain", "nowhere.example"]),
            ("list --mailing, of which there is none", ["list", "--mailing", "none"]),
            ("list --sort until --limit 50", ["list", "--sort", "until", "--limit", "50"]),
            ("check, 100,000 addresses", ["check", "--csv", str(names)]),
        ):
            _, seconds, megabytes = cost_of_command(config, argv, 1)  # that of `check`
            rows += [_row(f"{figure}: s", seconds, 60), _row(f"{figure}: MB", megabytes, 200)]
    show(f"lists, {options.locks:,} addresses", rows, as_json=options.json)


def _of_summary(folder: str) -> Iterator[dict[str, Any]]:
    """What `summary` reads, once it was counted."""
    with closing(Store.open(StoreSettings(path=Path(folder)))) as store:
        store.summary.put(Summary(int(time.time())))
        took = _median(lambda: (store.summary.get(), store.incidents.all()), 100)
        yield _row("summary, as kept: ms", took * 1000, 100)


def _row(figure: str, value: float, at_most: float) -> dict[str, Any]:
    return {"figure": figure, "value": round(value, 1), "at most": at_most}


def _first_page(store: Store, state: Listed) -> None:
    listing = Listing(store, Providers.of(), _POLICY, int(time.time()), Duration(months=3))
    found = list(page(listing.rows(state, RowFilters()), _PAGE))
    assert len(found) >= _PAGE, "the list that is measured is not empty"


def _predicted_by_domain(store: Store) -> None:
    listing = Listing(store, Providers.of(), _POLICY, int(time.time()), Duration(months=3))
    found = list(islice(listing.of_dead_domains(), _PAGE))
    assert found, "the list that is measured is not empty"


def _median(run: Callable[[], object], rounds: int) -> float:
    took = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        took.append(time.perf_counter() - start)
    return sorted(took)[rounds // 2]


def fill(store: Store, number: int) -> None:
    addresses = list(_addresses(number))
    now = int(time.time())
    cut, end = number * 6 // 10, number * 8 // 10
    store.act(_locks(addresses[:cut], now, now + _YEAR), _POLICY.fold)
    store.act(_locks(addresses[end:], now - 2 * _YEAR, now - _YEAR), _POLICY.fold)
    bounces = (Bounce([_full(address, now)], b"") for address in sorted(addresses[cut:end]))
    while some := list(islice(bounces, 2000)):
        store.record(some, _POLICY)
    days = {a: now // DAY - (200 if n % 5 == 0 else n % 80) for n, a in enumerate(addresses)}
    waiting = iter(sorted(days.items()))
    while portion := dict(islice(waiting, 20_000)):
        store.lastmailed.record(portion, lambda _: "")
    _fill_predicted(store, number // 100, now)
    store.lastmailed.note_invalid((f"reader{n}@host{n}", "no dot") for n in range(number // 100))


def _fill_predicted(store: Store, number: int, now: int) -> None:
    by_group = PolicySettings(soft=Threshold(1, Terms((Duration(months=1),)), scope="group"))
    events = (replace(_full(f"groups.{n:08d}@mail.de", now), group="news") for n in range(number))
    bounces = (Bounce([event], b"") for event in events)
    while some := list(islice(bounces, 2000)):
        store.record(some, Policy(by_group, _SIGNED))
    store.lastmailed.record(
        {f"reader.{n:08d}@dead{n % 20}.de": now // DAY for n in range(number)}, lambda _: ""
    )
    for when in (now - 2 * DAY, now - DAY):
        answers = {f"dead{n}.de": MxAnswer("nxdomain") for n in range(20)}
        store.mx.learn(answers, when, DnsSettings())


def _addresses(number: int) -> Iterator[str]:
    # Spread, so that neighbours in time are none in the store.
    return (f"reader.{n * 7919 % 10_000_019:08d}@mail{n % _DOMAINS}.de" for n in range(number))


def _locks(addresses: Iterable[str], now: int, until: int) -> Iterator[Act]:
    ordered = iter(sorted(addresses))
    while some := tuple(islice(ordered, MOST_ADDRESSES)):
        yield Act(some, now, "lock", by="bench", until=until)


def _full(address: str, now: int) -> Event:
    return Event(
        address=address,
        time=now,
        kind=Kind.SOFT,
        category=Category.MAILBOX,
        reason=Reason.MAILBOX_FULL,
        rule="bench",
        trust="signed",
        identity=address.encode()[7:23],
        mailing="bench",
    )


if __name__ == "__main__":
    main()
