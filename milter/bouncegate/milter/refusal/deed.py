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
    RETURN = "return"


_DEEDS: Final[dict[Action, Deed]] = {
    "refuse": Deed.REJECT,
    "defer": Deed.REJECT,  # by a temporary code
    "discard": Deed.DISCARD,
    "tag": Deed.TAG,
}


def deed_of(action: Action, *, local: bool = False) -> Deed:
    """What an action does with a locked recipient.

    In mail from sendmail(1), which is `local`, nothing can be refused: the recipient is left out
    and the sender is told.
    """
    deed = _DEEDS[action]
    return Deed.RETURN if local and deed is Deed.REJECT else deed


def verb(deed: Deed, outcome: Outcome) -> str:
    """The deed as the log has it: `would-reject` where it is only observed."""
    return f"would-{deed}" if outcome is Outcome.OBSERVED else str(deed)
