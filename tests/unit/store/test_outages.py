"""Outages of many kinds lock nobody, and whoever attacks the guard neither blinds nor uses it.

Each is played against a real store, with a clock of its own and a record of past sends.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing
from hashlib import blake2b
from pathlib import Path

import pytest
from msgspec.structs import replace

from bouncegate.admin.lists.maintenance import Maintenance
from bouncegate.config.durations import Duration
from bouncegate.config.settings import (
    GuardSettings,
    LedgerSettings,
    ListsSettings,
    PolicySettings,
    StoreSettings,
)
from bouncegate.config.values import Size
from bouncegate.policy.fold import Policy
from bouncegate.policy.guard import Guard, Sends, unknown
from bouncegate.policy.records import Event
from bouncegate.store.entry import KEY, Sent, entry_of
from bouncegate.store.incidents import Incident
from bouncegate.store.ledger import Ledger
from bouncegate.store.store import Store

from .bounces import NOW, SIGNED, bounce_of, record

HOUR, DAY = 3600, 86_400
WINDOW = 6 * HOUR
TODAY = NOW // DAY


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(StoreSettings(path=tmp_path, map_size=Size(256 * 2**20)))
    yield store
    store.close()


def rules(sends: int | Sends | None = None) -> Policy:
    """The policy with the guard that is shipped; so many sends to each provider in six hours."""
    told = unknown if sends is None else sends if callable(sends) else lambda *_: sends
    return Policy(PolicySettings(), SIGNED, guard=Guard(GuardSettings(), told))


def mailed(store: Store, addresses: Iterable[str], days_ago: int) -> None:
    """Addresses that are on record as first mailed so many days ago, and ever since."""
    store.lastmailed.record(dict.fromkeys(addresses, TODAY - days_ago), lambda _: "")
    until = KEY.pack(NOW, bytes(8), 0)
    store.lastmailed.record({"others@example.net": TODAY - 60}, lambda _: "", until)


def users(number: int, domain: str = "gmail.com", name: str = "u") -> list[str]:
    return [f"{name}{n}@{domain}" for n in range(number)]


def bounces(addresses: Iterable[str], start: int, every: float, **changes: str) -> list[Event]:
    """One bounce of each address, in turn."""
    return [
        bounce(address, start + int(n * every), **changes) for n, address in enumerate(addresses)
    ]


def bounce(address: str, time: int, **changes: str) -> Event:
    identity = blake2b(f"{address} {time}".encode(), digest_size=16).digest()
    return replace(bounce_of(address, 0, time), identity=identity, **changes)


def locked(store: Store, end: str = "") -> list[str]:
    return [address for address, _ in store.addresses.locks() if address.endswith(end)]


def open_files(store: Store) -> list[Incident]:
    return [incident for incident in store.incidents.all() if incident.settled is None]


# -- who uses the guard ----------------------------------------------------------------------------


def test_addresses_that_were_signed_up_to_bounce_lock_as_ever_and_open_nothing(
    store: Store,
) -> None:
    mailed(store, users(30, name="dead"), 90)
    mailed(store, users(300, name="bot"), 2)
    policy = rules(900)
    record(store, bounces(users(300, name="bot"), NOW, 60), policy)
    record(store, bounces(users(30, name="dead"), NOW + 300 * 60, 600), policy)
    assert store.incidents.all() == []
    assert len(locked(store)) == 330


def test_a_domain_whose_mx_claims_a_provider_cannot_speak_for_it(store: Store) -> None:
    everybody = [*users(20, name="dead"), *users(400, "attacker.example")]
    mailed(store, everybody, 90)
    policy = rules(900)
    record(store, bounces(users(10, name="dead"), NOW, 60), policy)
    record(store, bounces(users(400, "attacker.example"), NOW + 900, 20, provider="google"), policy)
    record(store, bounces(users(20, name="dead")[10:], NOW + 9000, 60), policy)
    assert [i for i in store.incidents.all() if i.opened.provider == "google"] == []
    assert len(locked(store, "@gmail.com")) == 20


def test_many_such_domains_count_for_no_more_than_the_domains_of_the_provider(
    store: Store,
) -> None:
    domains = [f"attacker{n}.example" for n in range(30)]
    attackers = [address for domain in domains for address in users(12, domain)]
    mailed(store, [*attackers, *users(30, name="dead")], 90)
    policy = rules(900)
    record(store, bounces(users(30, name="dead"), NOW, 60), policy)
    record(store, bounces(attackers, NOW + 1800, 20, provider="google"), policy)
    assert store.incidents.all() == []
    assert len(locked(store, "@gmail.com")) == 30


def test_subdomains_count_as_the_domain_that_somebody_has_paid_for(store: Store) -> None:
    attackers = [f"u{n}@s{n}.attacker.co.uk" for n in range(200)]
    mailed(store, attackers, 90)
    record(store, bounces(attackers, NOW, 20, provider="mimecast"), rules(900))
    assert store.incidents.all() == []


def test_an_attack_that_goes_on_for_a_month_frees_no_dead_address(store: Store) -> None:
    attackers, dead = users(160, "attacker.example"), users(60, name="dead")
    mailed(store, [*attackers, *dead], 90)
    policy = rules(900)
    for n, address in enumerate(dead):
        at = NOW + n * 12 * HOUR
        record(store, bounces(attackers, at, 200, provider="google"), policy)
        record(store, bounces([address], at + 5, 1), policy)
        store.close_incidents(policy, at + 11 * HOUR)
    assert len(locked(store, "@gmail.com")) == len(dead)


def test_an_incident_frees_no_address_that_was_new(store: Store) -> None:
    known = users(150)
    mailed(store, known, 90)
    mailed(store, users(5, name="new"), 1)
    policy = rules(900)
    record(store, bounces(users(5, name="new"), NOW, 1), policy)
    record(store, bounces(known, NOW + 60, 10), policy)
    assert len(open_files(store)) == 1
    assert locked(store) == users(5, name="new")
    record(store, bounces(["late@gmail.com"], NOW + 2000, 1), policy)
    assert "late@gmail.com" in locked(store), "a new address locks while an incident is open"


def test_an_address_that_bounced_a_week_ago_without_a_delivery_since_is_no_longer_known(
    store: Store,
) -> None:
    mailed(store, users(200), 90)
    twice = Policy(
        replace(PolicySettings(), hard=replace(PolicySettings().hard, failures=2)),
        SIGNED,
        guard=Guard(GuardSettings(), lambda *_: 900),
    )
    record(store, bounces(users(5), NOW - 8 * DAY, 60), twice)
    record(store, bounces(users(200), NOW, 10), twice)
    assert len(open_files(store)) == 1
    assert locked(store) == users(5)


# -- what the guard has to see ---------------------------------------------------------------------


def test_a_fast_outage_of_known_addresses_locks_nobody(store: Store) -> None:
    mailed(store, users(1000), 90)
    record(store, bounces(users(1000), NOW, 3), rules(5000))
    (incident,) = open_files(store)
    assert (incident.opened.limit, len(store.incidents.held(incident.number))) == (500, 1000)
    assert locked(store) == []


@pytest.mark.parametrize("sends", [None, 900])
def test_a_slow_outage_of_sixteen_an_hour_locks_nobody(store: Store, sends: int | None) -> None:
    mailed(store, users(1920), 90)
    record(store, bounces(users(1920), NOW, 225), rules(sends))
    assert len(open_files(store)) == 1
    assert locked(store) == []


def test_an_outage_that_fails_a_tenth_for_two_days_locks_nobody(store: Store) -> None:
    addresses = users(190 * 8)
    mailed(store, addresses, 90)
    record(store, bounces(addresses, NOW, WINDOW / 190), rules(2000))
    (incident,) = open_files(store)
    assert incident.opened.window == 2 * DAY
    assert locked(store) == []


def test_a_small_sender_has_a_guard_that_fits_it(store: Store) -> None:
    addresses = users(25, "provider.example")
    mailed(store, addresses, 90)
    policy = rules(lambda _provider, since: 25 if NOW - DAY < since <= NOW else 0)
    record(store, bounces(addresses[:20], NOW, 1200), policy)
    (incident,) = open_files(store)
    assert (incident.opened.addresses, incident.opened.limit) == (11, 10)
    assert locked(store) == []


def test_a_small_sender_who_loses_an_address_now_and_then_has_no_outage(store: Store) -> None:
    addresses = users(10, "provider.example")
    mailed(store, addresses, 90)
    record(store, bounces(addresses, NOW, 600), rules(25))
    assert store.incidents.all() == []
    assert len(locked(store)) == 10


def test_a_first_mailing_to_an_old_list_locks_all_that_are_dead(store: Store) -> None:
    providers = ("gmail.com", "yahoo.com", "web.de")
    old_list = [address for domain in providers for address in users(300, domain)]
    mailed(store, users(50, name="regular"), 90)
    record(store, bounces(old_list, NOW, 5), rules(1000))
    assert store.incidents.all() == []
    assert len(locked(store)) == 900, "30 of 100, all of them new"


def test_what_a_list_loses_in_a_monthly_mailing_is_no_outage(store: Store) -> None:
    mailed(store, users(500), 90)
    sent = 20_000
    policy = rules(lambda _provider, since: sent if NOW - DAY < since <= NOW else 0)
    record(store, bounces(users(500), NOW, 20), policy)
    assert store.incidents.all() == []
    assert len(locked(store)) == 500, "2.5 of 100"


def test_without_a_record_of_sends_all_addresses_are_taken_for_known(store: Store) -> None:
    record(store, bounces(users(300), NOW, 10), rules())
    assert len(open_files(store)) == 1
    assert locked(store) == []


def test_a_record_that_has_just_begun_calls_no_address_new(store: Store) -> None:
    everybody = dict.fromkeys(users(300), TODAY - 2)
    store.lastmailed.record(everybody, lambda _: "", KEY.pack(NOW, bytes(8), 0))
    record(store, bounces(users(300), NOW, 10), rules())
    assert locked(store) == []


# -- clocks and late news --------------------------------------------------------------------------


def test_a_log_that_is_read_a_day_late_among_honest_reports_shows_its_outage(store: Store) -> None:
    mailed(store, users(1000), 90)
    policy = rules()
    for n, late in enumerate(bounces(users(1000), NOW - DAY, 1)):
        record(store, [late], policy)
        if n % 50 == 0:
            record(store, bounces([f"w@other{n}.example"], NOW + n, 1), policy)
            store.close_incidents(policy, NOW + n)
    assert len(open_files(store)) == 1
    assert locked(store, "@gmail.com") == []


def test_late_news_in_any_order_shows_its_outage(store: Store) -> None:
    mailed(store, users(300), 90)
    record(store, list(reversed(bounces(users(300), NOW - DAY, 30))), rules())
    assert len(open_files(store)) == 1
    assert locked(store) == []


@pytest.mark.parametrize("wrong", [-NOW, -400 * DAY, 400 * DAY, 2**32 - 1 - NOW])
def test_one_bounce_with_a_wrong_date_neither_empties_nor_fills_a_window(
    store: Store, wrong: int
) -> None:
    mailed(store, [*users(130), "x@other.example", "odd@gmail.com"], 90)
    policy = rules()
    record(store, bounces(users(60), NOW, 1), policy)
    record(store, bounces(["x@other.example", "odd@gmail.com"], NOW + wrong, 0), policy)
    record(store, bounces(users(130)[60:], NOW + 60, 1), policy)
    (incident,) = open_files(store)
    assert (incident.opened.addresses, len(store.incidents.held(incident.number))) == (101, 130)
    assert locked(store, "u@gmail.com") == []


def test_bounces_of_a_clock_that_was_a_year_ahead_hold_nothing_back_for_a_year(
    store: Store,
) -> None:
    mailed(store, [*users(99), *users(40, name="dead")], 90)
    policy = rules()
    record(store, bounces(users(99), NOW + 365 * DAY, 1), policy)
    for n, address in enumerate(users(40, name="dead")):
        record(store, bounces([address], NOW + n * DAY, 1), policy)
        store.close_incidents(policy, NOW + n * DAY + HOUR)
    assert store.incidents.all() == []
    assert len(locked(store)) == 139


def test_a_clock_of_tend_that_is_wrong_forgets_no_bounce(store: Store) -> None:
    mailed(store, users(130), 90)
    policy = rules()
    record(store, bounces(users(60), NOW, 1), policy)
    store.close_incidents(policy, NOW + 366 * DAY)
    record(store, bounces(users(130)[60:], NOW + 60, 1), policy)
    assert len(open_files(store)) == 1


def test_an_incident_stays_open_while_the_news_of_it_still_comes_in(store: Store) -> None:
    mailed(store, users(600), 90)
    policy = rules(1000)
    late = bounces(users(600), NOW - DAY, 10)
    for start in range(0, 600, 150):
        record(store, late[start : start + 150], policy)
        assert store.close_incidents(policy, NOW + start) == []
    (closed,) = store.close_incidents(policy, NOW + HOUR)
    assert closed.settled is not None
    assert locked(store) == []


# -- a server that refuses all ---------------------------------------------------------------------


def test_our_own_relay_that_refuses_everybody_locks_nobody(store: Store) -> None:
    addresses = [f"ann@company{n}.example" for n in range(100)]
    mailed(store, addresses, 90)
    refused = bounces(addresses, NOW, 5, remote_mta="dns; relay.example.org")
    record(store, refused, rules(20))
    (incident,) = open_files(store)
    assert incident.opened.provider == "via relay.example.org"
    assert incident.opened.addresses == 31
    assert locked(store) == []


def test_another_server_is_believed_while_our_relay_refuses_everybody(store: Store) -> None:
    addresses = [f"ann@company{n}.example" for n in range(60)]
    mailed(store, [*addresses, "bob@firm.example"], 90)
    policy = rules(20)
    record(store, bounces(addresses, NOW, 5, remote_mta="dns; relay.example.org"), policy)
    record(store, bounces(["bob@firm.example"], NOW + 400, 1, remote_mta="mx.firm.example"), policy)
    assert locked(store) == ["bob@firm.example"]


def test_one_provider_that_refuses_many_is_no_relay_of_ours(store: Store) -> None:
    mailed(store, users(90), 90)
    record(store, bounces(users(90), NOW, 5, remote_mta="mx.google.com"), rules())
    assert store.incidents.all() == []


def test_reports_that_name_a_providers_server_stop_no_lock_at_that_provider(store: Store) -> None:
    attackers = [f"u@attacker{n}.example" for n in range(60)]
    mailed(store, [*attackers, *users(5, name="dead")], 90)
    policy, server = rules(20), "gmail-smtp-in.l.google.com"
    record(store, bounces(attackers, NOW, 5, remote_mta=server), policy)
    assert len(open_files(store)) == 1, "they hold back their own bounces"
    record(store, bounces(users(5, name="dead"), NOW + 400, 5, remote_mta=server), policy)
    assert locked(store) == users(5, name="dead")


def test_an_incident_of_a_relay_closes_when_little_is_refused_there(store: Store) -> None:
    addresses = [f"ann@company{n}.example" for n in range(60)]
    mailed(store, addresses, 90)
    policy = rules(20)
    record(store, bounces(addresses, NOW, 5, remote_mta="relay.example.org"), policy)
    assert store.close_incidents(policy, NOW + HOUR) == []
    (closed,) = store.close_incidents(policy, NOW + 7 * HOUR)
    assert closed.settled is not None
    assert (open_files(store), locked(store)) == ([], [])


def test_a_window_of_other_length_is_obeyed(store: Store) -> None:
    short = GuardSettings(window=Duration(seconds=HOUR), addresses=20, slow=())
    policy = Policy(PolicySettings(), SIGNED, guard=Guard(short))
    record(store, bounces(users(400), NOW, 200), policy)
    assert store.incidents.all() == []


# -- what is on record of sends ------------------------------------------------------------------


def test_the_ledger_tells_which_addresses_were_delivered_to_before(
    store: Store, tmp_path: Path
) -> None:
    settings = LedgerSettings(max_size=Size(2**24))
    sends = {
        NOW - 20 * DAY: ["first@example.net"],
        NOW - 8 * DAY: users(130),
        NOW - 3 * DAY: users(130, name="new"),
        NOW - HOUR: [*users(130), *users(130, name="new")],
    }
    with closing(Ledger.open(StoreSettings(path=tmp_path), settings, readonly=False)) as ledger:
        for time, addresses in sends.items():
            sent = Sent(time, time.to_bytes(8, "big"), "news@example.org", tuple(addresses))
            ledger.write([entry_of(sent)])
        upkeep = Maintenance(store, ListsSettings(), rules().fold, DAY)
        assert upkeep.walk(ledger, NOW, lambda: False) == len(sends)
    record(store, bounces([*users(130), *users(130, name="new")], NOW, 5), rules())
    (incident,) = open_files(store)
    assert len(store.incidents.held(incident.number)) == 130
    assert sorted(locked(store)) == sorted(users(130, name="new"))
