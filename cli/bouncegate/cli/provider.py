"""`provider`: who runs the mail of an address or domain, and how that is known."""

import time
from contextlib import closing
from typing import Annotated

import typer
from msgspec.structs import asdict

from bouncegate.admin.views.providers import provider_view
from bouncegate.cli.invocation import Invocation, invocation_of
from bouncegate.cli.options import Json
from bouncegate.cli.output import complain, write_json
from bouncegate.cli.table import write_table
from bouncegate.policy.mx import UNASKED, MxHosts, learn
from bouncegate.policy.nameservers import MOST_OWN
from bouncegate.store.address import canonical_domain
from bouncegate.store.errors import StoreError, StoreMissing


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
    view = provider_view(domain, finding, exchange, confirm)
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


def _shown(value: object) -> object:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or None
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
