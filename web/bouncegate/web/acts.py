"""What people and programs change: one function for each act, which the page and interface share.

Each runs in the one thread that writes (`Site.act_now`), looks at the rights again, and writes the
audit record with the change.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import groupby
from typing import Final, Literal, NamedTuple

from msgspec.structs import replace

from bouncegate.admin.lists.asking import address_to_notify, carry_out, portions
from bouncegate.admin.lists.audit import Who, audit_of
from bouncegate.admin.lists.corrections import Correction, as_seen, is_done
from bouncegate.admin.lists.corrections import acts_of as acts_of_corrections
from bouncegate.admin.lists.corrections import fault_of as fault_of_correction
from bouncegate.admin.lists.listing import Listing
from bouncegate.admin.lists.reactions import Reactions
from bouncegate.admin.lists.requests import OpenRequest, approval
from bouncegate.admin.lists.row import RowFilters
from bouncegate.admin.lists.syntax import fault_of_canonical
from bouncegate.admin.lists.unlocking import (
    ForceRule,
    UnlockPlan,
    plan_unlock,
    plan_unlock_all,
)
from bouncegate.admin.views.rows import listing_of
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.protection import Right as LockRight
from bouncegate.policy.records import Act, Settled
from bouncegate.store.address import AddressError
from bouncegate.store.alive import has_bounced
from bouncegate.store.incidents import Incident
from bouncegate.store.requests import UnlockRequest
from bouncegate.web.problem import Problem
from bouncegate.web.rights import Person, Right, may
from bouncegate.web.site import Site

_RIGHTS: Final[dict[LockRight, Right]] = {
    "soft": Right.UNLOCK,
    "hard": Right.UNLOCK_HARD,
    "manual": Right.UNLOCK_MANUAL,
    "complaint": Right.UNLOCK_MANUAL,
}


Watch = Callable[[int], AbstractContextManager[Callable[[int], None]]]
"""Sees how far an act on so many addresses is; called before anything is changed."""


def _unwatched(_: int) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda _: None)


class Asking(NamedTuple):
    """Who asks for a change, when, and why."""

    site: Site
    person: Person
    who: Who
    now: int
    why: str

    def listing(self) -> Listing:
        """The lists as they are now."""
        return listing_of(self.site.installation, self.site.store, self.now)

    def rule(self) -> ForceRule:
        """Which locks may be lifted."""
        return rule_for(self.site, self.person, self.now)


class WantedLock(NamedTuple):
    """A lock to be made by hand."""

    address: str
    end: int
    group: str = ""
    reason: Reason = Reason.OPERATOR


class Done(NamedTuple):
    """What became of an act: addresses that were changed, and those whose locks changed before."""

    addresses: list[str]
    left: int = 0
    plan: UnlockPlan | None = None
    """What an unlock went by."""


def lock_rights(site: Site, person: Person) -> frozenset[LockRight]:
    """Which locks somebody may lift; `[policy] unlock_hard` counts as for the command."""
    found: set[LockRight] = {name for name, right in _RIGHTS.items() if may(person, right)}
    if "soft" in found and site.settings.policy.unlock_hard:
        found.add("hard")
    return frozenset(found)


def rule_for(site: Site, person: Person, now: int) -> ForceRule:
    """What somebody may lift."""
    return ForceRule(site.store, site.policy.fold, now, lock_rights(site, person))


def plan(
    asking: Asking,
    addresses: Sequence[str],
    filters: RowFilters | None,
    scopes: frozenset[str] = frozenset(),
) -> UnlockPlan:
    """What an unlock of these addresses would do, or of all that filters select.

    `scopes`: only of the locks for these groups; who is bound to groups lifts only theirs.
    """
    wanted = replace(filters or RowFilters(), scopes=scopes or asking.person.groups)
    if filters is not None:
        return plan_unlock_all(asking.listing(), asking.rule(), wanted)
    return plan_unlock(asking.site.store, asking.listing(), addresses, asking.rule(), wanted)


def unlock(
    asking: Asking,
    addresses: Sequence[str],
    filters: RowFilters | None = None,
    scopes: frozenset[str] = frozenset(),
    watch: Watch = _unwatched,
) -> Done:
    """Lift the locks that may be lifted; what changed since it was planned stays."""
    planned = plan(asking, addresses, filters, scopes)
    names = sorted({target.address for target in planned.free})
    if not names:
        return Done([], plan=planned)
    freed = {target.group for target in planned.free}
    command = "unlock" if filters is None else "unlock --all"
    audit = audit_of(command, asking.now, asking.who, why=asking.why, targets=names, scopes=freed)
    act = Act((), asking.now, "unlock", asking.who.by, asking.why, condition="as-seen")
    site = asking.site
    made, total = planned.acts(act), len(planned.free)
    watched = watch(total)
    left = carry_out(site.installation, site.store, made, total, audit, lambda _: watched)
    return Done([name for name in names if name not in left.first], left.number, planned)


def lock(
    asking: Asking,
    addresses: Sequence[str],
    end: int,
    group: str = "",
    reason: Reason = Reason.OPERATOR,
) -> Done:
    """Lock by hand until `end` (NO_END: without one); a protected lock is not made shorter."""
    return lock_all(asking, [WantedLock(one, end, group, reason) for one in addresses])


def lock_all(asking: Asking, wanted: Sequence[WantedLock]) -> Done:
    """Lock by hand, each until its own end; none, if a protected lock would be made shorter."""
    require_not_shorter(asking, wanted)
    if not wanted:
        return Done([])
    names = [one.address for one in wanted]
    scopes = {one.group for one in wanted}
    audit = audit_of("lock", asking.now, asking.who, why=asking.why, targets=names, scopes=scopes)
    acts = _lock_acts(asking, wanted)
    left = carry_out(asking.site.installation, asking.site.store, acts, len(names), audit)
    return Done([name for name in names if name not in left.first], left.number)


def require_not_shorter(asking: Asking, wanted: Iterable[WantedLock]) -> None:
    """Raise Problem if a protected lock would be made shorter."""
    rule = asking.rule()
    for address, end, group, _ in wanted:
        guarded = rule.guarded(address).get(group)
        if guarded is not None and end < guarded.lock.until:
            raise Problem(
                "hard-lock",
                f"{address} is locked for longer ({guarded.lock.reason})",
                status=409,
                title="A lock may not be made shorter",
            )


def _lock_acts(asking: Asking, wanted: Iterable[WantedLock]) -> Iterator[Act]:
    """The acts that lock, of equal locks in one act."""
    ordered = sorted(wanted, key=lambda one: (one[1:], one.address))
    for (end, group, reason), some in groupby(ordered, key=lambda one: one[1:]):
        act = Act(
            (),
            asking.now,
            "lock",
            asking.who.by,
            asking.why,
            end,
            reason=reason,
            group=group,
            condition="shortens-none",
        )
        for portion in portions(one.address for one in some):
            yield replace(act, addresses=portion)


def fault_of(asking: Asking, correction: Correction) -> str:
    """Why a correction cannot be made; empty if it can."""
    if fault := fault_of_canonical(correction.new):
        return f"{correction.new}: {fault}"
    force = {"hard", "complaint"} <= lock_rights(asking.site, asking.person)
    return fault_of_correction(
        asking.site.store, correction, asking.now, asking.rule(), force=force
    )


def correct(asking: Asking, corrections: Iterable[Correction]) -> Done:
    """Replace mistyped addresses; those that cannot be corrected raise Problem."""
    store = asking.site.store
    wanted = [as_seen(store, one, asking.now) for one in corrections if not is_done(store, one)]
    for one in wanted:
        if fault := fault_of(asking, one):
            raise Problem("correction", fault, status=409, title="It cannot be corrected")
    if not wanted:
        return Done([])
    names = [name for one in wanted for name in (one.old, one.new)]
    audit = audit_of("correct", asking.now, asking.who, why=asking.why, targets=names)
    acts = acts_of_corrections(wanted, asking.now, asking.who.by, asking.why)
    left = carry_out(asking.site.installation, store, acts, 2 * len(wanted), audit)
    return Done([one.old for one in wanted if one.new not in left.first], left.number)


def request(asking: Asking, addresses: Sequence[str], notify: str = "") -> list[int]:
    """Ask somebody else to unlock; returns the numbers of the requests.

    `notify` gets a mail when the command decides; raises Problem if it is no address.
    """
    try:
        receiver = address_to_notify(notify) if notify else ""
    except AddressError as error:
        raise Problem("request", str(error)) from None
    policy = asking.site.settings.policy
    until = policy.request_expires.after(asking.now)
    by, why = asking.who.by, asking.why
    asked = [UnlockRequest(one, asking.now, until, by, why, receiver) for one in addresses]
    audit = audit_of("requests add", asking.now, asking.who, why=why, targets=addresses)
    return asking.site.store.requests.add(asked, audit)


def approve(asking: Asking, chosen: Sequence[OpenRequest]) -> Done:
    """Unlock what was asked for; with four eyes never by whoever asked."""
    four_eyes = asking.site.settings.web.four_eyes != "none"
    own = [one for one in chosen if one.request.by == asking.who.by]
    if four_eyes and own:
        raise Problem("forbidden", "Somebody else has to approve what you asked for.")
    store, rule = asking.site.store, asking.rule()
    names = [one.request.address for one in chosen]
    for name in names:
        for guarded in rule.guarded(name).values():
            raise Problem(
                "forbidden", f"You may not lift the lock of {name} ({guarded.lock.reason})."
            )
    audit = audit_of("requests approve", asking.now, asking.who, why=asking.why, targets=names)
    acts = approval(chosen, asking.now, asking.who.by, asking.why)
    left = carry_out(asking.site.installation, store, acts, len(chosen), audit)
    done = [one for one in chosen if one.request.address not in left.first]
    store.requests.close([one.number for one in done])
    return Done([one.request.address for one in done], left.number)


def decline(asking: Asking, chosen: Sequence[OpenRequest]) -> Done:
    """Leave locked what was asked for."""
    names = [one.request.address for one in chosen]
    audit = audit_of("requests decline", asking.now, asking.who, why=asking.why, targets=names)
    asking.site.store.requests.close([one.number for one in chosen], audit)
    return Done(names)


def bounced(asking: Asking, addresses: Iterable[str]) -> list[str]:
    """Those of which a sign of life is written down: the others have nothing to be cleared of."""
    states = asking.site.store.addresses
    return [one for one in addresses if has_bounced(states.get(one))]


def alive(asking: Asking, addresses: Sequence[str]) -> Done:
    """Note that the owners of addresses have reacted."""
    names = bounced(asking, addresses)
    audit = audit_of("alive", asking.now, asking.who, why=asking.why, count=len(names))
    report = Reactions(asking.site.policy.fold, audit)
    report.take(asking.site.store, list(addresses))
    return Done(names)


def settle(asking: Asking, number: int, verb: Literal["confirmed", "dismissed"]) -> Incident | None:
    """Confirm or dismiss an incident; how it is settled, maybe by somebody else before."""
    store = asking.site.store
    found = next((one for one in store.incidents.all() if one.number == number), None)
    if found is None or (found.settled is not None and found.settled.verb != verb):
        return found
    held = len(store.incidents.held(number))
    if found.settled is not None and not held:
        return found
    command = f"incident {'confirm' if verb == 'confirmed' else 'dismiss'} {number}"
    audit = audit_of(command, asking.now, asking.who, why=asking.why, count=held)
    settlement = Settled(number, asking.now, verb, asking.who.by, asking.why)
    record = None if found.settled else audit
    return store.settle(settlement, asking.site.policy.fold, record)
