"""The plan of locks by hand: what would be shortened, and the acts that lock."""

from collections.abc import Collection, Iterator

from msgspec.structs import replace

from bouncegate.admin.lists.asking import portions
from bouncegate.admin.lists.unlocking import ForceRule, Guarded
from bouncegate.policy.records import NO_END, Act


def shortened(rule: ForceRule, keys: Collection[str], group: str, end: int) -> list[Guarded]:
    """The locks that may not be lifted and would end earlier: they refuse the whole act."""
    if end == NO_END:
        return []
    found = (rule.guarded(key).get(group) for key in keys)
    return [one for one in found if one is not None and end < one.lock.until]


def lock_acts(keys: Collection[str], act: Act) -> Iterator[Act]:
    """What locks these addresses, some at a time; a lock that is made meanwhile is not shortened.

    `act` says by whom, why, until when, and for which group.
    """
    for some in portions(sorted(keys)):
        yield replace(act, addresses=some, verb="lock", condition="shortens-none")
