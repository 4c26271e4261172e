"""`explain`: every event of an address in order, what it did, and what would free the address."""

import os
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Annotated, Final

import typer

from bouncegate.admin.views.explanation import Explained, explanation_of
from bouncegate.admin.views.steps import Rules, StepView
from bouncegate.admin.views.values import iso
from bouncegate.classifier.report import EXPANDED
from bouncegate.cli.audit import row_of
from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.options import Json
from bouncegate.cli.output import complain, write_json
from bouncegate.cli.sentences import write_text
from bouncegate.cli.table import write_table
from bouncegate.config.reasons import REASONS
from bouncegate.config.settings import Settings
from bouncegate.config.text import counted
from bouncegate.policy.deaddomain import CHECKER
from bouncegate.policy.records import NO_END, Act, Event, Lock
from bouncegate.policy.timeline import Step, Way, that_lacks_days, what_would_free
from bouncegate.policy.undeliverable import WORDS, AddressRule
from bouncegate.store.address import canonical, domain_of
from bouncegate.store.store import Store

_COLUMNS = (
    "number",
    "time",
    "what",
    "trust",
    "reason",
    "status",
    "rule",
    "effect",
    "policy",
    "in a row",
)


WAYS: Final[dict[Way, str]] = {
    "end": "its end",
    "leaves-list": "its leaving the list (bouncegate maintain)",
    "delivery": "a delivery that turns out to lie between its failures",
    "alive": "a proof of life (bouncegate alive)",
    "unlock": "bouncegate unlock",
    "unlock-force": "bouncegate unlock --force",
}
"""What frees an address, as one would do it here."""

_NUMBERS: Final = 2**64  # of the journal's entries: 8 octets


def explain(
    context: typer.Context,
    address: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS|REF",
            help="An address, @domain for a whole domain, or the ref of a refusal.",
        ),
    ],
    *,
    json: Json = False,
) -> None:
    """Explain why an address is or is not locked.

    Shows each event, the rule that classified it, and its effect.

    Examples:

    bouncegate explain ann@example.com

    bouncegate explain 4711
    """
    if address in list(AddressRule):
        _explain_rule(AddressRule(address), json=json)
        return
    invocation = invocation_of(context)
    settings = invocation.settings
    now = int(time.time())
    with closing(invocation.open_store(readonly=True)) as store:
        if address.isdecimal():
            address = _address_of(store, int(address))
        key = canonical(address, fold=settings.store.fold_local_part)
        told = explanation_of(invocation, store, key, now)
    view = told.view
    if json:
        write_json(view)
        return
    write_table(_COLUMNS, (_row(v) for v in view.steps))
    for line in _conclusion(told, settings, now):
        write_text(line)
    for one in view.audit:
        time_, by, place, command, _, _, why = row_of(one)
        write_text(f"{time_}: {command}, by {by}, {place}{why and f': {why}'}")
    for deferral in view.deferrals:
        write_text(f"Message {deferral.queue_id} is being deferred {deferral}")
    if view.lock_on not in (None, key):
        write_text(f"Its domain is locked: bouncegate explain {view.lock_on}")


def _explain_rule(rule: AddressRule, *, json: bool) -> None:
    """Say what a ref means that names no entry of the journal."""
    if json:
        write_json({"rule": rule, "meaning": WORDS[rule]})
        return
    write_text(f"{rule}: {WORDS[rule]}.")
    write_text('Recipients are refused by it while [lists] invalid is "refuse".')
    write_text(
        '"bouncegate check" names the fault of an address; [exempt] recipients lets it pass.'
    )


def _address_of(store: Store, ref: int) -> str:
    """The address that a `ref` is about; ends the command if that is none, or many."""
    concerned = store.journal.addresses(ref) if ref < _NUMBERS else ()
    if len(concerned) == 1:
        return concerned[0]
    if not concerned:
        complain(f"no lock or bounce with ref={ref}")
        raise typer.Exit(os.EX_NOINPUT)
    complain(f"ref={ref} locked {counted(len(concerned), 'address')}: name one of them")
    for one in concerned:
        write_text(one)
    raise typer.Exit(os.EX_USAGE)


def _row(view: StepView) -> tuple[object, ...]:
    in_row = f"{view.hard_in_row} hard, {view.soft_in_row} soft"
    who = f"by {view.by or view.source}" + (f", {view.other}" if view.other else "")
    reason = (view.what == "bounce" and view.detail) or (f"{who}: {view.why}" if view.why else who)
    reason = view.why if view.what == "summary" else reason
    return (
        view.number,
        view.time,
        view.what,
        view.trust or "-",
        reason,
        view.status or "-",
        view.rule or "-",
        view.effect,
        view.policy or "-",
        in_row,
    )


def _conclusion(told: Explained, settings: Settings, now: int) -> Iterator[str]:
    state, timeline, key = told.state, told.timeline, told.view.address
    locks = {"": state.lock} | {group: streak.lock for group, streak in state.groups.items()}
    found = [(group, lock) for group, lock in locks.items() if lock and lock.in_force(now)]
    if not found:
        yield f"{key} is not locked." if timeline else f"Nothing is known of {key}."
    for step in timeline:
        if step.effect == "unconfirmed":
            yield (
                f"Entry {step.number} waits until DNS has denied the domain twice: "
                f"bouncegate provider {domain_of(key)}"
            )
    if (lacking := that_lacks_days(timeline, now)) is not None:
        yield f"Entry {lacking.number} needs a second from another day to lock the address."
    yield from _of_members(timeline)
    if suggestion := told.view.suggestion:
        yield (
            f"The recipient's server names a new address, {suggestion}. Ask the person before "
            "you write there: anybody can put a name into a reply."
        )
    if state.corrected:
        yield f"It was corrected to {state.corrected}: bouncegate explain {state.corrected}"
    for group, lock in found:
        yield from _of_lock(key, group, lock, timeline, told.rules)
        ways = (WAYS[way] for way in what_would_free(lock, now, settings.policy))
        yield f"What frees it: {', or '.join(ways)}."


def _of_members(timeline: list[Step]) -> Iterator[str]:
    """Which members of an alias failed, so that it reaches the others alone."""
    events = [step.entry for step in timeline if isinstance(step.entry, Event)]
    failed = (e for e in events if e.action == EXPANDED and not e.status.startswith("2"))
    for member in dict.fromkeys(event.final_recipient for event in failed):
        yield (
            f"It is an alias of which {member} failed, and others may be reached: "
            f"bouncegate explain {member}"
        )


def _of_lock(key: str, group: str, lock: Lock, timeline: list[Step], rules: Rules) -> Iterator[str]:
    cause = next((step.entry for step in timeline if step.number == lock.cause), None)
    until = "without end" if lock.until == NO_END else f"until {iso(lock.until)}"
    whom = f" for {group} alone" if group else ""
    yield f"{key} is locked{whom} ({lock.kind}, {lock.category}, {lock.reason}) {until}."
    if isinstance(cause, Event):
        yield f"Entry {lock.cause} locked it: {cause.diagnostic or 'no diagnostic was given'}"
        if (rule := rules.get(cause.rule)) is not None and rule.source:
            yield f"Source of its rule {rule.id}: {rule.citation}"
        yield f"Advice: {REASONS[lock.reason].advice}"
    elif cause is None and not lock.cause:
        yield "The address was purged: what locked it is no longer known."
    elif isinstance(cause, Act):
        yield f"Entry {lock.cause} locked it, by {cause.by}: {cause.why or 'no reason was given'}"
        if cause.by == CHECKER:
            yield "DNS is asked again before it ends; a domain that takes mail is freed at once."
