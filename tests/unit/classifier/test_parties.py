"""Who is named as rejected is blamed: no fault of the sender or its message locks a recipient."""

import pytest

from bouncegate.classifier.classifier import Classifier

PARTIES = (
    "sender", "sender address", "sender's domain", "sender mailbox", "sending domain",
    "sending server", "your domain", "your mail server", "your IP address", "your account",
    "HELO name", "EHLO host",
    "client host", "reverse DNS name", "From address", "From header", "return path",
    "envelope sender", "originating domain", "authenticated user", "bounce address", "smarthost",
    "Reply-To address",
    "message-id", "header field", "attachment",
)  # fmt: skip
FAILURES = (
    "does not exist", "unknown", "not found", "is invalid", "rejected", "is disabled", "is blocked",
    "has been suspended", "is locked", "cannot be verified", "is not valid", "not recognized",
    "is closed", "expired", "no longer valid", "unavailable", "undeliverable", "has no MX record",
)  # fmt: skip
FORMS = ("550 5.7.1 {party} {failure}", "550 {party}: {failure}", "554 {failure}: {party}")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("party", PARTIES)
def test_no_fault_of_the_sender_locks_a_recipient(
    classifier: Classifier, party: str, form: str
) -> None:
    texts = [form.format(party=party, failure=failure) for failure in FAILURES]
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
