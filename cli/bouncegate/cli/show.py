"""`show`: what is known of one address."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Annotated

import typer

from bouncegate.admin.installation import store_if_any
from bouncegate.admin.views.addresses import AddressView, full_address_view
from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.options import Json
from bouncegate.cli.output import write_json
from bouncegate.cli.table import write_table
from bouncegate.store.address import canonical


def show(
    context: typer.Context,
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="An address, or @domain for a whole domain.")
    ],
    *,
    json: Json = False,
) -> None:
    """Show whether, why and until when an address is locked.

    Examples:

    bouncegate show ann@example.com

    bouncegate show --json @example.com
    """
    invocation = invocation_of(context)
    key = canonical(address, fold=invocation.settings.store.fold_local_part)
    now = int(time.time())
    with ExitStack() as stack:
        view = full_address_view(invocation, store_if_any(invocation, stack), key, now)
    if json:
        write_json(view)
    else:
        write_table(("", ""), _rows(view))


def _rows(view: AddressView) -> Iterator[tuple[str, object]]:
    for name in view.__struct_fields__:
        value = getattr(view, name)
        if name == "locks" and len(view.locks) < 2:
            continue  # the fields above say it
        if name == "reason":
            continue  # people are shown the finest
        if name == "until" and view.locked and value is None:
            value = "without end"
        elif isinstance(value, dict):
            value = ", ".join(f"{label} {count}" for label, count in value.items()) or None
        elif isinstance(value, list):
            value = "; ".join(map(str, value)) or None
        elif isinstance(value, bool):
            value = "yes" if value else "no"
        yield "reason" if name == "detail" else name.replace("_", " "), value
