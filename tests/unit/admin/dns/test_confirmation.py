"""What mail servers say of domains counts once DNS has confirmed it, and as long as it is so."""

import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import dns.message
import dns.rcode
import pytest
from msgspec.structs import replace
from tests.stores import open_store
from tests.unit.store.bounces import NOW, bounce_of, lock_by_hand, policy

from bouncegate.admin.dns.confirmation import DomainConfirmation, Round
from bouncegate.admin.dns.refresher import Refresher
from bouncegate.config.endpoints import NameServer as Address
from bouncegate.config.endpoints import parse_name_server
from bouncegate.config.settings import DnsSettings, Settings
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.providers import Providers
from bouncegate.policy.records import Act, Opened, Ruling
from bouncegate.policy.timeline import steps
from bouncegate.store.store import Bounce
from bouncegate.store.unconfirmed import Pile
from lab.nameserver import NameServer

from .liar import name_server, response_to

HOUR, DAY = 3600, 86_400
POLICY = policy(addresses=1000)
NUMBERS = count(1)


class Site:
    """A store whose bounces wait for DNS, under a clock that the test turns."""

    def __init__(self, path: Path, *resolvers: Address) -> None:
        self.now = NOW
        self.store = open_store(path)
        self.ask(*resolvers)

    def ask(self, *resolvers: Address) -> None:
        """Ask these from here on, and nothing of what was decided before is remembered."""
        self.dns = DnsSettings(resolvers=resolvers, queries_a_second=9999)
        settings = Settings(dns=self.dns)
        self.check = DomainConfirmation(
            self.store, POLICY, Providers.of(), settings, clock=lambda: self.now
        )

    def bounce(self, *addresses: str, reason: Reason = Reason.HOST_UNKNOWN) -> None:
        """A mail server says so of each of them."""
        for address in addresses:
            event = replace(bounce_of(address, next(NUMBERS), self.now, reason), provider="")
            self.store.record([Bounce([event], b"")], POLICY)

    def maintain(self, days: float = 0) -> Round:
        """Let time pass, with rounds of it all; what was done altogether."""
        done = Round()
        end = self.now + int(days * DAY)
        while True:
            for _ in range(2):  # what a check wants to know is asked, and decides the next one
                some = self.check.check(threading.Event())
                done = Round(*(a + b for a, b in zip(done, some, strict=True)))
                Refresher(self.store.mx, self.dns, lambda: self.now).refresh(threading.Event())
            some = self.check.check(threading.Event())
            done = Round(*(a + b for a, b in zip(done, some, strict=True)))
            if self.now >= end:
                return done
            self.now = min(self.now + 6 * HOUR, end)

    def locked(self, *addresses: str) -> list[str]:
        """Those of them that are locked."""
        states = ((address, self.store.addresses.get(address)) for address in addresses)
        return [a for a, s in states if s is not None and s.lock and s.lock.in_force(self.now)]

    def effects(self, address: str) -> list[str]:
        return [step.effect for step in steps(self.store.history.of_address(address), POLICY)]


@pytest.fixture
def site_of(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    sites: list[Site] = []

    def make(*resolvers: Address) -> Site:
        (tmp_path / str(len(sites))).mkdir()
        sites.append(Site(tmp_path / str(len(sites)), *resolvers))
        return sites[-1]

    yield make
    for site in sites:
        site.store.close()


@pytest.fixture
def site(nsd: NameServer, site_of: Callable[..., Site]) -> Site:
    """Where a domain that takes mail is known already."""
    site = site_of(parse_name_server(nsd.resolver))
    site.store.mx.want(["good.test"], NOW)
    site.maintain()
    return site


def alive(question: dns.message.QueryMessage, _tcp: bool) -> dns.message.Message:
    return response_to(question, answer="10 mx.test.")


@pytest.mark.parametrize(
    ("domain", "reason"),
    [
        ("nowhere.test", Reason.HOST_UNKNOWN),
        ("null.test", Reason.NO_MX),
        ("text.test", Reason.NO_MX),
        ("hostless.test", Reason.HOST_UNKNOWN),
    ],
)
def test_a_domain_that_a_server_calls_unknown_locks_once_dns_has_denied_it_twice(
    site: Site, domain: str, reason: Reason
) -> None:
    ann = f"ann@{domain}"
    site.bounce(ann, reason=reason)
    assert site.locked(ann) == []
    assert site.effects(ann) == ["unconfirmed"]
    assert site.maintain(days=0.9) == Round()
    assert site.effects(ann) == ["unconfirmed"], "denied once"
    assert site.maintain(days=0.2) == Round(confirmed=1)
    assert site.locked(ann) == [ann]
    assert site.effects(ann) == ["locked"]
    state = site.store.addresses.get(ann)
    assert state is not None
    assert state.lock is not None
    assert (state.lock.reason, state.lock.since) == (reason, NOW), "as the policy says, from then"


def test_a_domain_that_takes_mail_makes_the_bounce_void_whatever_a_server_says(site: Site) -> None:
    ann = "ann@good.test"
    site.bounce(ann, "ben@address.test", "cyd@half-hostless.test")
    assert site.maintain() == Round(refuted=3)
    assert site.locked(ann, "ben@address.test", "cyd@half-hostless.test") == []
    assert site.effects(ann) == ["void"]
    (*_, (_, ruling)) = site.store.journal.entries()
    assert isinstance(ruling, Ruling)
    assert (ruling.by, ruling.why) == ("domain-check", "the domain takes mail")
    assert site.maintain(days=2) == Round(), "once"


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
def test_a_name_server_that_fails_confirms_nothing_until_the_bounce_is_given_up(
    site_of: Callable[..., Site], rcode: dns.rcode.Rcode
) -> None:
    with name_server(lambda q, _: response_to(q, rcode)) as failing:
        site = site_of(failing)
        site.bounce("ann@good.test")
        assert site.maintain(days=29) == Round()
        assert site.maintain(days=2) == Round(refuted=1)
    assert site.locked("ann@good.test") == []


def test_without_dns_what_a_server_says_of_names_waits(site_of: Callable[..., Site]) -> None:
    site = site_of()
    site.bounce("ann@good.test", "ben@nowhere.test", "cyd@nowhere.test")
    assert site.locked("ann@good.test", "ben@nowhere.test") == []
    pile = site.store.unconfirmed.pile(site.store.mx.of)
    assert pile == Pile(events=3, domains=2, unanswered=2, oldest=NOW)


def test_an_undo_of_a_bounce_that_waits_is_final(site: Site) -> None:
    ann = "ann@nowhere.test"
    site.bounce(ann)
    (number,) = site.store.history.find(lambda event: event.address == ann)
    site.store.void([number], Ruling("void", (), NOW, "root"), POLICY.fold)
    assert site.maintain(days=2) == Round()
    assert site.effects(ann) == ["void"]


def test_what_a_provider_runs_by_name_is_never_confirmed_to_be_absent(
    site_of: Callable[..., Site],
) -> None:
    def denying(question: dns.message.QueryMessage, _tcp: bool) -> dns.message.Message:
        if question.question[0].name.to_text() == "good.test.":
            return response_to(question, answer="10 mx.test.")
        return response_to(question, dns.rcode.NXDOMAIN, soa_of="com.")

    with name_server(denying) as server:
        site = site_of(server)
        site.store.mx.want(["good.test"], NOW)
        site.bounce("ann@gmail.com")
        assert site.maintain(days=3) == Round()
    assert site.locked("ann@gmail.com") == []


def test_a_domain_that_comes_back_frees_the_addresses_that_its_absence_locked(site: Site) -> None:
    absent = ["ann@nowhere.test", "ben@nowhere.test"]
    site.bounce(*absent)
    site.bounce("cyd@nowhere.test", reason=Reason.USER_UNKNOWN)
    site.store.act([lock_by_hand("dan@nowhere.test")], POLICY.fold)
    site.maintain(days=1.1)
    others = ["cyd@nowhere.test", "dan@nowhere.test"]
    assert site.locked(*absent, *others) == absent + others
    with name_server(alive) as server:
        site.ask(server)
        assert site.maintain(days=4) == Round(freed=2)
    assert site.locked(*absent, *others) == others
    assert site.effects(absent[0]) == ["locked", "recovered"]
    (_, act) = site.store.journal.of_address(absent[0])[-1]
    assert isinstance(act, Act)
    assert (act.by, act.why) == ("domain-check", "the domain takes mail again: mx.test")


def test_a_lock_of_an_earlier_version_is_freed_too_when_its_domain_takes_mail(site: Site) -> None:
    """It locked at once, on the word of our own mail server."""
    ann = "ann@good.test"
    site.bounce(ann)
    (number,) = site.store.history.find(lambda event: event.address == ann)
    site.store.confirm(Ruling("release", (number,), NOW), POLICY.fold)
    assert site.locked(ann) == [ann]
    site.now += 60
    assert site.maintain(days=4) == Round(freed=1)
    assert site.locked(ann) == []


def test_a_domain_that_stays_away_is_asked_for_at_intervals_and_stays_locked(site: Site) -> None:
    ann = "ann@nowhere.test"
    site.bounce(ann)
    site.maintain(days=40)
    assert site.locked(ann) == [ann]
    assert site.now - site.store.mx.of("nowhere.test").fetched <= 3 * DAY


def test_many_locks_are_looked_at_over_several_rounds(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bouncegate.admin.dns.confirmation._LOCKS_A_ROUND", 2)
    people = [f"u{n}@good.test" for n in range(5)]
    site.bounce(*people)
    numbers = tuple(site.store.history.find(lambda event: True))
    site.store.confirm(Ruling("release", numbers, NOW), POLICY.fold)
    site.now += 4 * DAY
    site.store.mx.want(["good.test"], site.now)
    Refresher(site.store.mx, site.dns, lambda: site.now).refresh(threading.Event())
    freed = [site.check.check(threading.Event()).freed for _ in range(4)]
    assert freed == [2, 2, 1, 0]
    assert site.locked(*people) == []


def incidents(site: Site) -> list[tuple[str, str]]:
    found = site.store.incidents.all()
    return [(i.opened.provider, i.settled.verb if i.settled else "open") for i in found]


def test_many_domains_called_unknown_that_take_mail_are_an_incident_of_ours(
    site_of: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    """The resolver of Postfix lies, that of the maintenance does not."""
    with name_server(alive) as server, caplog.at_level("ERROR", "bouncegate.domain-check"):
        site = site_of(server)
        site.bounce(*(f"ann@company{n}.test" for n in range(51)))
        assert site.maintain() == Round(refuted=51)
        assert incidents(site) == [("(our name servers)", "open")]
        assert site.maintain(days=1) == Round()
    assert incidents(site) == [("(our name servers)", "closed")]
    assert len(caplog.records) == 1


def test_many_domains_of_which_nothing_is_heard_are_an_incident_until_dns_answers(
    nsd: NameServer, site_of: Callable[..., Site]
) -> None:
    with name_server(lambda q, _: response_to(q, dns.rcode.SERVFAIL)) as failing:
        site = site_of(failing)
        site.bounce(*(f"ann@company{n}.test" for n in range(51)))
        assert site.maintain() == Round()
        assert incidents(site) == [("(our name servers)", "open")]
    site.ask(parse_name_server(nsd.resolver))
    site.store.mx.want(["good.test"], site.now)
    assert site.maintain(days=3) == Round(confirmed=51), "they are dead indeed"
    assert incidents(site) == [("(our name servers)", "closed")]


def test_an_incident_of_our_name_servers_goes_on_after_a_restart_and_nothing_counts(
    site: Site,
) -> None:
    ann = "ann@nowhere.test"
    site.bounce(ann)
    site.maintain(days=0.9)
    opened = Opened(site.now, "(our name servers)", Reason.HOST_UNKNOWN, 60, 50)
    number = site.store.open_for_names(opened)
    site.ask(parse_name_server(site.dns.resolvers[0].__str__()))
    site.now += DAY
    Refresher(site.store.mx, site.dns, lambda: site.now).refresh(threading.Event())
    assert site.check.check(threading.Event()) == Round(), "while it is open"
    assert incidents(site) == [("(our name servers)", "closed")]
    assert site.store.incidents.held(number) == []
    assert site.maintain() == Round(confirmed=1)


@pytest.mark.parametrize(
    ("domains", "days", "found"), [(40, 1.1, []), (60, 3, [("(our name servers)", "closed")])]
)
def test_dead_domains_are_no_incident_once_dns_is_believed_that_they_are(
    site: Site, domains: int, days: float, found: list[tuple[str, str]]
) -> None:
    """Very many at once are believed a day later."""
    names = [f"gone{n}.test" for n in range(domains)]
    site.bounce(*(f"ann@{name}" for name in names))
    site.store.mx.want(names, site.now)
    Refresher(site.store.mx, site.dns, lambda: site.now).refresh(threading.Event())
    assert site.maintain(days=days) == Round(confirmed=domains)
    assert incidents(site) == found
