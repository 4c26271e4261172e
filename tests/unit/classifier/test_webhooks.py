"""Events of sending services, mailed on as JSON: read where their make is known, else nothing."""

import json
from email.message import EmailMessage
from typing import Any

import pytest

from bouncegate.classifier.classified import classify
from bouncegate.classifier.report import MessageType

ANN, BEN = "ann@recipient.example", "ben@recipient.example"
UNKNOWN = "550 5.1.1 no such user here"


def mailed(*events: Any, lead: str = "") -> bytes:
    """The events as a program mails them on that calls itself a mailer daemon."""
    message = EmailMessage()
    message["Return-Path"] = "<>"
    message["From"] = "Mail Delivery System <mailer-daemon@sender.example>"
    message["To"] = "bounces@sender.example"
    message["Subject"] = "Undelivered mail: an event"
    message.set_content(lead + "\n".join(json.dumps(event, indent=1) for event in events))
    return message.as_bytes()


def outcomes(raw: bytes) -> list[tuple[str, ...]]:
    return [(r.recipient, r.action, r.kind, r.reason, r.blamed) for r in classify(raw).reports]


def sendgrid(event: str, address: str = ANN, **more: str) -> dict[str, str]:
    return {"email": address, "event": event, "sg_event_id": "1", "sg_message_id": "2", **more}


def mailgun(event: str, severity: str = "", **told: object) -> dict[str, Any]:
    data = {"event": event, "recipient": ANN, "severity": severity, "delivery-status": told}
    headers = {"from": "news@sender.example", "to": ANN}
    return {"signature": {"token": "t"}, "event-data": {**data, "message": {"headers": headers}}}


def postmark(record: str, kind: str = "", details: str = "", **more: object) -> dict[str, Any]:
    named = {"RecordType": record, "Type": kind, "Details": details, "From": "news@sender.example"}
    return {**named, "Email": ANN, "Description": "ex: unknown user, mailbox not found", **more}


def sparkpost(event: str, number: str = "", reply: str = "", **more: str) -> dict[str, Any]:
    told = {"type": event, "bounce_class": number, "raw_reason": reply, "rcpt_to": ANN, **more}
    return {"msys": {"message_event": {**told, "friendly_from": "news@sender.example"}}}


def brevo(event: str, reply: str = "") -> dict[str, str]:
    named = {"event": event, "email": ANN, "message-id": "<1@sender.example>", "subject": "News"}
    return {**named, "reason": reply}


HARD = [(ANN, "failed", "hard", "user-unknown", "recipient")]


@pytest.mark.parametrize(
    "event",
    [
        sendgrid("bounce", type="bounce", status="5.1.1", reason=UNKNOWN),
        mailgun("failed", "permanent", code=550, message="5.1.1 no such user here"),
        postmark("Bounce", "HardBounce", f"smtp;{UNKNOWN}"),
        sparkpost("bounce", "10", UNKNOWN),
        sparkpost("out_of_band", "10", UNKNOWN),
        brevo("hard_bounce", UNKNOWN),
    ],
)
def test_a_bounce_is_read_and_its_sender_is_not(event: dict[str, Any]) -> None:
    assert outcomes(mailed(event)) == HARD
    assert outcomes(mailed([event])) == HARD
    assert outcomes(mailed(event, lead="A new [event] came in:\n\n")) == HARD


@pytest.mark.parametrize(
    "event",
    [
        sendgrid("bounce", type="blocked", reason=UNKNOWN),
        sendgrid("dropped", reason="Bounced Address"),
        postmark("Bounce", "SoftBounce", f"smtp;{UNKNOWN}"),
        postmark("Bounce", "DnsError"),
        sparkpost("bounce", "24", "554 5.4.7 message expired; unknown user"),
        brevo("soft_bounce", UNKNOWN),
        brevo("blocked"),
    ],
)
def test_what_the_service_calls_temporary_is_soft(event: dict[str, Any]) -> None:
    assert [kind for _, _, kind, _, _ in outcomes(mailed(event))] == ["soft"]


@pytest.mark.parametrize(
    "event",
    [
        sendgrid("deferred", response="450 4.2.1 unknown user, for now"),
        sendgrid("delivered", response="250 OK"),
        sendgrid("processed"),
        sendgrid("open", useragent="unknown user agent"),
        mailgun("failed", "temporary", message="No MX for recipient.example"),
        mailgun("opened"),
        postmark("Delivery", Recipient=ANN),
        postmark("Bounce", "Transient", "smtp;451 unknown user"),
        postmark("Bounce", "AutoResponder"),
        postmark("Bounce", "ManuallyDeactivated"),
        postmark("SubscriptionChange", SuppressionReason="HardBounce"),
        sparkpost("delay", "10", "451 unknown user"),
        sparkpost("bounce", "60", "Out of office; my old mailbox is disabled"),
        sparkpost("generation_failure", reply=UNKNOWN),
        brevo("deferred", "451 unknown user"),
        brevo("request"),
        {"event": "bounce", "address": ANN, "error": UNKNOWN},
        {"status": "failed", "to": [ANN], "from": "news@sender.example", "why": UNKNOWN},
    ],
)
def test_every_other_event_fails_nobody(event: dict[str, Any]) -> None:
    raw = mailed(event, {"recipients": [ANN, BEN], "text": UNKNOWN})
    assert {kind for _, _, kind, _, _ in outcomes(raw)} <= {"none"}
    assert classify(raw).type is not MessageType.BROKEN


@pytest.mark.parametrize(
    "event",
    [
        sendgrid("spamreport"),
        mailgun("complained"),
        postmark("SpamComplaint", "SpamComplaint"),
        sparkpost("spam_complaint"),
        brevo("spam"),
    ],
)
def test_a_complaint_is_one(event: dict[str, Any]) -> None:
    assert outcomes(mailed(event)) == [(ANN, "complaint", "complaint", "complaint", "recipient")]


def test_the_events_of_one_message_are_each_of_their_own_recipient() -> None:
    bounce = sendgrid("bounce", type="bounce", reason=UNKNOWN)
    delivered = sendgrid("delivered", BEN, response="250 OK")
    told = [*HARD, (BEN, "delivered", "none", "not-a-failure", "nobody")]
    assert outcomes(mailed([bounce, delivered])) == told
    assert outcomes(mailed(bounce, delivered)) == told


@pytest.mark.parametrize(
    "event",
    [
        {"event-data": {"event": "failed", "recipient": [ANN], "severity": {"a": 1}}},
        {"event-data": [mailgun("failed", "permanent")]},
        {**sendgrid("bounce"), "email": "no address"},
        {**sendgrid("bounce"), "email": None},
        {"msys": {"message_event": {"type": ["bounce"], "rcpt_to": ANN}}},
    ],
)
def test_a_malformed_event_fails_nobody(event: dict[str, Any]) -> None:
    assert outcomes(mailed(event)) == []


def test_deep_nesting_fails_nobody() -> None:
    assert outcomes(mailed("", lead='{"a":' * 20_000 + UNKNOWN)) == []


def test_a_notice_that_quotes_json_is_still_a_notice() -> None:
    raw = mailed(lead=f'The relay answered {{"code": 550}}\n\n<{ANN}>:\n{UNKNOWN}\n')
    assert outcomes(raw) == HARD
