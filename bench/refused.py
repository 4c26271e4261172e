"""What a refused recipient costs on each plane, from end to end.

The planes of `bench.planes`, under a load that goes on after a refusal (`bench/refusals.c`): 8
sessions offer locked recipients, each in a transaction of its own that ends with RSET, and a new
session follows after 20 of them. An smtpd(8) takes refusals for errors of the client, waits from
the 10th on and hangs up at the 20th; these limits are raised for all alike. Rates are those of
refused recipients.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from statistics import median
from typing import Any, Final

from bench.figures import spread
from bench.lockedstore import LockedStore
from bench.native import compiled
from bench.output import arguments, show
from bench.planes import ATTACH, BARE, YARDSTICK, Plane, some_locks
from bench.postfix import Spell

_RECIPIENTS: Final = 4000
_SESSIONS: Final = 8
_SENDER: Final = "newsletter@sender.test"
# Above the 20 refusals of a session, so that none is slowed down.
_MANY_ERRORS: Final = "1001"


class Refusing(Plane):
    """A Postfix that is offered none but locked recipients."""

    def __init__(self, name: str, store: LockedStore, stack: ExitStack) -> None:
        """Start it; `stack` takes it down."""
        super().__init__(name, store, stack)
        self.name = name
        folder = self._mail.folder.path
        self._program = compiled("refusals.c", folder)
        self._addresses = folder / "locked.txt"
        self._addresses.write_text("\n".join(store.locked) + "\n")
        self._mail.postfix.set(
            default_transport="smtp:",  # mail that is discarded here is not ours to refuse
            smtpd_soft_error_limit=_MANY_ERRORS,
            smtpd_hard_error_limit=_MANY_ERRORS,
        )
        self._mail.postfix.reload()

    def take(self, messages: int) -> Spell:
        """Offer it so many recipients."""
        postfix, ours = self.used()
        argv = [self._program, self._mail.postfix.submission_port, _SESSIONS, messages]
        words = [str(word) for word in (*argv, _SENDER, self._addresses)]
        found = json.loads(subprocess.check_output(words, timeout=600))
        if found["refused"] != messages:
            sys.exit(f"bench: {self.name}: not all recipients were refused: {found}")
        postfix_after, ours_after = self.used()
        ours = ours_after - ours
        return Spell(messages, found["seconds"], postfix_after - postfix + ours, ours)


def main() -> None:
    """Run it and print the figures."""
    options = arguments(__doc__)
    with ExitStack() as stack:
        store = stack.enter_context(some_locks(options))
        planes = {name: Refusing(name, store, stack) for name in ATTACH if name != BARE}
        _round(planes)  # warms every process up
        rounds = [_round(planes) for _ in range(options.rounds)]
    show(
        f"refused recipients end to end, {options.rounds} rounds of {2 * _RECIPIENTS:,}",
        [_row(name, rounds) for name in planes],
        as_json=options.json,
    )


def _round(planes: Mapping[str, Refusing]) -> dict[str, Spell]:
    there = {name: plane.take(_RECIPIENTS) for name, plane in planes.items()}
    back = {name: plane.take(_RECIPIENTS) for name, plane in reversed([*planes.items()])}
    return {name: there[name] + back[name] for name in planes}


def _row(name: str, rounds: list[dict[str, Spell]]) -> dict[str, Any]:
    mine = [spells[name] for spells in rounds]
    others = [spells[YARDSTICK] for spells in rounds]
    pairs = list(zip(mine, others, strict=True))
    return {
        "postfix": name,
        "recipients/s": round(median(spell.rate for spell in mine)),
        "of C's": spread([a.rate / b.rate for a, b in pairs]),
        "us a recipient": round(median(spell.cost for spell in mine)),
        "ours of it": round(median(spell.ours / spell.messages * 1e6 for spell in mine)),
        "time, of C's": spread([a.cost / b.cost for a, b in pairs]),
    }


if __name__ == "__main__":
    main()
