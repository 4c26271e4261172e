"""The ledger of sends, where there is one: for reading, and why it cannot be read.

LMDB lets a process open a file once: a ledger that the installation holds open is used, and left
open; otherwise it is opened for the one question, or kept open where the installation says so.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from bouncegate.admin.installation import Installation
from bouncegate.store.entry import Sent
from bouncegate.store.errors import StoreError, StoreMissing
from bouncegate.store.ledger import Ledger
from bouncegate.store.refusals import Refusal


@contextmanager
def ledger_of(installation: Installation) -> Iterator[tuple[Ledger | None, str]]:
    """The ledger, and why nothing is known of what was sent, if that turns out to be so."""
    with ExitStack() as stack:
        try:
            ledger = stack.enter_context(ledger_for_reading(installation))
        except StoreError as error:
            is_kept = installation.settings.keeps_ledger
            yield None, str(error) if is_kept else "no ledger: set [return_path] domain or [ledger]"
            return
        yield ledger, "the ledger holds nothing yet"


def ledger_if_any(installation: Installation, stack: ExitStack) -> Ledger | None:
    """The ledger for reading; None where there is none."""
    try:
        return stack.enter_context(ledger_for_reading(installation))
    except StoreMissing:
        return None


def refusals_of(installation: Installation, address: str) -> list[Refusal]:
    """When an address was refused, the oldest first; none without a ledger. Raises StoreError."""
    try:
        with ledger_for_reading(installation) as ledger:
            return ledger.refusals.of_address(address)
    except StoreMissing:
        return []


def sends_to(installation: Installation, address: str) -> list[Sent]:
    """What was sent to an address, the newest first; none without a ledger. Raises StoreError."""
    try:
        with ledger_for_reading(installation) as ledger:
            return list(ledger.sent_to(address, 0))
    except StoreMissing:
        return []


@contextmanager
def ledger_for_reading(installation: Installation) -> Iterator[Ledger]:
    """The ledger, for one question; raises StoreError."""
    if installation.ledger is not None:
        yield installation.ledger
        return
    if installation.holds_ledger:
        yield installation.open_ledger()
        return
    settings = installation.settings
    with closing(Ledger.open(settings.store, settings.ledger)) as ledger:
        yield ledger
