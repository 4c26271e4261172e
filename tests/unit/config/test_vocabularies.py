"""Our reasons in the words of other programs."""

import pytest

from bouncegate.config.taxonomy import Kind, Reason
from bouncegate.config.vocabularies import WORDS, Vocabulary, answer

SISIMAI = {
    "authfailure", "badreputation", "blocked", "contenterror", "delivered", "exceedlimit",
    "expired", "failedstarttls", "feedback", "filtered", "hasmoved", "hostunknown", "mailboxfull",
    "mailererror", "mesgtoobig", "networkerror", "norelaying", "notaccept", "notcompliantrfc",
    "onhold", "policyviolation", "rejected", "requireptr", "securityerror", "spamdetected",
    "speeding", "suppressed", "suspend", "syntaxerror", "systemerror", "systemfull", "toomanyconn",
    "undefined", "userunknown", "vacation", "virusdetected",
}  # fmt: skip
SES = {
    "General", "NoEmail", "Suppressed", "OnAccountSuppressionList", "MailboxFull",
    "MessageTooLarge", "ContentRejected", "AttachmentRejected", "Undetermined", "abuse",
}  # fmt: skip


@pytest.mark.parametrize("reason", list(Reason))
def test_each_reason_has_a_word_in_each_vocabulary(reason: Reason) -> None:
    words = WORDS[reason]
    assert words.sisimai in SISIMAI
    assert words.ses in SES
    assert words.kumomta[0].isupper()
    for vocabulary in Vocabulary:
        assert answer(vocabulary, Kind.HARD, reason).reason in words


@pytest.mark.parametrize(
    ("kind", "reason", "expected"),
    [
        (Kind.HARD, Reason.USER_UNKNOWN, ("Permanent", "General")),
        (Kind.SOFT, Reason.USER_UNKNOWN, ("Transient", "General")),
        (Kind.SOFT, Reason.MAILBOX_FULL, ("Transient", "MailboxFull")),
        (Kind.HARD, Reason.SPAM_BLOCK, ("Transient", "ContentRejected")),
        (Kind.HARD, Reason.SUPPRESSED, ("Permanent", "OnAccountSuppressionList")),
        (Kind.HARD, Reason.UNDEFINED, ("Undetermined", "Undetermined")),
        (Kind.NONE, Reason.NOT_A_FAILURE, ("Undetermined", "Undetermined")),
        (Kind.COMPLAINT, Reason.COMPLAINT, ("Complaint", "abuse")),
    ],
)
def test_ses_has_types_of_its_own(kind: Kind, reason: Reason, expected: tuple[str, str]) -> None:
    assert answer(Vocabulary.SES, kind, reason) == expected


def test_others_keep_our_kind() -> None:
    assert answer(Vocabulary.SISIMAI, Kind.HARD, Reason.SPF_FAILED) == ("hard", "authfailure")
    assert answer(Vocabulary.KUMOMTA, Kind.SOFT, Reason.DNS_FAILURE) == ("soft", "DNSFailure")
