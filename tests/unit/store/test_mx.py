"""What DNS has told is kept within bounds, is never lost to a failure, and is found by its host."""

from pathlib import Path

import pytest

from bouncegate.config.settings import DnsSettings
from bouncegate.policy.mx import UNASKED, MxAnswer, MxHost
from bouncegate.store import mx as module
from bouncegate.store.layout import MX, MX_HOSTS
from bouncegate.store.mx import MxCache, NameServerFault, can_be_asked
from bouncegate.store.store import Bounce, Store

from .bounces import NOW, bounce_of, contents, policy

SETTINGS = DnsSettings()
DAY = 86_400


@pytest.fixture
def known(store: Store) -> MxCache:
    return store.mx


def taken_by(*hosts: str) -> MxAnswer:
    return MxAnswer("ok", tuple(MxHost(n, host) for n, host in enumerate(hosts)), ttl=7200)


FAILED = MxAnswer("unknown", why="timeout")


def test_what_dns_told_is_there_after_a_restart(known: MxCache, tmp_path: Path) -> None:
    known.learn({"example.com": taken_by("mx1.example.com", "mx2.example.com")}, NOW, SETTINGS)
    exchange = known.of("example.com")
    assert exchange.mx_hosts == ("mx1.example.com", "mx2.example.com")
    assert (exchange.fetched, exchange.good_until) == (NOW, NOW + 7200)
    assert known.of("example.net") == UNASKED


def test_a_failed_look_up_leaves_the_stale_answer(known: MxCache) -> None:
    known.learn({"example.com": taken_by("mx.example.com")}, NOW, SETTINGS)
    known.learn({"example.com": FAILED}, NOW + 30 * DAY, SETTINGS)
    assert known.of("example.com").mx_hosts == ("mx.example.com",)


def test_the_domains_of_a_provider_are_found_by_the_end_of_their_best_host(
    known: MxCache,
) -> None:
    known.learn(
        {
            "a.test": taken_by("aspmx.l.google.com", "mx.example.com"),
            "b.test": taken_by("mx.example.com", "aspmx.l.google.com"),
            "c.test": taken_by("mx.notgoogle.com"),
            "d.test": taken_by("google.com"),
            "e.test": FAILED,
        },
        NOW,
        SETTINGS,
    )
    assert sorted(known.domains_at("google.com")) == [
        ("a.test", "aspmx.l.google.com"),
        ("d.test", "google.com"),
    ]
    known.learn({"a.test": taken_by("mx.example.com")}, NOW + DAY, SETTINGS)
    assert sorted(known.domains_at("google.com")) == [("d.test", "google.com")], "it has moved"


def test_a_domain_that_bounces_is_wanted_in_the_transaction_of_the_bounce(store: Store) -> None:
    event = bounce_of("ann@example.com", 1)
    store.record([Bounce([event], b"", ("example.com", "[127.0.0.1]"))], policy())
    assert store.mx.due(NOW, 10) == ["example.com"]


def test_the_longest_wanted_comes_first_and_a_learned_one_is_wanted_no_more(
    known: MxCache,
) -> None:
    known.want(["late.test"], NOW + 60)
    known.want(["b.test"], NOW - 60)
    known.want(["a.test"], NOW)
    assert known.due(NOW, 10) == ["b.test", "a.test"]
    assert known.due(NOW, 1) == ["b.test"]
    known.learn({"b.test": taken_by("mx.test")}, NOW, SETTINGS)
    assert known.due(NOW, 10) == ["a.test"]
    assert known.due(NOW + 60, 10) == ["a.test", "late.test"]


def test_to_want_a_domain_earlier_counts_and_later_does_not(known: MxCache) -> None:
    known.want(["a.test"], NOW)
    known.want(["a.test"], NOW + 60)
    assert known.due(NOW, 10) == ["a.test"]
    known.want(["a.test"], NOW - 60)
    assert known.due(NOW - 60, 10) == ["a.test"]


def test_a_denial_is_asked_for_again_by_itself(known: MxCache) -> None:
    known.learn({"gone.test": MxAnswer("nxdomain", ttl=60)}, NOW, SETTINGS)
    assert known.due(NOW + DAY - 1, 10) == []
    assert known.due(NOW + DAY, 10) == ["gone.test"]


def test_the_queue_is_bounded(known: MxCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WANTED", 5)
    known.want([f"d{n}.test" for n in range(20)], NOW)
    assert len(known.due(NOW, 100)) == 5
    known.want(["d0.test"], NOW - 60)
    assert known.due(NOW - 60, 100) == ["d0.test"], "what is in it already can still be hurried"


def test_the_domains_are_bounded_and_those_go_that_nobody_has_asked_for(
    store: Store, known: MxCache
) -> None:
    few = DnsSettings(domains=100)
    for n in range(150):
        known.learn({f"d{n}.test": taken_by(f"mx{n}.example.com")}, NOW + n, few)
        assert known.count() <= 100
    assert known.of("d0.test") == UNASKED
    assert known.of("d149.test") != UNASKED
    assert len(list(known.domains_at("example.com"))) == known.count(), "the index forgets as well"
    kept = contents(store, MX, MX_HOSTS)
    assert len(kept[MX]) == len(kept[MX_HOSTS])


@pytest.mark.parametrize("domain", ["", "[127.0.0.1]", "[ipv6:::1]", "x" * 254])
def test_what_is_no_domain_name_is_never_asked_for(known: MxCache, domain: str) -> None:
    assert not can_be_asked(domain)
    known.want([domain], NOW)
    assert known.due(NOW, 10) == []
    assert known.of(domain) == UNASKED


def test_names_as_long_as_they_may_be_fit_into_the_index(known: MxCache) -> None:
    longest = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
    host = ".".join(["e" * 63, "f" * 63, "g" * 63, "h" * 61])
    assert len(longest) == len(host) == 253
    known.learn({longest: taken_by(host)}, NOW, SETTINGS)
    assert list(known.domains_at("h" * 61)) == [(longest, host)]


def test_some_domains_that_take_mail_are_found_among_many_that_do_not(known: MxCache) -> None:
    dead = {f"b{n}.test": MxAnswer("nxdomain") for n in range(300)}
    alive = {f"{first}.test": taken_by("mx.test") for first in ("b9999", "a", "c")}
    known.learn({**dead, **alive}, NOW, SETTINGS)
    assert set(known.some_that_take_mail(3)) == alive.keys()
    assert set(known.some_that_take_mail(3, without=["c.test"])) == {"a.test", "b9999.test"}
    assert len(known.some_that_take_mail(2)) == 2
    assert known.some_that_take_mail(3, without=list(alive)) == []


def test_why_name_servers_are_not_believed_is_kept(known: MxCache) -> None:
    assert known.fault() is None
    fault = NameServerFault(NOW, "they deny mail.test", may_be_true=True)
    known.note_fault(fault)
    assert known.fault() == fault
    known.note_fault(None)
    assert known.fault() is None
