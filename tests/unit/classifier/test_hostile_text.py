"""Whatever a report says, its event can be kept and shown, and spoils nobody else's."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from bouncegate.classifier.classified import (
    ClassifiedMessage,
    ClassifiedReport,
    classify_or_raise,
    classify_reading,
)
from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.limits import DIAGNOSTIC
from bouncegate.classifier.report import MessageType, Original, Reading, Report
from bouncegate.classifier.returnpath.attribution import Attribution
from bouncegate.classifier.returnpath.proof import Proof
from bouncegate.config.rules import load_rules
from bouncegate.config.settings import PolicySettings, StoreSettings
from bouncegate.config.text import is_clean
from bouncegate.config.values import Size
from bouncegate.policy.fold import Policy
from bouncegate.policy.providers import Providers
from bouncegate.policy.records import Event
from bouncegate.store.entry import Sent
from bouncegate.store.store import Bounce, Store

CLASSIFIER = Classifier(load_rules())
POLICY = Policy(PolicySettings(), ("unverified", "matched"))
ATTRIBUTION = Attribution(Providers.of().provider_of, fold_local_part=True)
NOW = 1_790_000_000
# One store takes in the bounces of all examples.
SHARED = [HealthCheck.function_scoped_fixture]
MANY = settings(max_examples=100, deadline=None, suppress_health_check=SHARED)

ODD = ["\ud800", "\x00", "\x1b[2J", "\x9b31m", "\u202e", "\u2028", "\n", "\u200b", "é", "@", "<"]
HOSTILE = st.lists(
    st.one_of(st.sampled_from(ODD), st.text(st.characters(exclude_categories=[]), max_size=20)),
    max_size=6,
).map("".join)
ADDRESSES = st.one_of(
    HOSTILE, st.builds("{}@{}.example".format, HOSTILE, HOSTILE), st.just("a@b.c")
)
REPORTS = st.builds(
    Report,
    final_recipient=ADDRESSES,
    original_recipient=ADDRESSES,
    action=st.one_of(st.sampled_from(["failed", "delayed", "delivered"]), HOSTILE),
    status=HOSTILE,
    diagnostic=st.one_of(HOSTILE, HOSTILE.map(lambda text: (text or "x") * DIAGNOSTIC)),
    reply_code=HOSTILE,
    phase=HOSTILE,
    reporting_mta=HOSTILE,
    remote_mta=HOSTILE,
    reader=HOSTILE,
)
HEADERS = st.dictionaries(st.sampled_from(["x-campaign-id", "list-id"]), HOSTILE)
ORIGINALS = st.builds(
    Original,
    message_id=HOSTILE,
    envelope_id=HOSTILE,
    queue_id=HOSTILE,
    sender=ADDRESSES,
    headers=HEADERS,
)
READINGS = st.builds(
    Reading,
    type=st.just(MessageType.BOUNCE),
    reports=st.lists(REPORTS, min_size=1, max_size=3).map(tuple),
    original=ORIGINALS,
    message_id=HOSTILE,
    reader=HOSTILE,
)
SENT = st.one_of(
    st.none(),
    st.builds(
        Sent,
        time=st.just(NOW),
        message=st.just(b"12345678"),
        sender=HOSTILE,
        recipients=st.just(("a@b.c",)),
        queue_id=HOSTILE,
        mailing=HOSTILE,
        group=HOSTILE,
    ),
)


def harmless(reading: Reading) -> ClassifiedMessage:
    """A reading with verdicts on other words: RE2 takes no surrogate, and no reader tells one."""
    plain = replace(reading, reports=tuple(Report(action=r.action) for r in reading.reports))
    verdicts = (one.verdict for one in classify_reading(plain, CLASSIFIER).reports)
    return ClassifiedMessage(reading, tuple(map(ClassifiedReport, reading.reports, verdicts)), b"x")


def texts(event: Event) -> Iterator[str]:
    yield from (value for value in asdict(event).values() if isinstance(value, str))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store.open(StoreSettings(path=tmp_path, map_size=Size(2**27)))) as store:
        yield store


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(READINGS, SENT), min_size=1, max_size=4))
def test_hostile_text_in_any_field_is_clean_in_the_event_and_the_batch_commits(
    store: Store, told: list[tuple[Reading, Sent | None]]
) -> None:
    bounces = []
    for reading, sent in told:
        proof = Proof("unverified") if sent is None else Proof("matched", sent)
        bounces.append(Bounce(ATTRIBUTION.events_of(harmless(reading), NOW, proof), b""))
    outcomes = store.record(bounces, POLICY)
    for bounce, recorded in zip(bounces, outcomes, strict=True):
        for event, outcome in zip(bounce.events, recorded, strict=True):
            assert all(map(is_clean, texts(event)))
            if outcome.is_new:
                ((_, kept),) = store.journal.events([outcome.number])
                assert kept == outcome.event


FIELDS = (
    "subject", "dsn-id", "charset", "notice", "mta", "envid", "final", "original", "diagnostic",
    "message-id", "campaign", "list", "from", "to",
)  # fmt: skip
WORDS = st.sampled_from(
    [
        b"=?utf-7?Q?+2AA-?=", b"=?utf-7?B?KzJBQS0=?=", b"=?utf-16?B?2AA=?=", b"+2AA-",
        b"utf-7", b"\xed\xa0\x80", b"\x1b]0;t\x07", "\u009b31m\u202e".encode(), b"\x00",
        b"v@v.example", b"&#xd800;",
        b"=?unicode_escape?Q?=5Cud800?=", b"utf-8; \\x{D800}@v.example", b"x" * 3000, b'"', b"<>",
    ]
)  # fmt: skip


def message(values: dict[str, bytes]) -> bytes:
    """A report with a value of one's own for some of its fields."""
    fields = dict.fromkeys(FIELDS, b"x") | {"charset": b"utf-8", "final": b"v@v.example"} | values
    get = {name.encode(): value for name, value in fields.items()}
    return (
        b"From: MAILER-DAEMON@x.example\r\nSubject: Undelivered %(subject)s\r\n"
        b"Message-ID: %(dsn-id)s\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\n"
        b"Content-Type: text/plain; charset=%(charset)s\r\n\r\n%(notice)s\r\n--b\r\n"
        b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; %(mta)s\r\n"
        b"Original-Envelope-Id: %(envid)s\r\n\r\nFinal-Recipient: rfc822; %(final)s\r\n"
        b"Original-Recipient: rfc822; %(original)s\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        b"Diagnostic-Code: smtp; 550 %(diagnostic)s\r\n\r\n--b\r\n"
        b"Content-Type: text/rfc822-headers\r\n\r\nMessage-ID: %(message-id)s\r\n"
        b"X-Campaign-ID: %(campaign)s\r\nList-ID: %(list)s\r\nFrom: %(from)s\r\nTo: %(to)s\r\n"
        b"\r\n--b--\r\n" % get
    )


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.dictionaries(st.sampled_from(FIELDS), st.lists(WORDS, max_size=3).map(b" ".join)))
def test_hostile_messages_are_read_classified_and_recorded(
    store: Store, values: dict[str, bytes]
) -> None:
    raw = message(values)
    events = ATTRIBUTION.events_of(classify_or_raise(raw, CLASSIFIER), int(time.time()))
    assert events, "a report is a bounce, whatever it says"
    assert all(is_clean(text) for event in events for text in texts(event))
    store.record([Bounce(events, raw)], POLICY)


def test_hostile_text_of_a_campaign_in_utf_7_is_replaced() -> None:
    raw = message({"campaign": b"=?utf-7?Q?spring+2AA-?="})
    (event,) = ATTRIBUTION.events_of(classify_or_raise(raw, CLASSIFIER), NOW)
    assert (event.address, event.mailing) == ("v@v.example", "spring\ufffd")


def test_hostile_surrogates_of_json_are_replaced() -> None:
    raw = (
        b"From: MAILER-DAEMON@b.example\r\n\r\n"
        b'{"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bouncedRecipients":[{"emailAddress":"v@v.example","status":"5.1.1","action":"failed",'
        b'"diagnosticCode":"smtp; 550 5.1.1 no \\ud800 user"}]}}\r\n'
    )
    (event,) = ATTRIBUTION.events_of(classify_or_raise(raw, CLASSIFIER), NOW)
    assert (event.address, event.diagnostic) == ("v@v.example", "550 5.1.1 no \ufffd user")
