"""Recipients that no mail reaches are refused at the first send, where the settings say so."""

import time
from pathlib import Path
from typing import Final

import msgspec
import pytest
from tests.stores import open_store, store_settings
from tests.unit.milter.daemon import Daemon, Section
from tests.unit.milter.locks import put_locks
from tests.unit.milter.test_protocol import PASSES, ask
from tests.unit.scoreboards import counters_of

from bouncegate.config.loading import loads
from bouncegate.config.settings import DnsSettings
from bouncegate.milter.lookup.transport import TransportMap
from bouncegate.milter.refusal import undeliverable
from bouncegate.milter.refusal.counts import DECISIONS, DecisionCounts
from bouncegate.milter.refusal.undeliverable import Known, Undeliverable, undeliverable_by
from bouncegate.policy.fold import Policy
from bouncegate.policy.mx import MxAnswer, MxHosts
from bouncegate.policy.records import Act
from bouncegate.policy.undeliverable import AddressRule, ref_of
from bouncegate.store.locktable import LockTable

REFUSE: Final[dict[str, Section]] = {"lists": {"invalid": "refuse"}}
DNS = DnsSettings()
CONFIRM = DNS.confirm.after(0)
DEAD, DOUBTED, OLD = "closed.de", "doubted.de", "formerly.de"


def teach(folder: Path) -> None:
    """Two denials of one domain, one of another, and two of a third that are no longer good."""
    now = int(time.time())
    folder.mkdir()
    gone = MxAnswer("nxdomain", ttl=7200)
    answers = (
        (DEAD, now - CONFIRM - 60), (DEAD, now - 30), (DOUBTED, now - 30),
        (OLD, now - 90 * 86_400), (OLD, now - 90 * 86_400 + CONFIRM + 60),
    )  # fmt: skip
    store = open_store(folder)
    for domain, asked in answers:
        store.mx.learn({domain: gone}, asked, DNS)
    store.close()


@pytest.fixture
def store(daemon: Daemon) -> Path:
    teach(daemon.store)
    return daemon.store


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("recipient", "status", "ref"),
    [
        ("ann@mail.invalid", "5.1.3", "reserved-domain"),
        ("ann@printer.test", "5.1.3", "reserved-domain"),
        ("ann@example.com", "5.1.3", "reserved-domain"),
        ("ann@intranet", "5.1.3", "no-dot"),
        ("ann@[192.0.2.1]", "5.1.3", "address-literal"),
        ("ann..bee@company.de", "5.1.3", "dots"),
        (".ann@company.de", "5.1.3", "dots"),
        ("ann.@company.de", "5.1.3", "dots"),
        ("a" * 65 + "@company.de", "5.1.3", "too-long"),
        ("ann@" + "x" * 64 + ".de", "5.1.3", "syntax"),
        (f"ann@{DEAD}", "5.1.2", "nxdomain"),
    ],
)
def test_undeliverable_recipient_is_refused_at_the_first_send(
    daemon: Daemon, recipient: str, status: str, ref: str
) -> None:
    daemon.start(**REFUSE)
    (answer,) = ask(daemon, f"<{recipient}>".encode())
    assert answer.verdict == "y"
    assert answer.text.startswith(f"550 {status} Recipient address rejected: locked after a check")
    assert f" without end, ref={ref} [bouncegate" in answer.text
    assert f"ref={ref}" in daemon.text()


@pytest.mark.usefixtures("store")
def test_undeliverable_passes_what_may_be_delivered(daemon: Daemon) -> None:
    daemon.start(exempt={"recipients": ["boss@printer.test"]}, **REFUSE)
    recipients = (
        "ann@company.de", "ann..bee@docomo.ne.jp", '"ann bee"@company.de', f"ann@{DOUBTED}",
        f"ann@{OLD}", "boss@printer.test",
    )  # fmt: skip
    answers = ask(daemon, *(f"<{recipient}>".encode() for recipient in recipients))
    assert answers == [PASSES] * len(recipients)


@pytest.mark.usefixtures("store")
def test_undeliverable_is_judged_by_a_lock_first(daemon: Daemon) -> None:
    put_locks(daemon.store, f"gone@{DEAD}")
    put_locks(daemon.store, f"freed@{DEAD}", until=int(time.time()) - 1)
    daemon.start(**REFUSE)
    locked, freed = ask(daemon, f"<gone@{DEAD}>".encode(), f"<freed@{DEAD}>".encode())
    assert "ref=1 " in locked.text
    assert "ref=nxdomain " in freed.text


@pytest.mark.usefixtures("store")
def test_undeliverable_recipients_pass_by_default(daemon: Daemon) -> None:
    daemon.start()
    assert ask(daemon, b"<ann@mail.invalid>", f"<ann@{DEAD}>".encode()) == [PASSES, PASSES]


def rules_of(table: LockTable) -> Undeliverable:
    rules = undeliverable_by(
        loads('[lists]\ninvalid = "refuse"\n'), Known(table.domain, table.was_freed)
    )
    assert rules is not None
    return rules


def test_undeliverable_recipient_that_was_unlocked_passes(tmp_path: Path) -> None:
    now = int(time.time())
    settings = loads("")
    policy = Policy(settings.policy, settings.return_path.count)
    store = open_store(tmp_path)
    store.act([Act(("ann@mail.invalid",), now, verb, "eve") for verb in ("lock", "unlock")],
        policy.fold)  # fmt: skip
    store.close()
    table = LockTable.open(store_settings(tmp_path))
    rules = rules_of(table)
    assert rules.lock_of(b"ann@mail.invalid", now) is None
    other = rules.lock_of(b"bob@mail.invalid", now)
    table.close()
    assert other is not None
    assert ref_of(other) == AddressRule.RESERVED


ANY_ADDRESS: Final = (
    *(
        "ann+-_='*/?{}|$&#`~^",
        "ann",
        "ann.bee",
        "ann..bee",
        ".ann",
        "ann.",
        "a" * 64,
        "a" * 65,
        "ä",
        '"ann bee"',
        '"a..b"',
    ),
)
ANY_DOMAIN: Final = (
    *("company.de", DEAD, DOUBTED, OLD, "intranet", "mail.invalid", "docomo.ne.jp", "192.0.2.1"),
    *("[192.0.2.1]", "xn--bcher-kva.de", "x" * 64 + ".de", "-a.de", "a..de", "a.de."),
)


def test_undeliverable_is_the_same_for_domains_that_are_remembered(
    daemon: Daemon, store: Path
) -> None:
    table = LockTable.open(store_settings(store))
    rules = rules_of(table)
    keys = [f"{local}@{domain}".encode() for domain in ANY_DOMAIN for local in ANY_ADDRESS]
    now = int(time.time())
    for key in [*keys, *reversed(keys)]:
        assert rules.is_deliverable(key) is (rules.lock_of(key, now) is None), key
    table.close()
    assert {b"@company.de", b"@docomo.ne.jp"} <= rules._good
    assert not {f"@{name}".encode() for name in (DEAD, "intranet", "mail.invalid")} & rules._good


def test_undeliverable_learns_within_a_minute_that_a_domain_has_died() -> None:
    mx: dict[bytes, bytes] = {}
    clock = [1000.0]
    rules = Undeliverable(Known(mx.get, lambda _: False), CONFIRM, lambda: clock[0])
    assert rules.is_deliverable(b"ann@closed.de")
    then = int(time.time())
    gone = MxHosts(
        fetched=then, good_until=then + 7200, denial="nxdomain", denied_since=then - CONFIRM - 60
    )  # fmt: skip
    mx[b"closed.de"] = msgspec.msgpack.encode(gone)
    assert rules.lock_of(b"bob@closed.de", then) is not None
    clock[0] += 59
    rules.check()
    assert rules.is_deliverable(b"bob@closed.de"), "not asked again yet"
    clock[0] += 1
    rules.check()
    assert not rules.is_deliverable(b"bob@closed.de")


def test_undeliverable_remembers_a_bounded_number_of_domains(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(undeliverable, "_MOST_DOMAINS", 100)
    rules = Undeliverable(Known(lambda _: None, lambda _: False), CONFIRM)
    for number in range(1000):
        assert rules.is_deliverable(f"ann@a{number}.de".encode())
    assert len(rules._good) <= 100


def test_undeliverable_recipient_is_refused_by_the_map_in_the_same_words(
    daemon: Daemon, store: Path
) -> None:
    daemon.start(**REFUSE)
    (answer,) = ask(daemon, f"<ann@{DEAD}>".encode())
    table = LockTable.open(store_settings(store))
    counts = DecisionCounts(counters_of(DECISIONS), DECISIONS)
    settings = loads('[lists]\ninvalid = "refuse"\n')
    asked = TransportMap(settings, table.find, counts, undeliverable=rules_of(table))
    said = asked(f"ann@{DEAD}".encode())
    passed = asked(b"ann@company.de"), asked(f"ann@{OLD}".encode())
    table.close()
    assert passed == (b"NOTFOUND ", b"NOTFOUND ")
    words = answer.text.removeprefix("550 5.1.2 Recipient address rejected: ").partition(" [")[0]
    assert said == f"OK error:5.1.2 {words} [bouncegate]".encode()
