"""`provider`: who runs the mail of an address or domain, and how that is known."""

import time
from contextlib import closing
from typing import Annotated

import typer
from msgspec import Struct
from msgspec.structs import asdict

from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.options import Json
from bouncegate.cli.output import complain, iso, write_json
from bouncegate.cli.table import write_table
from bouncegate.config.structs import struct_from
from bouncegate.policy.mx import UNASKED, MxHosts, learn
from bouncegate.policy.nameservers import MOST_OWN
from bouncegate.policy.providers import Finding
from bouncegate.store.address import canonical_domain
from bouncegate.store.errors import StoreError, StoreMissing


class ProviderView(Struct):
    """What is known of one domain; times in UTC, ISO 8601."""

    domain: str
    provider: str
    evidence: str
    """domain, mx, or none: then the domain is a provider of its own."""
    match: str | None
    """The domain or the end of an MX host's name that is on the list."""
    status: str
    """ok, no-mx, null-mx, nxdomain, no-host, or unknown."""
    mx: list[str]
    """Preference and host, the most preferred first."""
    fetched: str | None
    good_until: str | None
    denial: str | None
    """What the last answer was, if it denied that the domain takes mail."""
    denied_since: str | None
    dead: bool
    """Denied again after [dns] confirm: what locks may count it."""
    failures: int
    """Look-ups in a row that got no answer, and why the last one did not."""
    failed: str | None
    why: str | None


def provider(
    context: typer.Context,
    address: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS|DOMAIN", help="An address, or a domain.", show_default=False
        ),
    ],
    *,
    lookup: Annotated[
        bool, typer.Option("--lookup", help="Ask DNS now, and store the answer.")
    ] = False,
    json: Json = False,
) -> None:
    """Show who runs the mail of an address or domain.

    Also shows what DNS said about the domain.

    Examples:

    bouncegate provider --lookup example.com
    """
    invocation = invocation_of(context)
    domain = canonical_domain(address.strip().rpartition("@")[2])
    exchange = _asked(invocation, domain) if lookup else _known(invocation, domain)
    finding = invocation.providers.find(f"@{domain}", exchange.mx_hosts)
    confirm = invocation.settings.dns.confirm.after(0)
    view = _view(domain, finding, exchange, confirm)
    if json:
        write_json(view)
    else:
        rows = ((name.replace("_", " "), _shown(value)) for name, value in asdict(view).items())
        write_table(("", ""), rows)


def _known(invocation: Invocation, domain: str) -> MxHosts:
    try:
        with closing(invocation.open_store(readonly=True)) as store:
            return store.mx.of(domain)
    except StoreMissing:
        return UNASKED


def _asked(invocation: Invocation, domain: str) -> MxHosts:
    """What DNS says now, with what is known; kept, unless the store cannot be written."""
    from bouncegate.admin.dns.lookups import statuses_of  # noqa: PLC0415 - the other commands ask no DNS

    settings = invocation.settings.dns
    answers, fault = statuses_of([domain], settings, _references(invocation))
    if fault:
        complain(fault)
    now = int(time.time())
    try:
        with closing(invocation.open_store()) as store:
            return store.mx.learn(answers, now, settings)[domain]
    except StoreError as error:
        complain(f"not stored: {error}")
        return learn(UNASKED, answers[domain], now, settings)


def _references(invocation: Invocation) -> list[str]:
    try:
        with closing(invocation.open_store(readonly=True)) as store:
            return store.mx.some_that_take_mail(MOST_OWN)
    except StoreMissing:
        return []


def _view(domain: str, finding: Finding, exchange: MxHosts, confirm: int) -> ProviderView:
    return struct_from(
        exchange,
        ProviderView,
        domain=domain,
        provider=finding.provider,
        evidence=finding.evidence,
        match=finding.match or None,
        mx=[f"{host.preference} {host.name}" for host in exchange.hosts],
        fetched=iso(exchange.fetched or None),
        good_until=iso(exchange.good_until or None),
        denied_since=iso(exchange.denied_since or None),
        dead=exchange.is_dead(confirm),
        failed=iso(exchange.failed or None),
        why=exchange.why or None,
    )


def _shown(value: object) -> object:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or None
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
