"""The journal of an address, step by step: what came, and what it did."""

import datetime
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from bouncegate.admin.views.values import iso
from bouncegate.config.problems import ConfigError
from bouncegate.config.rules import Rule, load_rules
from bouncegate.config.settings import Settings
from bouncegate.config.text import counted
from bouncegate.policy.records import Act, Event, JournalEntry, Summary
from bouncegate.policy.timeline import Step, streak_of

Rules = Mapping[str, Rule]


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


def rules_in_force(settings: Settings) -> Rules:
    """The rules by their ids; none where a file of rules is faulty, which `check-config` tells."""
    try:
        return {rule.id: rule for rule in load_rules(settings.rules.folder).rules}
    except ConfigError:
        return {}


def step_view(step: Step, rules: Rules) -> StepView:
    """A step as scripts read it."""
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
