"""Addresses of a domain are found by it: all of them, in order, and none that is forgotten."""

from contextlib import closing
from pathlib import Path
from typing import Final, Literal

import pytest
from msgspec.structs import replace
from tests.events import event_of
from tests.stores import open_store

from bouncegate.config.settings import PolicySettings, Trust
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Act, Audit
from bouncegate.store.audit import new_key
from bouncegate.store.store import Bounce, Store

NOW: Final = 1_790_000_000
SIGNED: Final[tuple[Trust, ...]] = ("signed",)
POLICY: Final = Policy(PolicySettings(), SIGNED)
LOCALS: Final = (
    "a",
    "a-b",
    "a.b",
    "ab",
    "b",
    "0",
    '"q@x"',
    "zz",
    "é",
    *(f"n{n}" for n in range(1200)),
)


def _bounce(
    store: Store, address: str, number: int = 0, reason: Reason = Reason.MAILBOX_FULL
) -> None:
    event = replace(event_of(address, NOW + number, reason), identity=number.to_bytes(16, "big"))
    store.record([Bounce([event], b"")], POLICY)


def _act(store: Store, verb: Literal["lock", "unlock"], *addresses: str) -> None:
    for start in range(0, len(addresses), 100):
        act = Act(addresses[start : start + 100], NOW, verb, "desk", until=NOW + 99)
        store.act([act], POLICY.fold)


def _of(store: Store, domain: str, after: str = "") -> list[str]:
    return [address for address, _ in store.lists.of_domain(domain, after)]


def test_a_domain_has_its_addresses_in_their_order(tmp_path: Path) -> None:
    with closing(open_store(tmp_path)) as store:
        for domain in ("b.test", "bb.test", "sub.b.test", "a.test", "test"):
            _act(store, "lock", *(f"{local}@{domain}" for local in LOCALS), f"@{domain}")
        for domain in ("b.test", "test"):
            everything = [name for name in store.lists.names() if name.endswith(f"@{domain}")]
            assert _of(store, domain) == everything
            assert len(everything) == len(LOCALS) + 1
            for after in ("a@b.test", "ab@c.test", "ab@a.test", "m", "n5@zz.test", "é@b.test"):
                behind = [name for name in everything if name.encode() > after.encode()]
                assert _of(store, domain, after) == behind
        assert _of(store, "nobody.test") == []


def test_a_domain_has_who_bounced_or_was_locked_as_long_as_it_is_known(tmp_path: Path) -> None:
    with closing(open_store(tmp_path)) as store:
        _bounce(store, "soft@b.test", 1)
        _bounce(store, "ours@b.test", 2, Reason.SPAM_BLOCK)
        _bounce(store, "gone@b.test", 3, Reason.USER_UNKNOWN)
        _act(store, "lock", "hand@b.test", "freed@b.test")
        _act(store, "unlock", "freed@b.test")
        assert _of(store, "b.test") == ["gone@b.test", "hand@b.test", "ours@b.test", "soft@b.test"]
        audit = Audit(new_key(NOW), NOW, "purge", "desk")
        store.purge.carry_out({"gone@b.test"}, audit)
        assert "gone@b.test" not in _of(store, "b.test")


@pytest.mark.parametrize("kept", [True, False])
def test_a_domain_forgets_whom_retention_forgets(tmp_path: Path, *, kept: bool) -> None:
    with closing(open_store(tmp_path)) as store:
        _bounce(store, "old@b.test", 1)
        _bounce(store, "last@c.test", 2)
        if not kept:
            store.retention.expire_entries(NOW + 10, NOW + 10**8, POLICY.fold)
            store.retention.expire_addresses(NOW + 10**8, NOW + 10**8)
        assert _of(store, "b.test") == ["old@b.test"] * kept
