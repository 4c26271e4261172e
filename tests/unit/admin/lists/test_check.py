"""A list is judged before it is mailed: what is passed here and bounces costs reputation."""

from collections.abc import Collection, Mapping

import pytest

from bouncegate.admin.lists.check import CheckContext, CheckedAddress, ListCheck
from bouncegate.admin.lists.lines import Line
from bouncegate.admin.lists.typos import Typos
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.mx import Status
from bouncegate.policy.providers import Providers
from bouncegate.policy.records import Act
from bouncegate.store.store import Store

from .histories import BY_GROUP, DAY, NOW, POLICY, bounce, record

TYPOS = Typos(Providers.of().domains())


def statuses(domains: Collection[str]) -> Mapping[str, Status]:
    """What DNS would have told."""
    told: dict[str, Status] = {"gone.de": "nxdomain", "none.de": "null-mx", "silent.de": "no-mx"}
    return told


def checked(store: Store, *texts: str, group: str = "") -> list[CheckedAddress]:
    check = ListCheck(store, TYPOS, statuses, CheckContext(NOW, NOW // DAY - 90, group=group))
    return list(check.check(Line(number, text) for number, text in enumerate(texts, 1)))


def test_each_address_is_judged_by_the_gravest_that_holds(store: Store) -> None:
    record(store, [bounce("hard@kernel.org"), bounce("full@kernel.org", Reason.MAILBOX_FULL)])
    record(store, [bounce("hard@gone.de")])
    store.act([Act(("@shut.de",), NOW, "lock", by="root")], POLICY.fold)
    expected = {
        "Hard@Kernel.org": ("locked", Reason.USER_UNKNOWN),
        "full@kernel.org": ("detected", Reason.MAILBOX_FULL),
        "new@kernel.org": ("good", None),
        "ann@shut.de": ("locked", Reason.OPERATOR),
        "ann@gone.de": ("dead", Reason.HOST_UNKNOWN),
        "hard@gone.de": ("locked", Reason.USER_UNKNOWN),
        "ann@none.de": ("dead", Reason.NO_MX),
        "ann@silent.de": ("dead", Reason.NO_MX),
        "ann@gmial.com": ("typo", None),
        "ann@localhost": ("invalid", None),
        "nobody": ("invalid", None),
    }
    found = checked(store, *expected)
    assert [(j.verdict, j.reason) for j in found] == list(expected.values())
    assert [j.line for j in found] == list(range(1, len(expected) + 1))
    assert [j.mailable for j in found] == [j.verdict in ("detected", "good", "typo") for j in found]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("ann@gmial.com", "ann@gmail.com"),
        ("ann@gmail,com", "ann@gmail.com"),
        ("ann@gmial..con", "ann@gmail.com"),
        ("ann @gmx.de", "ann@gmx.de"),
        ("ann@@web.de", "ann@web.de"),
        ("nobody", ""),
        ("ann@kernel.org", ""),
    ],
)
def test_likely_typos_of_known_domains_are_named(store: Store, given: str, meant: str) -> None:
    assert checked(store, given)[0].suggestion == meant


def test_what_bounced_for_another_group_alone_is_predicted(store: Store) -> None:
    record(store, [bounce("full@kernel.org", Reason.MAILBOX_FULL, group="news")])
    record(store, [bounce("hard@kernel.org", group="news")], BY_GROUP)
    both = ("full@kernel.org", "hard@kernel.org")
    assert [j.verdict for j in checked(store, *both, group="shop")] == ["predicted", "predicted"]
    assert [j.verdict for j in checked(store, *both, group="news")] == ["detected", "locked"]
    assert [j.verdict for j in checked(store, *both)] == ["detected", "predicted"]


def test_what_was_not_mailed_for_long_is_stale(store: Store) -> None:
    today = NOW // DAY
    store.lastmailed.record(
        {"old@kernel.org": today - 90, "new@kernel.org": today - 89}, lambda a: ""
    )
    old, new = checked(store, "old@kernel.org", "new@kernel.org")
    assert (old.verdict, old.mailable) == ("stale", True)
    assert old.why == "not mailed since 2026-06-23"
    assert new.verdict == "good"
