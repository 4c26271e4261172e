"""What is done with a locked recipient, by the action that `[reply]` sets."""

from enum import StrEnum
from typing import Final

from bouncegate.config.settings import Action
from bouncegate.milter.refusal.decision import Outcome


class Deed(StrEnum):
    """The names are logged, and never change."""

    REJECT = "reject"
    DISCARD = "discard"
    TAG = "tag"


_DEEDS: Final[dict[Action, Deed]] = {
    "refuse": Deed.REJECT,
    "defer": Deed.REJECT,  # by a temporary code
    "discard": Deed.DISCARD,
    "tag": Deed.TAG,
}


def deed_of(action: Action) -> Deed:
    """What an action does with a locked recipient."""
    return _DEEDS[action]


def verb(deed: Deed, outcome: Outcome) -> str:
    """The deed as the log has it: `would-reject` where it is only observed."""
    return f"would-{deed}" if outcome is Outcome.OBSERVED else str(deed)
