"""What a connection remembers: nothing that no end of a message takes away again."""

from typing import Any, cast

from tests.unit.scoreboards import counters_of

from bouncegate.config.loading import loads
from bouncegate.milter.counts import FIGURES, Counts
from bouncegate.milter.rcpt import Locks, RcptStep


class Context:
    """Stands for libmilter's context: it keeps what the steps hand it."""

    kept: Any = None

    def getsymval(self, name: str) -> str | None:
        return "x@shop.example" if name == "{rcpt_addr}" else None

    def getpriv(self) -> Any:
        return self.kept

    def setpriv(self, kept: Any) -> None:
        self.kept = kept


def test_recipients_that_are_only_looked_up_leave_nothing_in_the_session() -> None:
    """A client may offer odd ones for as long as it likes, and no end of a message is asked for."""
    context = Context()
    step = RcptStep(loads(""), Locks(lambda _key: None), Counts(counters_of(FIGURES)))
    for number in range(3):
        step(cast("Any", context), b"<x%d%%shop.example@host.example>" % number)
    assert context.kept is None
