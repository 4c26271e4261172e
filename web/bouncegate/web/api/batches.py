"""Changes of many at once: each is told by itself what became of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from msgspec import Struct
from starlette.responses import Response

from bouncegate.config.taxonomy import Reason
from bouncegate.store.address import AddressError, canonical, domain_of
from bouncegate.web import acts
from bouncegate.web.acts import Asking, Done, WantedLock
from bouncegate.web.api.asking import asking
from bouncegate.web.api.given import require_few
from bouncegate.web.api.locks import end_in, is_there, protected, require_locking, scopes_of
from bouncegate.web.api.operation import Operation, as_json
from bouncegate.web.api.problems import PROBLEMS, refused
from bouncegate.web.api.sight import require_all_mail
from bouncegate.web.call import Call
from bouncegate.web.problem import Problem
from bouncegate.web.rights import Right

Status = Literal["done", "unchanged", "kept", "refused"]
_BAD: Final = frozenset({"kept", "refused"})


class ItemProblem(Struct):
    """Why nothing was done."""

    type: str
    title: str
    detail: str = ""


class ItemView(Struct, omit_defaults=True):
    """What became of one."""

    address: str
    status: Status
    """`done`; `unchanged`: it was so already; `kept`: it may not be changed, or was changed
    meanwhile; `refused`: it cannot be."""
    problem: ItemProblem | None = None


class BatchView(Struct):
    """What became of all."""

    items: list[ItemView]
    done: int
    kept: int
    """Those that are neither done nor unchanged."""
    dry_run: bool


class LockItem(Struct, frozen=True, forbid_unknown_fields=True):
    """A lock to make."""

    address: str
    until: str | None = None
    reason: Reason = Reason.OPERATOR
    group: str = ""


class LocksBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Locks to make."""

    items: list[LockItem]
    why: str
    dry_run: bool = False
    atomic: bool = False
    """All or none."""


class AddressesBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Addresses to change."""

    addresses: list[str]
    why: str
    dry_run: bool = False
    atomic: bool = False


class UnlocksBody(AddressesBody, frozen=True, forbid_unknown_fields=True):
    """Addresses to unlock."""

    group: str = ""
    """Only the locks for this group."""


@dataclass(frozen=True)
class Batch:
    """What is asked for, judged item by item, before anything is done."""

    items: list[ItemView]
    carry_out: Callable[[], Done]


def lock_batch(call: Call, body: LocksBody) -> Response:
    """Lock some addresses by hand."""
    require_few(call, body.items)
    asked = asking(call, body.why)

    def judged() -> Batch:
        wanted: list[WantedLock] = []
        items = [_judge_lock(call, asked, item, wanted) for item in body.items]
        return Batch(items, lambda: acts.lock_all(asked, wanted))

    return _answer(call, judged, dry_run=body.dry_run, atomic=body.atomic)


def _judge_lock(call: Call, asked: Asking, item: LockItem, wanted: list[WantedLock]) -> ItemView:
    def judge(address: str) -> ItemView:
        call.require(Right.LOCK, item.group)
        require_locking(address, item.reason, item.group)
        lock = WantedLock(address, end_in(item.until, call.now), item.group, item.reason)
        if any(one.address == address and one.group == item.group for one in wanted):
            raise refused("body", f"{address} stands there twice")
        if is_there(call, lock):
            return ItemView(address, "unchanged")
        acts.require_not_shorter(asked, [lock])
        wanted.append(lock)
        return ItemView(address, "done")

    return _judged(call, item.address, judge)


def unlock_batch(call: Call, body: UnlocksBody) -> Response:
    """Lift the locks of some addresses."""
    require_few(call, body.addresses)
    asked, scopes = asking(call, body.why), scopes_of(call, body.group)

    def judged() -> Batch:
        names, faults = _keys(call, body.addresses)
        plan = acts.plan(asked, names, None, scopes)
        free = {target.address for target in plan.free}
        rule = asked.rule()

        def item(name: str) -> ItemView:
            if name in free:
                return ItemView(name, "done")
            if name in plan.not_locked:
                return ItemView(name, "unchanged")
            if name in plan.domain_only:
                return _item(name, refused("domain-lock", f"unlock @{domain_of(name)}"), "kept")
            guarded = next(iter(rule.guarded(name).values()))
            return _item(name, protected(guarded.lock), "kept")

        return Batch([*map(item, names), *faults], lambda: acts.unlock(asked, names, None, scopes))

    return _answer(call, judged, dry_run=body.dry_run, atomic=body.atomic)


def alive_batch(call: Call, body: AddressesBody) -> Response:
    """Note that the owners of some addresses have reacted: opened, clicked, replied."""
    require_few(call, body.addresses)
    require_all_mail(call)
    asked = asking(call, body.why)

    def judged() -> Batch:
        names, faults = _keys(call, body.addresses)
        known = set(acts.bounced(asked, names))
        items = [ItemView(name, "done" if name in known else "unchanged") for name in names]
        return Batch([*items, *faults], lambda: acts.alive(asked, names))

    return _answer(call, judged, dry_run=body.dry_run, atomic=body.atomic)


def _answer(call: Call, judge: Callable[[], Batch], *, dry_run: bool, atomic: bool) -> Response:
    """Judge and carry out in the thread that writes: nothing of ours comes between."""

    def run() -> list[ItemView]:
        batch = judge()
        if atomic and any(one.status in _BAD for one in batch.items):
            raise refused("batch", items=batch.items)
        if dry_run or all(one.status != "done" for one in batch.items):
            return batch.items
        done = set(batch.carry_out().addresses)
        return [_as_done(one, done) for one in batch.items]

    items = call.site.act_now(run)
    number = sum(one.status == "done" for one in items)
    kept = sum(one.status in _BAD for one in items)
    return as_json(BatchView(items, number, kept, dry_run))


def _as_done(item: ItemView, done: set[str]) -> ItemView:
    if item.status != "done" or item.address in done:
        return item
    return _item(item.address, refused("changed"), "kept")


def _keys(call: Call, given: Iterable[str]) -> tuple[list[str], list[ItemView]]:
    """Addresses as the store knows them, each once, and what is none."""
    names: dict[str, None] = {}
    faults: list[ItemView] = []
    for text in given:
        found = _judged(call, text, lambda address: ItemView(address, "done"))
        if found.problem is None:
            names[found.address] = None
        else:
            faults.append(found)
    return list(names), faults


def _judged(call: Call, text: str, judge: Callable[[str], ItemView]) -> ItemView:
    try:
        address = canonical(text, fold=call.site.settings.store.fold_local_part)
    except AddressError as error:
        return _item(text, refused("address", str(error)), "refused")
    try:
        return judge(address)
    except Problem as problem:
        return _item(address, problem, "kept" if problem.status == _CONFLICT else "refused")


def _item(address: str, problem: Problem, status: Status) -> ItemView:
    told = ItemProblem(f"/problems/{problem.kind}", problem.title, problem.detail)
    return ItemView(address, status, told)


_CONFLICT: Final = PROBLEMS["hard-lock"][0]

OPERATIONS: Final = (
    Operation(
        "POST",
        "/locks:batch",
        lock_batch,
        Right.LOCK,
        "Lock some addresses",
        LocksBody,
        {200: BatchView},
        ("too-many", "batch"),
    ),
    Operation(
        "POST",
        "/unlocks:batch",
        unlock_batch,
        Right.UNLOCK,
        "Unlock some addresses",
        UnlocksBody,
        {200: BatchView},
        ("too-many", "batch"),
    ),
    Operation(
        "POST",
        "/alive:batch",
        alive_batch,
        Right.ALIVE,
        "Report signs of life",
        AddressesBody,
        {200: BatchView},
        ("too-many", "batch"),
    ),
)
