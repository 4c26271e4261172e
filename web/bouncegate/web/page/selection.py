"""What forms of the page have in common: chosen addresses, the way back, and who asks."""

import socket
from collections.abc import Sequence
from typing import Final

from bouncegate.admin.lists.asking import keys_of
from bouncegate.admin.lists.audit import Who
from bouncegate.admin.lists.lines import Line
from bouncegate.web.acts import Asking
from bouncegate.web.call import Call
from bouncegate.web.page.showing import words_for
from bouncegate.web.problem import Problem

MOST: Final = 1000
"""Addresses that may be chosen by themselves; more are chosen by a filter."""


def selected(call: Call, given: Sequence[str]) -> list[str]:
    """The chosen addresses as the store knows them; raises Problem if one is none."""
    if len(given) > MOST:
        raise Problem("too-large", f"at most {MOST} addresses", limit=MOST)
    fold = call.site.settings.store.fold_local_part
    asked = keys_of((Line(number, text) for number, text in enumerate(given, 1)), fold=fold)
    for fault in asked.faults:
        raise Problem("request", f"{fault.text}: {fault.english}")
    return asked.keys


def reason_in(call: Call) -> str:
    """The reason that a form gives for the audit; raises Problem without one."""
    why = call.form.one("why").strip()
    if not why:
        raise Problem("request", words_for(call).text("A reason is needed."))
    return why


def asking(call: Call, why: str = "") -> Asking:
    """Who asks for a change, and why."""
    return Asking(call.site, call.person, who_of(call), call.now, why)


def who_of(call: Call) -> Who:
    """Who asks, for the audit."""
    person = call.person
    return Who(
        by=person.name,
        user=person.name,
        client=call.client,
        host=socket.gethostname(),
        via=person.via,
        token=person.token,
    )
