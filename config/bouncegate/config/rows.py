"""The rows of the policy table: which one decides over a bounce, and what is wrong with them.

Of the rows that hold for a bounce, compare what they name in the order of `ORDER`: a sender, then
a group, a provider, a reason, a category, a kind. At the first of these that only one of two
rows names, this one wins; a whole address as sender goes before a domain, a domain as provider
before who runs its mail, and a finer reason before a general one. Where two rows name the same
things, no bounce may fall under both: `faults` refuses them.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import combinations, product
from typing import Final, NamedTuple, TypeVar

from msgspec.structs import replace

from bouncegate.config.reasons import REASONS
from bouncegate.config.settings import PolicySettings, Row
from bouncegate.config.taxonomy import (
    BY_LIST,
    CATEGORIES,
    FINER,
    Blame,
    Category,
    Kind,
    Reason,
    covered,
)
from bouncegate.config.values import AddressPattern

ORDER: Final = ("sender", "group", "provider", "reason", "category", "kind")

# What never reaches the table: it is no bounce, or no recipient's fault.
_NO_BOUNCES: Final = frozenset(
    {
        *(Reason.OPERATOR, Reason.OWN_REFUSAL, Reason.NOT_A_FAILURE, *BY_LIST),
        *(Reason.COMPLAINT, *FINER[Reason.COMPLAINT]),
    }
)
_BOUNCES: Final = tuple(reason for reason in REASONS if reason not in _NO_BOUNCES)
_JUDGED: Final = tuple(r for r in _BOUNCES if REASONS[r].blame is not Blame.SENDER)
# For everything that no row names.
_V = TypeVar("_V")
_OTHER: Final = ""
_SOMEBODY: Final = "somebody"
_SOMEWHERE: Final = "somewhere.invalid"


class Case(NamedTuple):
    """What the table is asked about a bounce."""

    kind: Kind
    category: Category
    reason: Reason
    provider: str
    domain: str
    """The domain of the address, or empty where no row names it."""
    group: str
    sender: str
    """An address in lower case, or empty."""
    spared: bool = False
    """The sender or the message is to blame: only a row that says `counts` lets it count."""


def precedence(row: Row) -> tuple[int, ...]:
    """What the row names, in `ORDER`: the row with the greater one wins."""
    weights = {
        "sender": _sender_weight,
        "provider": _provider_weight,
        "reason": _reason_weight,
    }
    return tuple(weights[key](row) if key in weights else bool(row_value(row, key))
                 for key in ORDER)  # fmt: skip


def row_value(row: Row, key: str) -> tuple[object, ...]:
    """What a row names under a key."""
    value: tuple[object, ...] = getattr(row, key)
    return value


def _sender_weight(row: Row) -> int:
    return min((1 + bool(p.local and p.domain) for p in row.sender), default=0)


def _provider_weight(row: Row) -> int:
    return min((1 + _is_domain(name) for name in row.provider), default=0)


def _reason_weight(row: Row) -> int:
    return min((1 + reason.is_finer for reason in row.reason), default=0)


def _is_domain(provider: str) -> bool:
    return "." in provider


def _parts(row: Row) -> Iterator[Row]:
    """The row itself, or several that name its domains and its providers, its general reasons and
    its finer ones apart.
    """
    providers = _apart(row.provider, _is_domain)
    reasons = _apart(row.reason, lambda reason: reason.is_finer)
    for some, others in product(providers, reasons):
        yield replace(row, provider=some, reason=others)


def _apart(values: tuple[_V, ...], which: Callable[[_V], bool]) -> list[tuple[_V, ...]]:
    """Those values that are so, and those that are not; all of them where they are alike."""
    found = tuple(value for value in values if which(value))
    others = tuple(value for value in values if not which(value))
    return [found, others] if found and others else [values]


def holds(row: Row, case: Case) -> bool:
    """Whether a bounce falls under the row."""
    return (
        (row.counts or not row.lock or not case.spared)
        and (case.kind in row.kind if row.kind else case.kind is not Kind.COMPLAINT)
        and (not row.category or case.category in row.category)
        and (not row.reason or covered(case.reason, row.reason))
        and (not row.provider or case.provider in row.provider or case.domain in row.provider)
        and (not row.group or case.group in row.group)
        and (not row.sender or any(_is_of(pattern, case.sender) for pattern in row.sender))
    )


def _is_of(pattern: AddressPattern, address: str) -> bool:
    local, _, domain = address.rpartition("@")
    return pattern.local.lower() in ("", local) and pattern.domain.lower() in ("", domain)


def in_order(rows: Iterable[Row]) -> list[tuple[int, Row]]:
    """The rows, each with its number from 1 on, the one that wins first.

    A row that names both domains and providers, or general reasons and finer ones, comes once with
    each.
    """
    parts = ((number, part) for number, row in enumerate(rows, 1) for part in _parts(row))
    return sorted(parts, key=lambda row: precedence(row[1]), reverse=True)


def name_of(number: int) -> str:
    """How the row of that number is called in problems, `explain` and logs."""
    return f"policy.row.{number}"


def scoped_by_group(policy: PolicySettings) -> Iterator[str]:
    """The names of the thresholds and rows whose locks hold for one group."""
    if policy.hard.scope == "group":
        yield "policy.hard"
    if policy.soft.scope == "group":
        yield "policy.soft"
    yield from (name_of(n) for n, row in enumerate(policy.row, 1) if row.scope == "group")


def lets_blocks_lock(policy: PolicySettings) -> Iterator[tuple[str, str]]:
    """The rows that let bounces count which blame the sender: name, and which bounces."""
    for number, row in enumerate(policy.row, 1):
        if row.counts and row.lock:
            what = row.reason or row.category or row.kind or ("every bounce",)
            yield name_of(number), ", ".join(map(str, what))


def faults(policy: PolicySettings, numbers: Iterable[int]) -> Iterator[tuple[str, str]]:
    """What is wrong with the rows of these numbers: the key and what would be right."""
    rows = [(number, policy.row[number - 1]) for number in numbers]
    for number, row in rows:
        yield from ((f"{name_of(number)}{key}", text) for key, text in _row_faults(row))
    for (first, one), (second, other) in combinations(rows, 2):
        if any(
            precedence(mine) == precedence(yours) and _overlap(mine, yours)
            for mine, yours in product(_parts(one), _parts(other))
        ):
            text = (
                f"as specific as {name_of(first)}, and some bounces match both: "
                "add a condition to one of them, or merge the two"
            )
            yield name_of(second), text


def _row_faults(row: Row) -> Iterator[tuple[str, str]]:
    if row.lock is None:
        yield "", 'lock is missing: write a duration such as "1 year", or "never"'
    elif row.lock and not row.failures:
        yield "", "failures is missing: write how many failures in a row lock"
    elif not row.lock and (row.failures or row.window.after(0) or row.days or row.counts):
        yield ".lock", "'never' counts no failures: remove failures, window, days and counts"
    if not any(row_value(row, key) for key in ORDER):
        named = ", ".join(ORDER)
        yield "", f"the row matches every bounce: set at least one of {named}"
    for reason in row.reason:
        if row.lock and not row.counts and REASONS[reason].blame is Blame.SENDER:
            text = "blames the sender and locks no recipient: remove it, or let it by counts = true"
            yield ".reason", f"{reason} {text}"
        elif reason.general is Reason.COMPLAINT:
            yield ".reason", 'a complaint is no bounce: write kind = "complaint"'
        elif reason in _NO_BOUNCES:
            yield ".reason", f"{reason} never counts: remove it"
    if row.kind and row.category and not any(_pairs(row)):
        kinds = " or ".join(row.kind)
        allowed = sorted({c for kind in row.kind for c in _categories(kind)})
        yield ".category", f"not a category of {kinds} bounces: write one of {', '.join(allowed)}"


def _overlap(one: Row, other: Row) -> bool:
    """Whether a bounce can fall under both of two rows that name the same keys."""
    return all(
        not mine or not yours or _meet(key, mine, yours)
        for key in ORDER
        for mine, yours in ((row_value(one, key), row_value(other, key)),)
    )


def _meet(key: str, mine: Sequence[object], yours: Sequence[object]) -> bool:
    if key != "sender":
        return bool(set(mine) & set(yours))
    return any(
        isinstance(a, AddressPattern)
        and isinstance(b, AddressPattern)
        and ("" in (a.local, b.local) or a.local.lower() == b.local.lower())
        and ("" in (a.domain, b.domain) or a.domain.lower() == b.domain.lower())
        for a, b in product(mine, yours)
    )


def unreachable(policy: PolicySettings) -> Iterator[int]:
    """The numbers of the rows over which others decide in every case."""
    ordered = in_order(policy.row)
    some_count = any(row.counts for row in policy.row)
    for number, row in enumerate(policy.row, 1):
        spared = some_count and (row.counts or not row.lock)
        cases = (case for also in {False, spared} for case in _cases(row, spared=also))
        deciding = (next(n for n, r in ordered if holds(r, case)) for case in cases)
        if all(other != number for other in deciding):
            yield number


def _cases(row: Row, *, spared: bool) -> Iterator[Case]:
    """Each case under the row that the rows of a table can tell apart from the others."""
    possible = _BOUNCES if spared else _JUDGED
    senders = [f"{p.local or _SOMEBODY}@{p.domain or _SOMEWHERE}".lower() for p in row.sender]
    named = [one for reason in row.reason for one in (reason, *FINER.get(reason, ()))]
    reasons = [reason for reason in named or possible if reason in possible]
    for (kind, category), reason, provider, group, sender in product(
        _pairs(row),
        reasons,
        row.provider or (_OTHER,),
        row.group or (_OTHER,),
        senders or (_OTHER,),
    ):
        domain = provider if _is_domain(provider) else _OTHER
        yield Case(kind, category, reason, provider, domain, group, sender, spared)


def _pairs(row: Row) -> Iterator[tuple[Kind, Category]]:
    for kind in row.kind or (Kind.HARD, Kind.SOFT):
        for category in sorted(_categories(kind)):
            if not row.category or category in row.category:
                yield Kind(kind), category


def _categories(kind: str) -> Collection[Category]:
    return CATEGORIES.get(Kind(kind), (Category.UNDEFINED,))
