"""What a sign of life is worth: for whom it makes a difference that an address is in use."""

from typing import Final

from bouncegate.policy.records import State
from bouncegate.store.lastmailed import DAY
from bouncegate.store.store import Store

# Days: an address that opens each message must not be written each time.
_WORTH_REMEMBERING: Final = 14


def has_bounced(state: State | None) -> bool:
    """Whether a proof of life would change what is known of an address."""
    return state is not None and (bool(state.first_event) or state.lock is not None)


def is_aged(store: Store, address: str, now: int) -> bool:
    """Whether it is worth remembering that it is in use: it may be stale one day.

    Raises StoreError.
    """
    day = store.usage.day(address)
    return day is not None and day < now // DAY - _WORTH_REMEMBERING
