"""`explain`: every event of an address in order, what it did, and what would free the address."""

import datetime
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Annotated, Final

import typer
from msgspec import Struct
from msgspec.structs import replace

from bouncegate.classifier.report import EXPANDED
from bouncegate.cli.audit import row_of
from bouncegate.cli.audit import view_of as audit_view_of
from bouncegate.cli.invocation import invocation_of
from bouncegate.cli.options import Json
from bouncegate.cli.output import complain, iso, write_json
from bouncegate.cli.show import deferrals_of, suggestion_of, view_of
from bouncegate.cli.table import write_table, write_text
from bouncegate.config.problems import ConfigError
from bouncegate.config.reasons import REASONS
from bouncegate.config.rules import Rule, load_rules
from bouncegate.config.settings import Settings
from bouncegate.config.text import counted
from bouncegate.policy.deaddomain import CHECKER
from bouncegate.policy.fold import EMPTY
from bouncegate.policy.records import NO_END, Act, Event, JournalEntry, Lock, State, Summary
from bouncegate.policy.timeline import Step, steps, streak_of, that_lacks_days, what_would_free
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

_Rules = Mapping[str, Rule]

_NUMBERS: Final = 2**64  # of the journal's entries: 8 octets


class StepView(Struct):
    """One step as scripts read it; times in UTC, ISO 8601."""

    number: int
    time: str | None
    what: str
    """bounce, delivery, lock, unlock or alive; summary: of entries that are no longer kept."""
    effect: str
    policy: str
    """Where the policy table says what became of a bounce that counts."""
    hard_in_row: int
    soft_in_row: int
    until: str | None
    """The end of the lock in force after it."""
    trust: str = ""
    kind: str = ""
    category: str = ""
    reason: str = ""
    detail: str = ""
    """The finest reason that is known."""
    status: str = ""
    rule: str = ""
    rule_source: str = ""
    """Where the fact comes from that the rule states, by the rules in force."""
    rule_date: datetime.date | None = None
    diagnostic: str = ""
    final_recipient: str = ""
    reporting_mta: str = ""
    remote_mta: str = ""
    message_id: str = ""
    queue_id: str = ""
    sender: str = ""
    mailing: str = ""
    group: str = ""
    source: str = ""
    by: str = ""
    why: str = ""
    other: str = ""
    """The other address of a correction."""


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
        timeline = list(steps(store.history.of_address(key), invocation.policy))
        view = view_of(store, invocation.policy, key, now)
        # Of an address that was purged there are no entries, but its locks.
        state = timeline[-1].after if timeline else store.addresses.get(key) or EMPTY
        waiting = deferrals_of(store, key)
        done = [audit_view_of(one) for one in store.audits.of_address(key)]
    rules = _rules_in_force(settings)
    views = [_view(step, rules) for step in timeline]
    if json:
        lock = {"address": view.address, "state": view.state, "scope": view.scope,
            "until": view.until}  # fmt: skip
        write_json({**lock, "lock_on": view.lock_on,
            "suggestion": suggestion_of(timeline, key), "steps": views, "deferrals": waiting,
            "audit": done})  # fmt: skip
        return
    write_table(_COLUMNS, (_row(v) for v in views))
    for line in _conclusion(key, state, timeline, settings, now, rules=rules):
        write_text(line)
    for one in done:
        time_, by, place, command, _, _, why = row_of(one)
        write_text(f"{time_}: {command}, by {by}, {place}{why and f': {why}'}")
    for deferral in waiting:
        write_text(f"Message {deferral.queue_id} is being deferred {deferral}")
    if view.locked and view.lock_on != key:
        write_text(f"Its domain is locked: bouncegate explain {view.lock_on}")


def _explain_rule(rule: AddressRule, *, json: bool) -> None:
    """Say what a ref means that names no entry of the journal."""
    if json:
        write_json({"rule": rule, "meaning": WORDS[rule]})
        return
    print(f"{rule}: {WORDS[rule]}.")
    print('Recipients are refused by it while [lists] invalid is "refuse".')
    print('"bouncegate check" names the fault of an address; [exempt] recipients lets it pass.')


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


def _rules_in_force(settings: Settings) -> _Rules:
    """The rules by their ids; none where a file of rules is faulty, which `check-config` tells."""
    try:
        return {rule.id: rule for rule in load_rules(settings.rules.folder).rules}
    except ConfigError:
        return {}


def _view(step: Step, rules: _Rules) -> StepView:
    entry = step.entry
    after = streak_of(step.after, entry.group if isinstance(entry, Event) else "")
    view = StepView(
        number=step.number,
        time=iso(entry.time),
        what=_what(entry),
        effect=step.effect,
        policy=step.row,
        hard_in_row=after.hard_in_row,
        soft_in_row=after.soft_in_row,
        until=iso(after.lock.until) if after.lock else None,
    )
    own = {"number", "time", "what", "effect", "policy", "hard_in_row", "soft_in_row", "until"}
    if isinstance(entry, Summary):
        if not entry.entries:
            return replace(view, why="purged before; its locks alone were kept")
        since = iso(entry.first_time)
        return replace(view, why=f"{counted(entry.entries, 'entry')} since {since}, no longer kept")
    shared = set(StepView.__struct_fields__) & set(entry.__struct_fields__) - own
    view = replace(view, **{name: getattr(entry, name) for name in shared})
    if isinstance(entry, Event | Act):
        view = replace(view, reason=entry.reason.general, detail=entry.reason)
    rule = rules.get(view.rule)
    return replace(view, rule_source=rule.source, rule_date=rule.date) if rule else view


def _what(entry: JournalEntry) -> str:
    if isinstance(entry, Summary):
        return "summary"
    if isinstance(entry, Event):
        return "bounce"
    return entry.verb if isinstance(entry, Act) else "delivery"


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


def _conclusion(
    key: str,
    state: State,
    timeline: list[Step],
    settings: Settings,
    now: int,
    *,
    rules: _Rules,
) -> Iterator[str]:
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
    if suggestion := suggestion_of(timeline, key):
        yield (
            f"The recipient's server names a new address, {suggestion}. Ask the person before "
            "you write there: anybody can put a name into a reply."
        )
    if state.corrected:
        yield f"It was corrected to {state.corrected}: bouncegate explain {state.corrected}"
    for group, lock in found:
        yield from _of_lock(key, group, lock, timeline, rules)
        yield f"What frees it: {what_would_free(lock, now, settings.policy)}."


def _of_members(timeline: list[Step]) -> Iterator[str]:
    """Which members of an alias failed, so that it reaches the others alone."""
    events = [step.entry for step in timeline if isinstance(step.entry, Event)]
    failed = (e for e in events if e.action == EXPANDED and not e.status.startswith("2"))
    for member in dict.fromkeys(event.final_recipient for event in failed):
        yield (
            f"It is an alias of which {member} failed, and others may be reached: "
            f"bouncegate explain {member}"
        )


def _of_lock(
    key: str, group: str, lock: Lock, timeline: list[Step], rules: _Rules
) -> Iterator[str]:
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
