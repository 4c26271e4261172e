"""The classifier's verdict on a failure, and its explanation. Plain values."""

from msgspec import Struct

from bouncegate.config.reasons import REASONS
from bouncegate.config.rules import Rule
from bouncegate.config.taxonomy import Blame, Category, Kind, Reason


class Verdict(Struct, frozen=True, gc=False):
    """The classification of a failure."""

    kind: Kind
    category: Category
    detail: Reason
    """The finest reason that is known."""
    rule: str
    """The id of the rule that decided."""
    blame: Blame | None = None
    """The party that the rule blames; None: the one that the reason blames."""

    @property
    def reason(self) -> Reason:
        """The general reason."""
        return self.detail.general

    @property
    def blamed(self) -> Blame:
        """Who has to act for the next message to arrive."""
        return self.blame or REASONS[self.detail].blame


class Explanation(Struct, frozen=True):
    """The explanation of a verdict."""

    verdict: Verdict
    evidence: str
    """The evidence that decided: diagnostic, notice, codes or action."""
    text: str
    matched: str
    rule: Rule | None = None
    """The rule that decided; None if none did."""
    runners_up: tuple[str, ...] = ()
    """The ids of later rules that match too."""
    refined_by: str = ""
    """The id of the rule that found the finer reason, if another than the one that decided did."""
