"""Which evidence decides: words, a status about the address, then pages and vague words."""

import pytest

from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.reply import dissect
from bouncegate.classifier.report import Report

PAGE = "https://support.apple.com/en-us/HT204137"

ORDER = [
    # A page explains many replies, so words and a status about the address come first.
    (f"550 5.1.1 <ann@example.com>: no such user, see {PAGE}", "hard user-unknown"),
    (f"550 5.1.1 <ann@example.com>: sorry, see {PAGE}", "hard user-unknown"),
    (f"550 5.7.1 DMARC of example.org does not allow this, see {PAGE}", "hard sender-invalid"),
    (f"550 5.7.1 See {PAGE}", "hard reputation"),
    # The last digits of a provider's code are the reason, the first ones the step.
    ("550 5.5.0 LPN003_416", "hard user-unknown"),
    ("552 5.5.0 OFR004_417 [417]", "soft mailbox-full"),
    # Words of any refusal are weaker than a status about the address; those of a reason are not.
    ("550 5.1.1 <ann@example.com>: Recipient address rejected: example.com", "hard user-unknown"),
    ("550 5.1.1 <ann@example.com> refused", "hard user-unknown"),
    ("550 5.1.1 refused by policy", "hard policy"),
    ("550 5.7.1 <ann@example.com>: Recipient address rejected: no way", "hard policy"),
    # Whoever is named as rejected is rejected, whatever the reply says.
    ("Connected to 192.0.2.1 but my name was rejected. Remote host said: 550 no such user",
     "hard sender-invalid"),
    ("Connected to 192.0.2.1 but sender was rejected. Remote host said: 550 mailbox unavailable",
     "hard sender-invalid"),
    ("host mx.example.com[192.0.2.1] said: 550 5.1.1 no such user (in reply to MAIL FROM command)",
     "hard sender-invalid"),
    ("host mx.example.com[192.0.2.1] said: 550 host not found (in reply to EHLO command)",
     "hard sender-invalid"),
    # Time was up: the last answer is quoted, and says more only of the mailbox.
    ("554 5.4.7 message expired (last try: 421 4.4.0 no MX host)", "soft expired"),
    ("550 5.4.300 Message expired -> 451 4.4.4 host not found", "soft expired"),
    ("delivery expired (message too old): 452 4.2.2 over quota", "soft mailbox-full"),
    # What could not be reached is no domain that does not exist.
    ("451 4.4.1 none of the mail servers of example.com could be reached", "soft no-answer"),
    (("550 5.1.1 <ann@example.com>: Recipient address rejected: unverified address: conversation "
     "with mx.example.com[192.0.2.1] timed out"), "soft no-answer"),
    # A name of a server is no word of it.
    ("host spam-filter.example.com[192.0.2.1] said: 550 5.1.1 user unknown", "hard user-unknown"),
    # A carrier's answer after DATA is that of the recipient's filter.
    ("host mfs.docomo.ne.jp[192.0.2.1] said: 550 Unknown user (in reply to end of DATA command)",
     "hard access-denied"),
    ("host mfs.docomo.ne.jp[192.0.2.1] said: 550 Unknown user (in reply to RCPT TO command)",
     "hard user-unknown"),
    # A message that was taken did not fail.
    ("250 2.0.0 Ok: queued as 4A", "none not-a-failure"),
    ("250 ok, then 550 no such user", "hard user-unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), ORDER)
def test_the_best_evidence_decides(classifier: Classifier, text: str, expected: str) -> None:
    verdict = classifier.classify_reply(text)
    assert f"{verdict.kind} {verdict.reason}" == expected


def test_a_report_that_calls_it_temporary_outranks_the_reply_that_it_quotes(
    classifier: Classifier,
) -> None:
    report = Report(status="4.1.1", diagnostic="550 5.1.1 user unknown")
    assert classifier.classify(report).kind == "soft"


@pytest.mark.parametrize(
    ("text", "code", "status"),
    [
        ("550-5.1.1 one", "550", "5.1.1"),
        ("452-4.2.2 one 452 4.2.2 two", "452", "4.2.2"),
        ("550-one 550 5.7.1 two", "550", "5.7.1"),
        ("550 192.0.2.1-5.1.1", "550", ""),
    ],
)
def test_a_status_is_found_in_a_line_of_several(text: str, code: str, status: str) -> None:
    reply = dissect(text)
    assert (reply.code, reply.status) == (code, status)
