"""A dead domain is locked as a whole, a living one never, and one that comes alive is freed."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path

import dns.message
import dns.rcode
import pytest
from msgspec.structs import replace
from tests.stores import open_store
from tests.unit.store.bounces import NOW, bounce_of, policy

from bouncegate.admin.dns.confirmation import DomainConfirmation
from bouncegate.admin.dns.domainlocks import DomainLocks
from bouncegate.admin.dns.refresher import Refresher
from bouncegate.config.endpoints import NameServer as Address
from bouncegate.config.endpoints import parse_name_server
from bouncegate.config.settings import DnsSettings, DomainLockSettings, Settings
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.deaddomain import CHECKER, Bounced
from bouncegate.policy.fold import EMPTY
from bouncegate.policy.providers import Providers
from bouncegate.policy.records import Act, Delivered, Event, Lock, Ruling
from bouncegate.store.locktable import LockTable
from bouncegate.store.store import Bounce
from lab.nameserver import NameServer

from .liar import name_server, response_to

HOUR, DAY = 3600, 86_400
POLICY = policy(addresses=1000)
NUMBERS = count(1)


class Site:
    """A store, and what goes on in the background, under a clock that the test turns."""

    def __init__(self, path: Path, *resolvers: Address, addresses: int = 5) -> None:
        self.now = NOW
        self.store = open_store(path)
        self.locks = DomainLockSettings(addresses=addresses)
        self.ask(*resolvers)

    def ask(self, *resolvers: Address) -> None:
        """Ask these from here on."""
        self.dns = DnsSettings(resolvers=resolvers, queries_a_second=999)

    def bounce(
        self,
        domain: str,
        addresses: int,
        reason: Reason = Reason.USER_UNKNOWN,
        *,
        first: int = 0,
    ) -> None:
        """So many addresses bounce, and their domain is wanted as the return path does it."""
        events = [
            replace(bounce_of(f"u{n}@{domain}", next(NUMBERS), self.now, reason), provider="")
            for n in range(first, first + addresses)
        ]
        self.store.record([Bounce([event], b"", (domain,)) for event in events], POLICY)

    def maintain(self, days: float = 0) -> list[str]:
        """Let time pass, with the hourly rounds of all of it; what was done, in words."""
        done: list[str] = []
        settings = Settings(dns=self.dns, domain_locks=self.locks)
        given = (self.store, POLICY, Providers.of(), settings)
        names = DomainConfirmation(*given, clock=lambda: self.now)
        locks = DomainLocks(*given, clock=lambda: self.now)
        refresher = Refresher(self.store.mx, self.dns, lambda: self.now)
        end = self.now + int(days * DAY)
        while True:
            refresher.refresh(threading.Event())
            names.check(threading.Event())
            acts = locks.check(threading.Event())
            done += [f"{act.verb} {address}" for act in acts for address in act.addresses]
            if self.now >= end:
                return done
            self.now = min(self.now + 6 * HOUR, end)

    def lock(self, domain: str) -> Lock | None:
        state = self.store.addresses.get(f"@{domain}")
        lock = state.lock if state else None
        return lock if lock is not None and lock.in_force(self.now) else None


@pytest.fixture
def site_of(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    sites: list[Site] = []

    def make(*resolvers: Address, addresses: int = 5) -> Site:
        (tmp_path / str(len(sites))).mkdir()
        sites.append(Site(tmp_path / str(len(sites)), *resolvers, addresses=addresses))
        return sites[-1]

    yield make
    for site in sites:
        site.store.close()


@pytest.fixture
def site(nsd: NameServer, site_of: Callable[..., Site]) -> Site:
    """With a living domain that bounced once, so that the name servers have proved themselves."""
    site = site_of(parse_name_server(nsd.resolver))
    site.bounce("good.test", 1)
    return site


@pytest.mark.parametrize(
    ("domain", "reason"),
    [("nowhere.test", "host-unknown"), ("null.test", "no-mx"), ("text.test", "no-mx")],
)
def test_a_dead_domain_is_locked_when_many_of_its_addresses_bounce(
    site: Site, domain: str, reason: str
) -> None:
    site.bounce(domain, 5)
    assert site.maintain() == [], "DNS denies it once: that may be a mishap"
    site.bounce("good.test", 1)
    assert site.maintain(days=1) == [f"lock @{domain}"]
    lock = site.lock(domain)
    assert lock is not None
    assert (lock.kind, lock.reason, lock.origin) == ("hard", reason, "automatic")
    assert lock.until == DomainLockSettings().lock.after(site.now)
    (act,) = (entry for _, entry in site.store.journal.of_address(f"@{domain}"))
    assert isinstance(act, Act)
    assert act.by == CHECKER
    assert act.why.startswith("5 addresses bounced and ")
    assert site.maintain(days=1) == [], "once"


def test_too_few_addresses_lock_no_domain_however_often_they_bounce(site: Site) -> None:
    for _ in range(5):
        site.bounce("nowhere.test", 4)
    site.bounce("good.test", 1)
    assert site.maintain(days=2) == []


def test_a_domain_that_takes_mail_is_never_locked_whatever_bounces(site: Site) -> None:
    for domain in ("good.test", "address.test", "half-null.test"):
        site.bounce(domain, 50)
    assert site.maintain(days=3) == []


def test_what_does_not_count_against_an_address_does_not_count_against_its_domain(
    site: Site,
) -> None:
    site.bounce("nowhere.test", 5, Reason.MAILBOX_FULL)
    site.bounce("nowhere.test", 5, Reason.SPAM_BLOCK)
    forged = [
        replace(bounce_of(f"u{n}@nowhere.test", next(NUMBERS)), trust="unverified")
        for n in range(9)
    ]
    site.store.record([Bounce([event], b"") for event in forged], POLICY)
    assert site.maintain(days=2) == []


def test_bounces_that_are_void_do_not_count(site: Site) -> None:
    site.bounce("nowhere.test", 5)
    numbers = site.store.history.find(lambda event: event.address == "u0@nowhere.test")
    site.store.void(numbers, Ruling("void", (), NOW, "ann"), POLICY.fold)
    assert site.maintain(days=2) == []


def test_bounces_before_the_window_do_not_count(site: Site) -> None:
    site.bounce("nowhere.test", 3)
    site.maintain(days=31)
    site.bounce("good.test", 1)
    site.bounce("nowhere.test", 4, first=3)
    assert site.maintain(days=2) == []


@pytest.mark.parametrize("sign", ["delivered", "alive", "success report"])
def test_a_sign_of_life_since_the_denial_outweighs_it(site: Site, sign: str) -> None:
    site.bounce("nowhere.test", 5)
    site.maintain()
    site.now += HOUR
    address = "u9@nowhere.test"
    if sign == "success report":
        event: Event = replace(
            bounce_of(address, next(NUMBERS), site.now, Reason.NOT_A_FAILURE), action="delivered"
        )
        site.store.record([Bounce([event], b"")], POLICY)
    else:
        entry = (
            Delivered((address,), site.now, site.now, "log")
            if sign == "delivered"
            else Act((address,), site.now, "alive", by="tracker")
        )
        with site.store._writing() as transaction:
            site.store.history.journal.append(transaction, entry)
    site.bounce("good.test", 1)
    assert site.maintain(days=2) == []


def test_a_domain_that_a_provider_runs_by_name_is_never_locked(
    site_of: Callable[..., Site],
) -> None:
    def wrong(question: dns.message.QueryMessage, _tcp: bool) -> dns.message.Message:
        if question.question[0].name.to_text() not in ("gmx.de.", "example.com."):
            return response_to(question, answer="10 mx.test.")
        return response_to(question, dns.rcode.NXDOMAIN, soa_of=question.question[0].name.to_text())

    with name_server(wrong) as server:
        site = site_of(server)
        locked: list[str] = []
        for _ in range(2):
            for domain in ("gmx.de", "example.com"):
                site.bounce(domain, 5)
            site.bounce("good.test", 1)
            locked += site.maintain(days=1)
    assert locked == ["lock @example.com"]
    assert site.lock("gmx.de") is None


def test_name_servers_that_deny_everything_lock_nothing(site_of: Callable[..., Site]) -> None:
    def lying(question: dns.message.QueryMessage, _tcp: bool) -> dns.message.Message:
        return response_to(question, dns.rcode.NXDOMAIN, soa_of="test.")

    with name_server(lying) as liar:
        site = site_of(liar)
        for _ in range(5):
            site.bounce("nowhere.test", 9)
            site.bounce("good.test", 9)
            assert site.maintain(days=1) == []


def test_a_domain_that_took_mail_is_not_locked_in_the_mishap_of_a_day(
    nsd: NameServer, site_of: Callable[..., Site]
) -> None:
    def broken(question: dns.message.QueryMessage, _tcp: bool) -> dns.message.Message:
        return response_to(question, dns.rcode.NXDOMAIN, soa_of="test.")

    site = site_of(parse_name_server(nsd.resolver))
    site.bounce("good.test", 9)
    site.maintain(days=1)
    with name_server(broken) as mishap:
        site.ask(mishap)
        site.bounce("good.test", 9)
        assert site.maintain(days=0.9) == []
    site.ask(parse_name_server(nsd.resolver))
    site.bounce("good.test", 9)
    assert site.maintain(days=3) == []
    assert site.store.mx.of("good.test").denial is None


def test_a_locked_domain_that_is_dead_still_is_locked_on(site: Site) -> None:
    site.bounce("nowhere.test", 5)
    site.maintain()
    site.bounce("good.test", 1)
    site.maintain(days=1)
    first = site.lock("nowhere.test")
    assert first is not None
    done = site.maintain(days=100)
    assert set(done) == {"lock @nowhere.test"}
    assert len(done) in (4, 5), "about once in three weeks"
    assert site.lock("nowhere.test") is not None
    entries = [entry for _, entry in site.store.journal.of_address("@nowhere.test")]
    assert isinstance(entries[-1], Act)
    assert entries[-1].why == "still there is no such domain"


def test_a_locked_domain_that_takes_mail_again_is_freed_and_the_log_says_so(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.bounce("nowhere.test", 5)
    site.maintain()
    site.bounce("good.test", 1)
    site.maintain(days=1)
    assert site.lock("nowhere.test") is not None

    def alive(question: dns.message.QueryMessage, _tcp: bool) -> dns.message.Message:
        return response_to(question, answer="10 mx.nowhere.test.")

    with name_server(alive) as server, caplog.at_level(logging.WARNING):
        site.ask(server)
        assert site.maintain(days=4) == ["unlock @nowhere.test"]
    assert site.lock("nowhere.test") is None
    assert "@nowhere.test: unlocked: the domain takes mail again: mx.nowhere.test" in caplog.text
    assert site.maintain(days=4) == [], "what had bounced before is not counted once more"


def test_a_domain_locked_since_servers_call_it_unknown_frees_its_addresses_when_it_is_back(
    site: Site,
) -> None:
    people = [f"u{n}@nowhere.test" for n in range(6)]
    site.bounce("nowhere.test", 6, Reason.HOST_UNKNOWN)
    assert site.maintain() == []
    site.bounce("good.test", 1)
    assert site.maintain(days=1) == ["lock @nowhere.test"]

    def alive(question: dns.message.QueryMessage, _tcp: bool) -> dns.message.Message:
        return response_to(question, answer="10 mx.nowhere.test.")

    with name_server(alive) as server:
        site.ask(server)
        assert site.maintain(days=4) == ["unlock @nowhere.test"]
    states = [site.store.addresses.get(address) for address in people]
    assert [state.lock for state in states if state] == [None] * 6


def test_with_every_name_server_dead_a_lock_ends_when_it_was_to_end(site: Site) -> None:
    site.bounce("nowhere.test", 5)
    site.maintain()
    site.bounce("good.test", 1)
    site.maintain(days=1)
    lock = site.lock("nowhere.test")
    with name_server(lambda q, _: response_to(q, dns.rcode.SERVFAIL)) as dead:
        site.ask(dead)
        assert site.maintain(days=20) == []
        assert site.lock("nowhere.test") == lock
        assert site.maintain(days=12) == []
    assert site.lock("nowhere.test") is None


def test_what_an_operator_has_locked_or_unlocked_stays_so(site: Site) -> None:
    by_hand = Act(("@good.test",), NOW, "lock", by="ann")
    site.store.act([by_hand], POLICY.fold)
    site.bounce("nowhere.test", 5)
    site.maintain()
    site.bounce("good.test", 1)
    assert site.maintain(days=1) == ["lock @nowhere.test"]
    site.store.act([Act(("@nowhere.test",), site.now, "unlock", by="ann")], POLICY.fold)
    assert site.maintain(days=10) == []
    assert site.lock("good.test") is not None
    site.now += 60
    site.bounce("nowhere.test", 5)
    site.bounce("good.test", 1)
    assert site.maintain(days=2) == ["lock @nowhere.test"], "new bounces count again"


def test_what_an_operator_does_during_a_round_is_not_undone_by_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.bounce("nowhere.test", 5)
    site.maintain()
    site.bounce("good.test", 1)
    by_hand = Act(("@nowhere.test",), NOW, "lock", by="ann")
    bounced = site.store.domainbounces.since

    def meanwhile(since: Mapping[str, int], counts: Callable[[Event], bool]) -> dict[str, Bounced]:
        if since:
            site.store.act([by_hand], POLICY.fold)
        return bounced(since, counts)

    monkeypatch.setattr(site.store.domainbounces, "since", meanwhile)
    assert site.maintain(days=1) == []
    lock = site.lock("nowhere.test")
    assert lock is not None
    assert lock.origin == "manual"


def test_an_address_of_a_dead_domain_is_refused_though_it_never_bounced(site: Site) -> None:
    site.bounce("nowhere.test", 5)
    site.maintain()
    site.bounce("good.test", 1)
    site.maintain(days=1)
    find = LockTable(site.store._environment).find
    assert find(b"never.mailed@nowhere.test") is not None
    assert find(b"ann@good.test") is None


def test_the_state_of_a_domain_is_the_fold_of_its_entries(site: Site) -> None:
    site.bounce("nowhere.test", 5)
    site.maintain()
    site.bounce("good.test", 1)
    site.maintain(days=60)
    told = EMPTY
    for number, entry in site.store.journal.of_address("@nowhere.test"):
        told = POLICY.fold(told, number, entry)
    assert told == site.store.addresses.get("@nowhere.test")
    assert site.lock("nowhere.test") is not None


def test_only_the_journal_of_the_window_is_read(site: Site) -> None:
    for _ in range(10):
        site.bounce("good.test", 3)
        site.now += 10 * DAY
    with site.store._reading() as transaction:
        first = site.store.history.journal.first_since(transaction, site.now - 30 * DAY)
        times = [entry.time for _, entry in site.store.journal.entries(first)]
    assert len(times) == 9
    assert min(times) == site.now - 30 * DAY
