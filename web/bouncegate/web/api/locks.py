"""Locking and unlocking one address, or all of @domain."""

from typing import Final

from msgspec import Struct
from starlette.responses import Response

from bouncegate.admin.times import BadValue, end_of
from bouncegate.admin.views.addresses import AddressView
from bouncegate.config.reasons import REASONS
from bouncegate.config.taxonomy import Kind, Reason
from bouncegate.policy.addressstate import locks_at
from bouncegate.policy.fold import EMPTY
from bouncegate.policy.protection import right_for
from bouncegate.policy.records import Lock, Origin
from bouncegate.store.address import domain_of
from bouncegate.web import acts
from bouncegate.web.acts import Asking, WantedLock
from bouncegate.web.api.asking import asking
from bouncegate.web.api.given import address_in, require_unchanged, version_of
from bouncegate.web.api.operation import Operation, as_json
from bouncegate.web.api.problems import refused
from bouncegate.web.api.sight import address_of
from bouncegate.web.call import Call
from bouncegate.web.problem import Problem
from bouncegate.web.rights import Right


class LockBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The lock that there is to be."""

    why: str
    until: str | None = None
    """A day, a time, or a length such as "30 days"; null: without end."""
    reason: Reason = Reason.OPERATOR
    group: str = ""
    """Only for mail of this group; empty: for all mail."""


class UnlockQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which lock goes, and why."""

    why: str
    group: str = ""
    """Only the lock for this group."""


def put_lock(call: Call, body: LockBody) -> Response:
    """Lock an address, or lock it until another time."""
    address = address_in(call)
    call.require(Right.LOCK, body.group)
    require_locking(address, body.reason, body.group)
    wanted = WantedLock(address, end_in(body.until, call.now), body.group, body.reason)
    asked = asking(call, body.why)
    is_new = call.site.act_now(_lock, call, asked, wanted)
    return _shown(call, address, 201 if is_new else 200)


def _lock(call: Call, asked: Asking, wanted: WantedLock) -> bool:
    """Lock it; whether no lock of this scope was in force."""
    require_unchanged(call, wanted.address)
    if is_there(call, wanted):
        return False
    state = call.site.store.addresses.get(wanted.address) or EMPTY
    is_new = all(one.scope != wanted.group for one in locks_at(state, call.now))
    if acts.lock_all(asked, [wanted]).left:
        raise refused("changed", "it was locked meanwhile")
    return is_new


def delete_lock(call: Call, asked: UnlockQuery) -> Response:
    """Lift the locks of an address that the token may lift."""
    address = address_in(call)
    who = asking(call, asked.why)
    scopes = scopes_of(call, asked.group)
    if not call.site.act_now(_unlock, call, who, address, scopes):
        return Response(status_code=204)
    return _shown(call, address, 200)


def _unlock(call: Call, asked: Asking, address: str, scopes: frozenset[str]) -> bool:
    """Unlock it; whether there was anything to unlock."""
    require_unchanged(call, address)
    plan = acts.plan(asked, [address], None, scopes)
    if plan.domain_only:
        raise refused("domain-lock", f"unlock @{domain_of(address)}")
    if not plan.free and plan.kept.first_left:
        raise protected(plan.kept.first_left[0].lock)
    if not plan.free:
        return False
    if acts.unlock(asked, [address], None, scopes).left:
        raise refused("changed", "it was locked meanwhile")
    return True


def protected(lock: Lock) -> Problem:
    """Why a lock stays that the token may not lift."""
    kind = "by-hand" if right_for(lock) == "manual" else "hard-lock"
    return refused(kind, f"it is locked: {lock.reason}", reason=str(lock.reason))


def _shown(call: Call, address: str, status: int) -> Response:
    return as_json(address_of(call, address), status, {"etag": version_of(call, address)})


def scopes_of(call: Call, group: str) -> frozenset[str]:
    """The scopes of the locks that are meant: of one group, or of all; raises Problem."""
    if not group:
        return frozenset()
    call.require(Right.UNLOCK, group)
    return frozenset({group})


def end_in(text: str | None, now: int) -> int:
    """The end of a lock; raises Problem."""
    try:
        return end_of(text or "", now)
    except BadValue as error:
        raise refused("body", f"until: {error}") from None


def require_locking(address: str, reason: Reason, group: str) -> None:
    """Raise Problem unless a lock may have this reason and scope."""
    if REASONS[reason].kind is Kind.NONE:
        raise refused("body", f"reason: no lock may have {reason}")
    if address.startswith("@") and group:
        raise refused("body", "group: a domain is locked for all mail")


def is_there(call: Call, wanted: WantedLock) -> bool:
    """Whether the lock is there as it is wanted: then there is nothing to do."""
    state = call.site.store.addresses.get(wanted.address) or EMPTY
    return any(
        scope == wanted.group
        and (lock.origin, lock.reason, lock.until) == (Origin.MANUAL, wanted.reason, wanted.end)
        for scope, lock in locks_at(state, call.now)
    )


OPERATIONS: Final = (
    Operation(
        "PUT",
        "/locks/{address:path}",
        put_lock,
        Right.LOCK,
        "Lock an address, or @domain",
        LockBody,
        {200: AddressView, 201: AddressView},
        ("address", "hard-lock", "changed"),
    ),
    Operation(
        "DELETE",
        "/locks/{address:path}",
        delete_lock,
        Right.UNLOCK,
        "Unlock an address, or @domain",
        UnlockQuery,
        {200: AddressView, 204: None},
        ("address", "parameter", "hard-lock", "by-hand", "domain-lock", "changed"),
    ),
)
