"""The ledger of sends, where there is one: for reading, and why it cannot be read."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from bouncegate.cli.invocation import Invocation
from bouncegate.store.errors import StoreError, StoreMissing
from bouncegate.store.ledger import Ledger
from bouncegate.store.refusals import Refusal


@contextmanager
def ledger_of(invocation: Invocation) -> Iterator[tuple[Ledger | None, str]]:
    """The ledger, and why nothing is known of what was sent, if that turns out to be so."""
    settings = invocation.settings
    try:
        ledger = Ledger.open(settings.store, settings.ledger)
    except StoreError as error:
        is_kept = settings.keeps_ledger
        yield None, str(error) if is_kept else "no ledger: set [return_path] domain or [ledger]"
        return
    with closing(ledger):
        yield ledger, "the ledger holds nothing yet"


def ledger_if_any(invocation: Invocation, stack: ExitStack) -> Ledger | None:
    """The ledger for reading; None where there is none."""
    try:
        return stack.enter_context(closing(invocation.open_ledger()))
    except StoreMissing:
        return None


def refusals_of(invocation: Invocation, address: str) -> list[Refusal]:
    """When an address was refused, the oldest first; none without a ledger. Raises StoreError."""
    settings = invocation.settings
    try:
        with closing(Ledger.open(settings.store, settings.ledger)) as ledger:
            return ledger.refusals.of_address(address)
    except StoreMissing:
        return []
