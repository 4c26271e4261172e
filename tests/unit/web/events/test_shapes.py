"""The forms in which other programs read events."""

import json
from typing import Any

import pytest

from bouncegate.web.events.event import (
    AddressLocked,
    AddressUnlocked,
    BounceReceived,
    ComplaintReceived,
    Event,
    IncidentOpened,
    Maker,
    about,
)
from bouncegate.web.events.shapes import SHAPES, body_of, content_type

TIME = 1_790_000_000
make = Maker("mx1")


def bounce(kind: str = "hard", effect: str = "locked", **more: Any) -> Event:
    address, internal_id = about("ann@example.com")
    fields: dict[str, Any] = {
        "address": address,
        "internal_id": internal_id,
        "kind": kind,
        "category": "address",
        "reason": "user-unknown",
        "blame": "recipient",
        "effect": effect,
        "hard": 1,
        "soft": 0,
        "soft_in_row": 0,
        "status": "5.1.1",
        "diagnostic": "550 5.1.1 no such user",
        "mailing": "spring",
        "group": None,
        "message_id": "<1@shop.example>",
        "trust": "signed",
    }
    return make(BounceReceived(**fields | more), TIME, 7)


def complaint() -> Event:
    data = ComplaintReceived(
        *about("ann@example.com"), "locked", "abuse", "spring", None, None, "signed"
    )
    return make(data, TIME, 8)


def lock(scope: str | None = None, by: str | None = None) -> Event:
    data = AddressLocked(
        *about("ann@example.com"),
        "hard", "user-unknown", "automatic", "2026-09-21T14:13:20Z", None, scope, by, None,
    )  # fmt: skip
    return make(data, TIME, 9)


def unlock() -> Event:
    data = AddressUnlocked(*about("ann@example.com"), "ended", "soft", None, None, None, None)
    return make(data, TIME, 10)


INCIDENT = make(IncidentOpened(3, "gmail", "user-unknown", 40, 20), TIME, 3)


def test_cloudevents_has_what_the_standard_requires() -> None:
    found: Any = SHAPES["cloudevents"](bounce())
    assert {key: found[key] for key in ("specversion", "source", "type", "subject", "time")} == {
        "specversion": "1.0",
        "source": "urn:bouncegate:mx1",
        "type": "org.bouncegate.bounce.received",
        "subject": "ann@example.com",
        "time": "2026-09-21T14:13:20Z",
    }
    assert found["id"] == bounce().id
    assert "subject" not in SHAPES["cloudevents"](INCIDENT)  # type: ignore[operator]
    assert content_type("cloudevents", is_batch=False) == "application/cloudevents+json"
    assert content_type("cloudevents", is_batch=True) == "application/cloudevents-batch+json"


def test_listmonk_gets_its_documented_fields() -> None:
    found: Any = SHAPES["listmonk"](bounce())
    assert {key: found[key] for key in ("email", "source", "type")} == {
        "email": "ann@example.com",
        "source": "bouncegate",
        "type": "hard",
    }
    assert json.loads(found["meta"])["status"] == "5.1.1"
    assert SHAPES["listmonk"](complaint())["type"] == "complaint"  # type: ignore[index]


UNSAID = [
    *(bounce(effect=effect) for effect in ("unverified", "own-refusal", "held", "void")),
    *(bounce(effect=effect) for effect in ("unconfirmed", "message-to-blame", "no-failure")),
]


@pytest.mark.parametrize("shape", ["listmonk", "postmark", "sendgrid"])
@pytest.mark.parametrize("event", UNSAID, ids=[one.data["effect"] for one in UNSAID])
def test_no_other_program_is_told_what_says_nothing_of_the_recipient(
    shape: str, event: Event
) -> None:
    assert SHAPES[shape](event) is None


def test_listmonk_is_told_no_bounce_that_blames_the_sender() -> None:
    """It counts hard bounces by itself, and would block the recipient."""
    assert SHAPES["listmonk"](bounce("blocked", "sender-to-blame", blame="sender")) is None
    assert SHAPES["listmonk"](bounce("blocked", "counted", blame="sender")) is None


@pytest.mark.parametrize(
    ("event", "type_", "code"),
    [
        (bounce(), "HardBounce", 1),
        (bounce("soft", "counted"), "SoftBounce", 4096),
        (bounce("blocked", "sender-to-blame"), "Blocked", 100006),
        (complaint(), "SpamComplaint", 512),
    ],
)
def test_postmark_names_each_kind_by_its_own_code(event: Event, type_: str, code: int) -> None:
    found: Any = SHAPES["postmark"](event)
    assert (found["Type"], found["TypeCode"]) == (type_, code)
    assert found["Email"] == "ann@example.com"
    assert found["RecordType"] == ("SpamComplaint" if type_ == "SpamComplaint" else "Bounce")


def test_postmark_is_told_of_locks_both_ways() -> None:
    locked: Any = SHAPES["postmark"](lock())
    freed: Any = SHAPES["postmark"](unlock())
    assert locked["RecordType"] == freed["RecordType"] == "SubscriptionChange"
    assert (locked["SuppressSending"], freed["SuppressSending"]) == (True, False)
    assert (locked["SuppressionReason"], freed["SuppressionReason"]) == ("HardBounce", None)
    assert SHAPES["postmark"](lock(scope="news")) is None


def test_sendgrid_gets_an_array() -> None:
    (hard,) = SHAPES["sendgrid"](bounce())  # type: ignore[misc]
    (blocked,) = SHAPES["sendgrid"](bounce("blocked", "sender-to-blame"))  # type: ignore[misc]
    (spam,) = SHAPES["sendgrid"](complaint())  # type: ignore[misc]
    assert (hard["event"], hard["type"], hard["email"]) == ("bounce", "bounce", "ann@example.com")
    assert (blocked["event"], blocked["type"]) == ("bounce", "blocked")
    assert spam["event"] == "spamreport"
    assert hard["timestamp"] == TIME


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_takes_an_event_about_no_address(shape: str) -> None:
    body = body_of(shape, (INCIDENT,), is_batch=False)
    assert body is None or json.loads(body)
