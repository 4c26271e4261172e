"""`check`: checks a list of addresses before it is mailed."""

import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from itertools import chain
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer
from msgspec import Struct

from bouncegate.admin.lists.check import CheckContext, CheckedAddress, ListCheck, Statuses
from bouncegate.admin.lists.lines import Line, addresses_of, bare
from bouncegate.admin.lists.scope import scope_text
from bouncegate.admin.lists.stale import last_stale_day
from bouncegate.admin.lists.typos import Typos
from bouncegate.cli.inputfiles import opened
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.options import Csv, Json
from bouncegate.cli.output import complain, iso, write_views
from bouncegate.config.structs import struct_from
from bouncegate.policy.mx import Status
from bouncegate.policy.nameservers import MOST_OWN
from bouncegate.store.store import Store

_COLUMNS: Final = ("line", "address", "verdict", "scope", "detail", "until", "suggestion", "why")


class JudgedView(Struct):
    """One address as scripts read it; times in UTC, ISO 8601."""

    line: int
    address: str
    verdict: str
    """invalid, locked, dead, typo, predicted, stale, detected or good: the gravest that holds."""
    mailable: bool
    why: str
    reason: str | None
    detail: str | None
    until: str | None
    scope: str | None
    """Which mail the lock stops: `global` or `group:NAME`; null without a lock."""
    suggestion: str


def check(
    context: typer.Context,
    addresses: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ADDRESS|FILE|-",
            help="Addresses, or files with one address a line; - for standard input.",
        ),
    ] = None,
    *,
    file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="One more file, whatever its name.", readable=False),
    ] = None,
    group: Annotated[
        str, typer.Option(metavar="NAME", help="Check for this group of recipients.")
    ] = "",
    lookup: Annotated[
        bool, typer.Option("--lookup", help="Look up unknown domains in DNS.")
    ] = False,
    bad: Annotated[
        bool, typer.Option("--bad", help="Show only addresses that are not good.")
    ] = False,
    json: Json = False,
    csv: Csv = False,
) -> None:
    """Check addresses before you mail them.

    It finds bad syntax, locks, dead domains and likely typing errors.

    Exit code 0: all can be mailed. 1: some cannot (invalid, locked, or in a dead domain). Addresses
    that are only suspicious (typo, predicted, stale, detected) do not change the exit code. 66:
    there is no such file. 77: permission was denied.

    Examples:

    bouncegate check --lookup --bad --file subscribers.txt
    """
    if not addresses and file is None:
        raise typer.BadParameter("name addresses, or use --file")
    with ExitStack() as stack:
        lines = _lines(addresses or [], file, stack)
        raise typer.Exit(judge(invocation_of(context), lines, Shown(group, lookup, bad, json, csv)))


class Shown(NamedTuple):
    """How a list is judged, and shown."""

    group: str = ""
    lookup: bool = False
    bad: bool = False
    json: bool = False
    csv: bool = False


def judge(invocation: Invocation, lines: Iterable[Line], how: Shown) -> int:
    """Judge addresses and show what came of it; the exit code."""
    found: Counter[str] = Counter()
    unmailable = 0

    def counted(judged: Iterable[CheckedAddress]) -> Iterator[JudgedView]:
        nonlocal unmailable
        for one in judged:
            found[one.verdict] += 1
            unmailable += not one.mailable
            if one.verdict != "good" or not how.bad:
                scope = None if one.scope is None else scope_text(one.scope)
                reason = one.reason and one.reason.general
                yield struct_from(
                    one,
                    JudgedView,
                    until=iso(one.until),
                    scope=scope,
                    reason=reason,
                    detail=one.reason,
                )

    with closing(invocation.open_store(readonly=True)) as store:
        views = counted(_judge(invocation, store, how.group, lookup=how.lookup).check(lines))
        sheet = JudgedView.__struct_fields__ if how.csv else ()
        write_views(views, _COLUMNS, json=how.json, csv=sheet)
        if not how.json and not how.csv:
            complain(", ".join(f"{count} {verdict}" for verdict, count in found.most_common()))
    return 1 if unmailable else 0


def _judge(invocation: Invocation, store: Store, group: str, *, lookup: bool) -> ListCheck:
    typos = Typos(invocation.providers.domains())
    statuses = _statuses(invocation, store, lookup=lookup)
    settings, now = invocation.settings, int(time.time())
    stale_day = last_stale_day(now, settings.lists.stale_after)
    check_context = CheckContext(now, stale_day, settings.store.fold_local_part, group)
    return ListCheck(store, typos, statuses, check_context)


def _statuses(invocation: Invocation, store: Store, *, lookup: bool) -> Statuses:
    """What the store knows of domains, and with `lookup` what DNS says of the others."""
    known: dict[str, Status] = {}
    fault = ""

    def statuses(domains: Collection[str]) -> Mapping[str, Status]:
        nonlocal fault
        fresh = [domain for domain in domains if domain not in known]
        known.update((domain, store.mx.of(domain).status) for domain in fresh)
        unknown = [domain for domain in fresh if known[domain] == "unknown"]
        if lookup and unknown and not fault:
            from bouncegate.admin.dns.lookups import statuses_of  # noqa: PLC0415 - most calls ask no DNS

            own = store.mx.some_that_take_mail(MOST_OWN)
            answers, fault = statuses_of(unknown, invocation.settings.dns, own)
            known.update((domain, answer.status) for domain, answer in answers.items())
            if fault:
                complain(f"{fault}: from here on, no domain is looked up")
        return known

    return statuses


def _lines(given: list[str], file: Path | None, stack: ExitStack) -> Iterable[Line]:
    """The addresses that were named, and those of files; raises FileError, before any is read.

    What has no @ is a file.
    """
    parts: list[Iterable[Line]] = [
        [Line(number, bare(text))]
        if "@" in text
        else addresses_of(stack.enter_context(opened(text)))
        for number, text in enumerate(given, 1)
    ]
    if file is not None:
        parts.append(addresses_of(stack.enter_context(opened(str(file)))))
    return chain.from_iterable(parts)
