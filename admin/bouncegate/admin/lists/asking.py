"""Which addresses are meant, and how acts on them are carried out, for all faces."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import NamedTuple

from msgspec import Struct

from bouncegate.admin.installation import Installation
from bouncegate.admin.lists.lines import Line
from bouncegate.admin.lists.row import RowFilters
from bouncegate.admin.times import end_of, period_of
from bouncegate.config.structs import struct_from
from bouncegate.config.taxonomy import Category, Reason, ReportedKind
from bouncegate.config.text import LONGEST_LINE, clean
from bouncegate.policy.records import Act, Audit, Origin
from bouncegate.store.address import AddressError, canonical, canonical_domain
from bouncegate.store.bulk import MOST_AT_ONCE, Bulk, LeftOut
from bouncegate.store.store import Store


class BadLine(NamedTuple):
    """A line that is no address."""

    number: int
    text: str
    english: str
    """What is wrong with it."""


class Asked(NamedTuple):
    """Addresses as the store knows them, each once, and the lines that are none."""

    keys: list[str]
    faults: list[BadLine]


def keys_of(lines: Iterable[Line], *, fold: bool) -> Asked:
    """The addresses of lines; `fold` is `[store] fold_local_part`."""
    keys: dict[str, None] = {}
    faults: list[BadLine] = []
    for line in lines:
        try:
            keys[canonical(line.text, fold=fold)] = None
        except AddressError as error:
            faults.append(BadLine(line.number, line.text, str(error)))
    return Asked(list(keys), faults)


def address_to_notify(text: str) -> str:
    """The canonical address, which is safe as an argument of a program; raises AddressError."""
    address = canonical(text, fold=False)
    if address.startswith(("-", "@")):
        raise AddressError(f"{text!r} cannot be mailed: expected user@domain")
    return address


class RowsAsked(Struct, frozen=True):
    """Filters of a list as a form or an option has them; empty for all."""

    kind: ReportedKind | None = None
    category: Category | None = None
    reason: Reason | None = None
    origin: Origin | None = None
    provider: str = ""
    domain: str = ""
    group: str = ""
    mailing: str = ""
    for_group: str = ""
    since: str = ""
    until: str = ""
    ends_within: str = ""
    """Only addresses that are free by then: a day, or how long from now."""


def row_filters(installation: Installation, asked: RowsAsked, now: int) -> RowFilters:
    """What all of them select together; raises BadValue, AddressError."""
    since, until = period_of(asked.since, asked.until, now)
    return struct_from(
        asked,
        RowFilters,
        provider=provider_named(installation, asked.provider),
        domain=domain_named(asked.domain),
        for_group=clean(asked.for_group, LONGEST_LINE),
        since=since,
        until=until,
        ends_by=end_of(asked.ends_within, now) if asked.ends_within else 0,
    )


def provider_named(installation: Installation, text: str) -> str:
    """The provider of a name or a domain; empty for no text."""
    return installation.providers.named(text.lower()) if text else ""


def domain_named(text: str) -> str:
    """A domain, with or without an @; empty for no text. Raises AddressError."""
    return canonical_domain(text.removeprefix("@")) if text else ""


def portions(keys: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """The addresses in order, as many at a time as one of several acts may name."""
    ordered = iter(keys)
    while some := tuple(islice(ordered, MOST_AT_ONCE)):
        yield some


def _unwatched(_: int) -> AbstractContextManager[Callable[[int], None]]:
    """Nobody sees how far it is."""
    return nullcontext(lambda _: None)


def carry_out(  # noqa: PLR0913, PLR0917 - what is done, to what, for whom, seen how
    installation: Installation,
    store: Store,
    acts: Iterable[Act],
    total: int,
    audit: Audit,
    progress: Callable[[int], AbstractContextManager[Callable[[int], None]]] = _unwatched,
) -> LeftOut:
    """Carry out acts on `total` addresses, all or none.

    Addresses that no longer meet the condition of their act are left out. Of many, `progress` is
    told how many are done. Raises StoreError.
    """
    fold = installation.policy.fold
    if total <= MOST_AT_ONCE:
        return LeftOut().with_more(store.act(list(acts), fold, audit=audit).left_out)
    bulk = Bulk(store, installation.settings.store.path)
    with progress(total) as show:
        return bulk.carry_out(acts, fold, show, audit)
