"""One recipient: whether it is locked and why, what frees it, and everything that happened."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from bouncegate.admin.lists.corrections import id_of
from bouncegate.admin.views.addresses import AddressView, LockView
from bouncegate.admin.views.explanation import Explained, ExplanationView, explanation_of
from bouncegate.admin.views.steps import StepView
from bouncegate.config.taxonomy import Kind
from bouncegate.policy.addressstate import ALL_MAIL, locks_at
from bouncegate.policy.timeline import what_would_free
from bouncegate.store.address import AddressError, canonical
from bouncegate.web.api import sight
from bouncegate.web.call import Call
from bouncegate.web.page.language import Language, seconds_of
from bouncegate.web.page.rendering import in_path
from bouncegate.web.page.showing import show, words_for
from bouncegate.web.problem import Problem
from bouncegate.web.rights import Right, may
from bouncegate.web.routes import Route

_FREED: Final = frozenset({"unlock", "alive", "delivery", "release", "recover"})


@dataclass(frozen=True)
class ShownLock:
    """The lock that stops most of the mail."""

    kind: str
    until: int | None
    made: str
    """By whom or what, in words."""
    only_for: str


@dataclass(frozen=True)
class Why:
    """Why it is locked, or what its last bounce was."""

    title: str
    meaning: str
    advice: str
    text: str
    by: str = ""
    words: str = ""
    why_not: str = ""


@dataclass(frozen=True)
class ShownStep:
    """One entry of the history."""

    time: int | None
    title: str
    kind: str
    effect: str
    mark: str
    text: str
    about: str
    message: int
    """The number of the entry whose message is kept; 0: none."""


@dataclass(frozen=True)
class Action:
    """A button of the page."""

    title: str
    path: str
    is_main: bool = False
    is_danger: bool = False
    asks: bool = True


def recipient(call: Call) -> Response:
    """The page of one address."""
    address = address_of(call)
    site = call.site
    known = sight.address_of(call, address)
    explained = explanation_of(site.installation, site.store, address, call.now)
    told = sight.history_of(call, address) if call.person.groups else explained.view
    words = words_for(call)
    return show(
        call,
        "recipient.html",
        "recipients",
        address=address,
        is_known=known.state != "unknown",
        lock=_lock(known.locks[0], words) if known.locks else None,
        why=_why(known, told, words),
        frees=list(_frees(explained, call, words)),
        suggestion=known.suggestion,
        steps=[_step(step, words) for step in reversed(told.steps)],
        facts=list(_facts(known, words)),
        actions=list(_actions(call, known)),
    )


def address_of(call: Call) -> str:
    """The address that the path names; raises Problem."""
    fold = call.site.settings.store.fold_local_part
    try:
        return canonical(call.request.path_params["address"], fold=fold)
    except AddressError as error:
        raise Problem("request", str(error)) from None


def _lock(view: LockView, words: Language) -> ShownLock:
    if view.lock_on.startswith("@"):
        made = words.say("cause.domain", reason=words.reason(view.detail).title)
    else:
        made = words.say(f"origin.{view.origin}")
    group = view.scope.partition(":")[2]
    return ShownLock(view.kind, seconds_of(view.until), made, group)


def _frees(explained: Explained, call: Call, words: Language) -> Iterator[str]:
    """What would free the first of its locks."""
    seen = (
        found
        for found in locks_at(explained.state, call.now)
        if found.scope == ALL_MAIL or may(call.person, Right.READ, found.scope)
    )
    for found in islice(seen, 1):
        ways = what_would_free(found.lock, call.now, call.site.settings.policy)
        yield from (words.say(f"frees.{way}") for way in ways)


def _why(known: AddressView, told: ExplanationView, words: Language) -> Why | None:
    """By the step that made the lock in force, else by the last bounce."""
    if known.locks:
        lock = known.locks[0]
        made = next((one for one in reversed(told.steps) if one.effect == "locked"), None)
        reason = words.reason(lock.detail)
        if made is None:
            return Why(reason.title, reason.meaning, reason.advice, "")
        return Why(reason.title, reason.meaning, reason.advice, made.diagnostic, made.by, made.why)
    bounce = known.last_bounce
    if bounce is None or bounce.detail is None:
        return None
    reason = words.reason(bounce.detail)
    why_not = words.say(f"effect.{bounce.why_not}") if bounce.why_not else ""
    return Why(reason.title, reason.meaning, reason.advice, bounce.text, why_not=why_not)


def _step(step: StepView, words: Language) -> ShownStep:
    is_bounce = step.what == "bounce"
    told = words.say(f"effect.{step.effect}")
    title = words.reason(step.detail).title if is_bounce else told
    mark = "locked" if step.effect == "locked" else "freed" * (step.what in _FREED)
    effect = told if is_bounce else ""
    text = step.diagnostic if is_bounce else step.why
    about = (
        (step.mailing, step.group, step.trust, step.rule) if is_bounce else (step.by, step.other)
    )
    return ShownStep(
        seconds_of(step.time),
        title,
        _kind(step) if is_bounce else "",
        effect,
        mark,
        text,
        " · ".join(one for one in about if one),
        step.number if is_bounce else 0,
    )


def _kind(step: StepView) -> str:
    if step.kind == Kind.NONE:
        return ""
    return "blocked" if step.effect == "sender-to-blame" else step.kind


def _facts(known: AddressView, words: Language) -> Iterator[tuple[str, str]]:
    for title, number in (
        ("Hard bounces", known.hard),
        ("Soft bounces", known.soft),
        ("Complaints", known.complaints),
        ("Soft in a row", known.soft_in_row),
        ("Times locked", known.times_locked),
        ("Refused by us", known.refused),
    ):
        yield title, words.number(number)
    yield "First bounce", words.day(seconds_of(known.first_event))
    yield "Last bounce", words.day(seconds_of(known.last_event))
    if known.corrected_to:
        yield "Corrected to", known.corrected_to
    yield "Internal ID", id_of(known.address)


def _actions(call: Call, known: AddressView) -> Iterator[Action]:
    person, address = call.person, known.address
    here = f"/recipients/{in_path(address)}"
    given = urlencode([("a", address), ("back", here)])
    of_all = not person.groups
    if known.locks and known.locks[0].lock_on == address:
        if may(person, Right.UNLOCK, known.locks[0].scope.partition(":")[2]):
            yield Action("Unlock", f"/unlock?{given}", is_main=True)
        elif may(person, Right.REQUEST):
            yield Action("Request unlocking", f"/requests/new?{given}", is_main=True)
    elif may(person, Right.LOCK):
        yield Action("Lock", f"/lock?{given}", is_main=True)
    if of_all and may(person, Right.CORRECT):
        yield Action("Correct", f"/correct?{given}")
    if of_all and may(person, Right.EXPORT) and known.state != "unknown":
        yield Action("All data as JSON", f"{here}/data.json", asks=False)
    if of_all and may(person, Right.PURGE) and known.state != "unknown":
        yield Action("Delete data", f"/purge?{given}", is_danger=True)


# An address may hold a slash; what is below it stands before it in the table.
ROUTES: Final = (Route("/recipients/{address:path}", recipient, right=Right.READ),)
