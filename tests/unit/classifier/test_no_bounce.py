"""What must never count as a bounce."""

import json

import pytest
from tests.unit.classifier.builder import dsn, failed, mail

from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.parse import read
from bouncegate.classifier.report import MessageType
from bouncegate.config.taxonomy import Kind

NEWSLETTER = (
    "Undeliverable mail costs you money. When a message bounces with 550 5.1.1 user unknown,\n"
    "as for someone@x.example, take the address off your list.\n"
)
FORWARDED = dsn([failed("a@x.example")]).decode()

CASES = {
    "an out-of-office note": (
        mail({"From": "a@x.example", "Subject": "Out of office", "Auto-Submitted": "auto-replied"},
             "I am away. Your message could not be delivered to me; write to b@x.example.\n"),
        MessageType.AUTO_REPLY,
    ),
    "an absence note that ignores RFC 3834": (
        mail({"From": "a@x.example", "Return-Path": "<>", "Subject": "Abwesenheitsnotiz"},
             "Ich bin bis 7. Januar nicht erreichbar. Bitte an b@x.example wenden.\n"),
        MessageType.AUTO_REPLY,
    ),
    "an automatic reply": (
        mail({"From": "a@x.example", "Subject": "Your enquiry", "Auto-Submitted": "auto-replied"},
             "We have received your message.\n"),
        MessageType.AUTO_REPLY,
    ),
    "a drain_timeout that names a successor": (
        mail({"From": "a@x.example", "Return-Path": "<>", "Subject": "Re: Winter news",
              "Auto-Submitted": "auto-replied"},
             "I am no longer with the company; this address is no longer valid.\n\n"
             "Please write to b@x.example.\n"),
        MessageType.AUTO_REPLY,
    ),
    "a shop's notice of a parcel": (
        mail({"From": "Shop <noreply@shop.example>", "Subject": "Delivery status: not delivered",
              "List-Unsubscribe": "<https://shop.example/u>"},
             "Your parcel could not be delivered. Questions? help@shop.example\n"),
        MessageType.ORDINARY,
    ),
    "a challenge": (
        mail({"From": "a@x.example", "Subject": "Please confirm your message"},
             "Click here to have your message delivered.\n"),
        MessageType.CHALLENGE,
    ),
    "a newsletter about bounces": (
        mail({"From": "Ann <ann@news.example>", "Subject": "How to keep a list clean"}, NEWSLETTER),
        MessageType.ORDINARY,
    ),
    "a bounce forwarded by a person": (
        mail({"From": "Ann <ann@x.example>", "Subject": "Fwd: Undelivered Mail Returned to Sender"},
             "Look at this:\n\n> <a@x.example>: 550 user unknown\n"),
        MessageType.ORDINARY,
    ),
    "a bounce attached to ordinary mail": (
        mail({"From": "Ann <ann@x.example>", "Subject": "what is this?",
              "Content-Type": "multipart/mixed; boundary=o"},
             "--o\nContent-Type: text/plain\n\nWhat does it mean?\n"
             f"--o\nContent-Type: message/rfc822\n\n{FORWARDED}\n--o--\n"),
        MessageType.ORDINARY,
    ),
    "a read receipt": (
        mail({"From": "a@x.example", "Subject": "Read: hello",
              "Content-Type": "multipart/report; report-type=disposition-notification; boundary=o"},
             "--o\nContent-Type: message/disposition-notification\n\n"
             "Final-Recipient: rfc822; a@x.example\n"
             "Disposition: manual-action/MDN-sent-manually; displayed\n--o--\n"),
        MessageType.MDN,
    ), "an empty message": (b"", MessageType.ORDINARY), "ordinary mail": (mail({"From":
    "a@x.example", "Subject": "hello"}, "Hi.\n"), MessageType.ORDINARY),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "expected"), CASES.values(), ids=CASES.keys())
def test_it_is_no_bounce(raw: bytes, expected: MessageType) -> None:
    reading = read(raw)
    assert (reading.type, reading.reports) == (expected, ())


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded"])
def test_a_report_of_no_failure_is_read_but_never_counted(
    classifier: Classifier, action: str
) -> None:
    group = failed("a@x.example", Diagnostic_Code="smtp; 550 user unknown") | {"Action": action}
    reports = read(dsn([group])).reports
    assert [(r.action, classifier.classify(r).kind) for r in reports] == [(action, Kind.NONE)]


def test_a_complaint_is_a_complaint(classifier: Classifier) -> None:
    body = (
        "--o\nContent-Type: text/plain\n\nThis is an abuse report.\n"
        "--o\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\n"
        "User-Agent: Loop/1.0\nVersion: 1\nOriginal-Rcpt-To: <a@x.example>\n"
        "--o\nContent-Type: message/rfc822\n\nTo: a@x.example\nSubject: news\n\nHi\n--o--\n"
    )
    header = {"Content-Type": "multipart/report; report-type=feedback-report; boundary=o"}
    reading = read(mail({"From": "fbl@x.example"} | header, body))
    assert reading.type is MessageType.COMPLAINT
    assert [(r.recipient, classifier.classify(r).kind) for r in reading.reports] == [
        ("a@x.example", Kind.COMPLAINT)
    ]


def receipt(disposition: str) -> bytes:
    body = (
        "--o\nContent-Type: text/plain\n\nYour message to <a@x.example> was read.\n"
        "--o\nContent-Type: message/disposition-notification\n\n"
        f"Final-Recipient: rfc822; a@x.example\nDisposition: {disposition}\n--o--\n"
    )
    kind = "multipart/report; report-type=disposition-notification; boundary=o"
    header = {"Subject": "Read: Automatically rejected mail", "Content-Type": kind}
    return mail({"From": "a@x.example"} | header, body)


def test_a_receipt_for_a_message_that_was_read_refuses_nothing() -> None:
    """Whatever the subject of that message was."""
    reading = read(receipt("manual-action/MDN-sent-manually; displayed"))
    assert (reading.type, reading.reports) == (MessageType.MDN, ())


def test_a_complaint_that_names_nobody_accuses_nobody() -> None:
    body = (
        "--o\nContent-Type: text/plain\n\nA message from a@x.example could not be delivered.\n"
        "--o\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\n--o--\n"
    )
    header = {"Content-Type": "multipart/report; report-type=feedback-report; boundary=o"}
    reading = read(mail({"From": "fbl@x.example"} | header, body))
    assert [(reading.type, r.recipient) for r in reading.reports] == [(MessageType.COMPLAINT, "")]


def test_a_message_refused_in_the_form_of_a_receipt_is_a_bounce() -> None:
    """Dovecot and Sieve reject so (RFC 5429)."""
    body = (
        "--o\nContent-Type: text/plain\n\n"
        "Your message to <a@x.example> was automatically rejected:\n"
        "Quota exceeded\n"
        "--o\nContent-Type: message/disposition-notification\n\n"
        "Final-Recipient: rfc822; a@x.example\n"
        "Disposition: automatic-action/MDN-sent-automatically; deleted\n--o--\n"
    )
    header = {
        "Subject": "Automatically rejected mail",
        "Auto-Submitted": "auto-replied (rejected)",
        "Content-Type": "multipart/report; report-type=disposition-notification; boundary=o",
    }
    reports = read(mail({"From": "Mail Delivery Subsystem <p@x.example>"} | header, body)).reports
    assert [r.recipient for r in reports] == ["a@x.example"]


def amazon(**bounce: object) -> bytes:
    event = {"notificationType": "Bounce", "bounce": {"bounceType": "Transient"} | bounce}
    header = {"From": "AWS <no-reply@sns.amazonaws.example>", "Subject": "AWS Notification Message"}
    return mail(header, json.dumps(event))


@pytest.mark.parametrize("kind", [("Transient", "General"), ("Undetermined", "Undetermined")])
def test_what_amazon_says_of_an_autoresponder_is_no_failure(
    classifier: Classifier, kind: tuple[str, str]
) -> None:
    people = [{"emailAddress": "a@x.example"}]
    raw = amazon(bounceType=kind[0], bounceSubType=kind[1], bouncedRecipients=people)
    assert [classifier.classify(report).kind for report in read(raw).reports] == [Kind.NONE]


@pytest.mark.parametrize("detail", [
    {"status": "4.4.7"}, {"action": "failed"}, {"diagnosticCode": "smtp; 450 4.2.0 later"},
])  # fmt: skip
def test_what_amazon_says_of_a_temporary_failure_is_one(
    classifier: Classifier, detail: dict[str, str]
) -> None:
    people = [{"emailAddress": "a@x.example"} | detail]
    raw = amazon(bounceSubType="General", bouncedRecipients=people)
    assert [classifier.classify(report).kind for report in read(raw).reports] == [Kind.SOFT]


def test_a_full_mailbox_is_one_without_details(classifier: Classifier) -> None:
    raw = amazon(bounceSubType="MailboxFull", bouncedRecipients=[{"emailAddress": "a@x.example"}])
    assert [classifier.classify(report).kind for report in read(raw).reports] == [Kind.SOFT]


def test_a_delivery_that_amazon_reports_is_none() -> None:
    """Its SMTP response may have any words."""
    event = {
        "notificationType": "Delivery", "mail": {"source": "news@sender.example"},
        "delivery": {"recipients": ["a@x.example"], "smtpResponse": "250 user unknown is no more"},
    }  # fmt: skip
    header = {"From": "AWS <no-reply@sns.amazonaws.example>", "Subject": "AWS Notification Message"}
    told = [(r.recipient, r.action) for r in read(mail(header, json.dumps(event))).reports]
    assert told == [("a@x.example", "delivered")]


@pytest.mark.parametrize("kind", ["Send", "Open", "Click", "Subscription", "RenderingFailure"])
def test_other_events_of_amazon_are_ordinary(kind: str) -> None:
    event = {"eventType": kind, "mail": {"destination": ["a@x.example"]}, "failed": "delivery"}
    header = {"From": "AWS <no-reply@sns.amazonaws.example>", "Subject": "AWS Notification Message"}
    reading = read(mail(header, json.dumps(event)))
    assert (reading.type, reading.reports) == (MessageType.ORDINARY, ())


@pytest.mark.parametrize("subject", [
    "End User Digest: 4 new messages", "Your quarantine summary", "Quarantäne-Bericht",
    "Notificación de cuarentena", "AWS Notification - Subscription Confirmation",
])  # fmt: skip
def test_a_digest_of_held_mail_accuses_nobody(subject: str) -> None:
    body = "postmaster@x.example  Returned mail: see transcript\nshop@y.example  50 % off\n"
    reading = read(mail({"From": "Filter <filter@x.example>", "Return-Path": "<>",
                         "Subject": subject}, body))  # fmt: skip
    assert (reading.type, reading.reports) == (MessageType.CHALLENGE, ())


@pytest.mark.parametrize(
    ("subtype", "category"), [("NoEmail", "address"), ("General", "undefined")]
)
def test_a_permanent_bounce_of_amazon_is_hard_without_details(
    classifier: Classifier, subtype: str, category: str
) -> None:
    people = [{"emailAddress": "a@x.example"}]
    raw = amazon(bounceType="Permanent", bounceSubType=subtype, bouncedRecipients=people)
    told = [classifier.classify(report) for report in read(raw).reports]
    assert [(verdict.kind, verdict.category) for verdict in told] == [(Kind.HARD, category)]
