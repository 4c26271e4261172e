"""Whether name servers are believed that deny a domain: by what they say of others meanwhile.

A resolver that is broken, filters, or is behind a captive portal denies domains that take mail
too. So with each round of look-ups in which anything is denied, domains that are known to take mail
are asked for as well. All of this is pure.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from bouncegate.config.text import counted
from bouncegate.policy.mx import DENIALS, MxAnswer

MOST_OWN: Final = 5
"""Of so many domains that took mail before it is asked whether they do."""
MOST_NAMED: Final = 2
"""And of so many that the settings name."""


# So many domains that are denied in one round are usual; more are if as many others are alive.
_MOST_DENIED: Final = 50


class Lookups(NamedTuple):
    """One round of look-ups."""

    answers: Mapping[str, MxAnswer]
    """Of the domains that were wanted."""
    took_mail: frozenset[str] = frozenset()
    """Those of them that took mail before."""
    own: Mapping[str, MxAnswer] = {}
    """Of some other domains that took mail before."""
    named: Mapping[str, MxAnswer] = {}
    """Of some that the settings name."""

    @property
    def is_silent(self) -> bool:
        """Whether no name server has answered anything."""
        told = (*self.answers.values(), *self.own.values(), *self.named.values())
        return all(answer.status == "unknown" for answer in told)


class Fault(NamedTuple):
    """Why no denial of a round is believed."""

    why: str
    may_be_true: bool = False
    """Whether so much can happen to domains by themselves: then it is believed if it lasts."""


def denies(answers: Mapping[str, MxAnswer]) -> list[str]:
    """The domains that are said to take no mail."""
    return [domain for domain, answer in answers.items() if answer.status in DENIALS]


def fault_of(asked: Lookups) -> Fault | None:
    """Why the denials of a round are not to be believed; None: they are."""
    if not (denies(asked.answers) or asked.own or asked.named):
        return None
    wrong = denies(asked.named)
    if wrong:
        return Fault(f"they deny {wrong[0]}")
    told = {**asked.answers, **asked.own, **asked.named}
    alive = sum(answer.status == "ok" for answer in told.values())
    if not alive:
        return Fault("they know no domain that takes mail")
    lapsed = len(asked.took_mail.intersection(denies(asked.answers))) + len(denies(asked.own))
    known = {**{d: asked.answers[d] for d in asked.took_mail}, **asked.own, **asked.named}
    left = sum(answer.status == "ok" for answer in known.values())
    if lapsed > max(left, 1):
        why = f"they deny {counted(lapsed, 'domain')} that took mail before, and {left} do still"
        return Fault(why, may_be_true=True)
    denied = len(denies(asked.answers))
    answered = sum(answer.status != "unknown" for answer in asked.answers.values())
    if denied > _MOST_DENIED and 2 * denied > answered:
        return Fault(
            f"they deny {counted(denied, 'domain')} of {answered} at once", may_be_true=True
        )
    return None
