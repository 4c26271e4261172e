"""Which setting needs which step: the table of the module `steps`, row by row.

Each step that nobody needs would cost every message a round trip. libmilter makes a context for a
connection alone, so that a stand-in records what is asked; `test_protocol` asks the daemon itself.
"""

from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import milter
import pytest
from tests.unit.scoreboards import counters_of

from bouncegate.config.loading import loads
from bouncegate.config.settings import Settings
from bouncegate.milter.counts import FIGURES, Counts
from bouncegate.milter.ledgerqueue import LedgerQueue
from bouncegate.milter.session import Session
from bouncegate.milter.steps import Steps
from bouncegate.milter.worker import chain, keys_of

OPTIONAL = {
    "connect": milter.P_NOCONNECT,
    "helo": milter.P_NOHELO,
    "mail": milter.P_NOMAIL,
    "data": milter.P_NODATA,
    "headers": milter.P_NOHDRS,
    "end of headers": milter.P_NOEOH,
    "body": milter.P_NOBODY,
    "unknown": milter.P_NOUNKNOWN,
}
ACTIONS = {
    "CHGFROM": milter.CHGFROM,
    "ADDRCPT": milter.ADDRCPT,
    "DELRCPT": milter.DELRCPT,
    "ADDHDRS": milter.ADDHDRS,
}
EVERYTHING = 0xFFFFFF
SIGNED = '[return_path]\ndomain = "return.sender.test"\n'
PEOPLE = {"ADDRCPT", "DELRCPT"}


class Context:
    """A session of an MTA that sends whatever it is asked for."""

    def __init__(self) -> None:
        self.asked: dict[int, str] = {}
        self._session = Session()

    def setsymlist(self, stage: int, macros: str) -> None:
        self.asked[stage] = macros

    def getsymval(self, _name: str) -> str:
        return "127.0.0.1"

    def getpriv(self) -> object:
        return self._session


def wanted(
    tmp_path: Path, toml: str, endpoint: str
) -> tuple[set[str], set[str], Mapping[int, str]]:
    """Steps, actions and macros that are asked for once the MTA is known to honour requests."""
    settings = loads(f'[store]\npath = "{tmp_path}"\n[milter]\nsocket = "{endpoint}"\n{toml}')
    with ExitStack() as stack:
        ledger_queue = (
            stack.enter_context(closing(LedgerQueue())) if settings.keeps_ledger else None
        )
        return _negotiated(settings, ledger_queue)


def _negotiated(
    settings: Settings, ledger_queue: LedgerQueue | None
) -> tuple[set[str], set[str], Mapping[int, str]]:
    keys = keys_of(settings, ledger_queue)
    rcpt, eom = chain(
        settings, lambda *_: milter.CONTINUE, ledger_queue, keys, Counts(counters_of(FIGURES))
    )
    steps: Any = Steps(rcpt, settings.milter.socket, eom)
    context = Context()
    steps.first_rcpt(context, b"<a@x.test>")
    options = [EVERYTHING, EVERYTHING, 0, 0]
    steps.negotiate(context, options)
    actions, refused = options[:2]
    return (
        {name for name, bit in OPTIONAL.items() if not refused & bit},
        {name for name, bit in ACTIONS.items() if actions & bit},
        context.asked,
    )


@pytest.mark.parametrize(
    ("toml", "steps", "actions", "at_end"),
    [
        ("", {"data"}, set[str](), None),
        ('[reply]\naction = "defer"\n', {"data"}, set[str](), None),
        ('[reply]\naction = "discard"\n', {"data"}, {"DELRCPT"}, "i"),
        ('[reply]\naction = "tag"\n', {"data"}, {"ADDHDRS"}, "i"),
        (SIGNED + 'sign = "none"\n', {"data"}, PEOPLE, "i"),
        (SIGNED, set[str](), {"CHGFROM"} | PEOPLE, "i"),
        (SIGNED + '[ledger]\nkeep = "0 days"\n', set[str](), {"CHGFROM"} | PEOPLE, "i"),
        (SIGNED + '[reply]\naction = "discard"\n', set[str](), {"CHGFROM"} | PEOPLE, "i"),
        (SIGNED + '[ledger]\ngroup = "list-id"\n', {"headers"}, {"CHGFROM"} | PEOPLE, "i"),
        ("[ledger]\nenabled = true\n", {"headers"}, set[str](), "i"),
    ],
)
def test_each_setting_asks_for_its_own_steps_and_no_others(
    tmp_path: Path, toml: str, steps: set[str], actions: set[str], at_end: str | None
) -> None:
    for endpoint in ("unix:/run/bouncegate/milter.sock", "inet:127.0.0.1:8892"):
        asked, allowed, macros = wanted(tmp_path, toml, endpoint)
        # Over TCP an unanswered DATA would stall: it is always asked for.
        assert asked == (steps if endpoint.startswith("unix") else steps | {"data"})
        assert allowed == actions
        assert macros.get(milter.M_EOM) == at_end
