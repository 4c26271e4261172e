"""What the classifier says of a failure: the verdict, and how it came about. Plain values."""

from msgspec import Struct

from bouncegate.config.taxonomy import REASONS, Blame, Category, Kind, Reason


class Verdict(Struct, frozen=True, gc=False):
    """What a failure is."""

    kind: Kind
    category: Category
    reason: Reason
    rule: str
    """The id of the rule that decided."""
    blame: Blame | None = None
    """Whom the rule blames; None: whom the reason blames."""

    @property
    def blamed(self) -> Blame:
        """Who has to act for the next message to arrive."""
        return self.blame or REASONS[self.reason].blame


class Explanation(Struct, frozen=True):
    """How a verdict came about."""

    verdict: Verdict
    evidence: str
    """What was read: diagnostic, notice, codes or action."""
    text: str
    matched: str
    file: str = ""
    line: int = 0
    runners_up: tuple[str, ...] = ()
    """Ids of rules that match too, but come later."""
