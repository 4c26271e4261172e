"""Bounces as the journal keeps them, for the tests of every part."""

from typing import Any

from bouncegate.config.reasons import REASONS
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.records import Event


def event_of(address: str, time: int, reason: Reason = Reason.USER_UNKNOWN, **fields: Any) -> Event:
    """A signed bounce of the reason's own kind and category; `fields` adds to it or overrides."""
    definition = REASONS[reason]
    usual = {
        "kind": definition.kind,
        "category": definition.category,
        "rule": "r",
        "trust": "signed",
        "identity": bytes(16),
    }
    return Event(address=address, time=time, reason=reason, **(usual | fields))
