"""Look up the queued domains in DNS, and store the answers."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from bouncegate.admin.dns.lookups import ask_references, ask_round, believed
from bouncegate.admin.dns.nameservers import Budget
from bouncegate.config.settings import DnsSettings
from bouncegate.policy.mx import MxAnswer
from bouncegate.policy.nameservers import MOST_OWN, Fault, Lookups, denies, fault_of
from bouncegate.store.mx import MxCache, NameServerFault

log: Final = logging.getLogger("bouncegate.dns")

# So many domains share a transaction. If no server answers they take, at 20 at once and 5 s each,
# 50 s; earlier answers are kept.
_AT_ONCE: Final = 200
# While name servers are not trusted, they are tested again after so many seconds.
_LOOK_AGAIN: Final = 60
# A fault that may be true ends after so many times `[dns] confirm`: one until it is believed, one
# until each denial is confirmed, and one as a reserve.
_FORGOTTEN: Final = 3


class Refresher:
    """Looks up the store's queue of domains, within the budget."""

    def __init__(
        self,
        exchanges: MxCache,
        settings: DnsSettings,
        clock: Callable[[], float] = time.time,
        answers: Counter[str] | None = None,
    ) -> None:
        """`clock` is in seconds since 1970; `answers` counts the lookups by their status."""
        self._exchanges = exchanges
        self._settings = settings
        self._clock = clock
        self._budget = Budget(settings.queries_a_second)
        self._answered = True
        self._noted = exchanges.fault()
        self._confirm = settings.confirm.after(0)
        self._looked = 0
        self._answers = Counter() if answers is None else answers

    def refresh(self, stop: threading.Event) -> int:
        """Look up all domains that are due, or until `stop`; returns how many. Raises
        StoreError.
        """
        asked = 0
        if self._noted is not None:
            self._look_again(self._noted)
        while not stop.is_set():
            domains = self._exchanges.due(int(self._clock()), _AT_ONCE)
            if not domains:
                break
            asked_now = self._ask(domains)
            asked += len(asked_now.answers)
            if asked_now.is_silent:  # the rest stays in the queue
                break
        return asked

    def _ask(self, domains: Sequence[str]) -> Lookups:
        """Look up some domains, and store the answers that are trusted."""
        took_mail = [domain for domain in domains if self._exchanges.of(domain).takes_mail]
        own = partial(self._exchanges.some_that_take_mail, MOST_OWN, domains)
        asked = ask_round(domains, self._settings, self._budget, own, took_mail)
        fault = self._note(asked) if denies(asked.answers) else None
        references = {d: answer for d, answer in asked.own.items() if answer.status == "ok"}
        answers = {**references, **believed(asked, fault)}
        self._exchanges.learn(answers, int(self._clock()), self._settings)
        self._answers.update(answer.status for answer in asked.answers.values())
        self._tell(asked.answers)
        return asked

    def _look_again(self, noted: NameServerFault) -> None:
        """Look up only references, at most once a minute, so that a fault ends without any bounce.

        A fault that may be true ends when there was time for all its consequences.
        """
        now = int(self._clock())
        if noted.may_be_true:
            if now - noted.since > _FORGOTTEN * self._confirm:
                self._set(None)
        elif abs(now - self._looked) >= _LOOK_AGAIN:
            self._looked = now
            own = partial(self._exchanges.some_that_take_mail, MOST_OWN)
            self._note(ask_references(self._settings, self._budget, own))

    def _note(self, asked: Lookups) -> Fault | None:
        """Store whether the name servers are trusted; returns why the denials of this round are
        not.
        """
        now, fault, noted = int(self._clock()), fault_of(asked), self._noted
        if fault is None:
            if noted is not None and not noted.may_be_true:
                self._set(None)
            return None
        is_same = noted is not None and noted.may_be_true == fault.may_be_true
        since = noted.since if noted is not None and is_same else now
        self._set(NameServerFault(since, *fault))
        return None if fault.may_be_true and now - since >= self._confirm else fault

    def _set(self, fault: NameServerFault | None) -> None:
        """Store a fault, and log it if it is new."""
        before, self._noted = self._noted, fault
        if fault == before:
            return
        self._exchanges.note_fault(fault)
        if fault is None:
            log.warning("the name servers are trusted again")
        elif before is None or before.may_be_true != fault.may_be_true:
            log.error(
                "the name servers are not trusted: %s; their denials are ignored",
                fault.why,
            )

    def _tell(self, answers: Mapping[str, MxAnswer]) -> None:
        """Log when the name servers stop and start answering."""
        failures = [answer.why for answer in answers.values() if answer.status == "unknown"]
        if not self._answered and len(failures) < len(answers):
            self._answered = True
            log.warning("name servers answer again")
        elif self._answered and len(failures) == len(answers) and len(failures) > 1:
            self._answered = False
            log.warning("no name server answers (%s); stored answers stay in use", failures[0])
