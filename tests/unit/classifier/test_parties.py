"""Who is named as rejected is blamed: no fault of the sender or its message locks a recipient."""

import pytest

from bouncegate.classifier.classifier import Classifier

PARTIES = (
    "sender", "sender address", "sender's domain", "sender mailbox", "sending domain",
    "sending server", "your domain", "your mail server", "your IP address", "your account",
    "HELO name", "EHLO host",
    "client host", "reverse DNS name", "From address", "From header", "return path",
    "envelope sender", "originating domain", "authenticated user", "bounce address", "smarthost",
    "Reply-To address", "sender's user", "submitting user", "originator address", "SASL login",
    "connecting host", "client hostname", "source domain", "relay host", "return address",
    "From: address", "header From", "address in MAIL FROM", "account of the sender",
    "domain in HELO", "your username", "your licence", "your sending account",
    "message-id", "header field", "attachment",
)  # fmt: skip
FAILURES = (
    "does not exist", "unknown", "not found", "is invalid", "rejected", "is disabled", "is blocked",
    "has been suspended", "is locked", "cannot be verified", "is not valid", "not recognized",
    "is closed", "expired", "no longer valid", "unavailable", "undeliverable", "has no MX record",
)  # fmt: skip
# Heard of a sender as of a recipient; of a part of the message they would be nonsense.
OF_PERSONS = (
    "could not be found", "no longer exists", "not known here", "has moved", "was deleted",
    "has been deactivated", "is not a valid user", "has no mailbox", "is terminated",
)  # fmt: skip
OF_THE_MESSAGE = ("message-id", "header field", "attachment")
FORMS = (
    "550 5.7.1 {party} {failure}", "550 {party}: {failure}", "554 {failure}: {party}",
    "550 {party} <news@sender.example> {failure}", "550 {failure} ({party})",
    "host mx.example.org[192.0.2.1] said: 550 {failure}: {party} (in reply to RCPT TO command)",
)  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("party", PARTIES)
def test_no_fault_of_the_sender_locks_a_recipient(
    classifier: Classifier, party: str, form: str
) -> None:
    failures = FAILURES if party in OF_THE_MESSAGE else FAILURES + OF_PERSONS
    texts = [form.format(party=party, failure=failure) for failure in failures]
    verdicts = {text: classifier.classify_reply(text) for text in texts}
    assert [text for text, v in verdicts.items() if v.category == "address"] == []
    assert [text for text, v in verdicts.items() if v.kind == "hard" and v.reason == "no-mx"] == []


@pytest.mark.parametrize("party", ["Recipient", "User", "Mailbox", "Account"])
@pytest.mark.parametrize("failure", ["unknown", "not found", "does not exist"])
def test_a_recipient_that_is_named_is_locked(
    classifier: Classifier, party: str, failure: str
) -> None:
    verdict = classifier.classify_reply(f"550 5.1.1 {party} {failure}")
    assert (verdict.kind, verdict.category) == ("hard", "address")


@pytest.mark.parametrize(
    "form",
    [
        "550 {recipient} {failure} (sender news@sender.example)",
        "550 Mail from your server to <ann@recipient.example>: {recipient} {failure}",
        "550 {recipient} {failure}. Contact the administrator of your domain",
    ],
)
@pytest.mark.parametrize("recipient", ["recipient address", "destination mailbox", "user account"])
def test_a_recipient_is_locked_though_the_sender_is_mentioned(
    classifier: Classifier, recipient: str, form: str
) -> None:
    failures = ("does not exist", "could not be found", "has moved", "was deleted")
    texts = [form.format(recipient=recipient, failure=failure) for failure in failures]
    verdicts = {text: classifier.classify_reply(text) for text in texts}
    assert [text for text, v in verdicts.items() if v.category != "address"] == []
