"""The shipped rules: each takes its examples; none locks a recipient for the sender's fault."""

import pytest

from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.report import Report
from bouncegate.classifier.rulecheck import check_rules
from bouncegate.config.reasons import REASONS
from bouncegate.config.rules import Rule, Rules, faults, load_rules
from bouncegate.config.taxonomy import BY_LIST, Blame, Category, Kind, Reason

RULES = load_rules().rules


def test_every_rule_takes_its_own_examples_before_any_other(
    shipped_rules: Rules, classifier: Classifier
) -> None:
    assert check_rules(shipped_rules, classifier) == ()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_says_where_its_fact_comes_from(rule: Rule) -> None:
    assert rule.source
    assert rule.examples


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_shipped_rule_has_no_fault(rule: Rule) -> None:
    """Loading them skips this check, which takes as long as all the rest of it."""
    assert list(faults(rule)) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_what_indicts_the_sender_never_names_the_address(rule: Rule) -> None:
    """Else a blocked sender would lock every recipient that it mails."""
    if REASONS[rule.reason].blame is Blame.SENDER:
        kind = rule.kind or REASONS[rule.reason].kind
        category = rule.category or REASONS[rule.reason].category
        assert (kind, category) != (Kind.HARD, Category.ADDRESS)


def test_no_finer_reason_makes_what_blames_the_sender_name_the_address() -> None:
    """The rule that decides and the one that refines it give the verdict together."""
    together = [
        (rule, finer)
        for rule in RULES
        for finer in (rule, *(r for r in RULES if r.refines))
        if finer is rule or finer.reason.general is rule.reason
    ]
    assert len(together) > len(RULES)
    for rule, finer in together:
        known = REASONS[finer.reason]
        if (rule.blame or known.blame) is Blame.SENDER:
            said = (rule.kind or known.kind, rule.category or known.category)
            assert said != (Kind.HARD, Category.ADDRESS), f"{rule.id} with {finer.id}"


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_can_be_given(reason: Reason) -> None:
    """A reason that no rule gives would never be seen by an operator."""
    by_other_means = {
        Reason.OPERATOR,
        Reason.OWN_REFUSAL,
        Reason.COMPLAINT,
        Reason.UNSUBSCRIBED,
        Reason.NOT_A_FAILURE,
        *BY_LIST,
    }
    assert reason in by_other_means or any(rule.reason is reason for rule in RULES)


PROVIDERS = [
    (("550-5.2.1 The user you are trying to contact is receiving mail at a rate that 550 5.2.1 "
     "prevents additional messages"), "soft/limit", "rate-limit"),
    ("550-5.2.1 The email account that you tried to reach is disabled.", "hard/address",
     "mailbox-disabled"),
    ("550 5.4.1 Recipient address rejected: Access denied. AS(201806281)", "hard/security",
     "user-unknown"),
    ("554 5.7.1 <a@example.com>: Recipient address rejected: Access denied", "hard/security",
     "access-denied"),
    ("554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException", "soft/mailbox",
     "mailbox-full"),
    ("550 5.2.2 Submission quota exceeded", "soft/limit", "rate-limit"),
    ("550 Requested action not taken: mailbox unavailable", "hard/address", "user-unknown"),
    (("554 delivery error: dd This user doesn't have a yahoo.com account (a@yahoo.com) [0] - "
     "mta1.mail.example"), "hard/address", "user-unknown"),
    (("451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP "
     "reputation."), "soft/limit", "rate-limit"),
    (("550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your "
     "Internet service provider since part of their network is on our block list (S3150)."),
     "hard/security", "reputation"),
    ("421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints",
     "soft/limit", "reputation"),
    ("450 4.2.0 <a@example.com>: Recipient address rejected: Greylisted", "soft/limit",
     "greylisted"),
    (("550 5.7.26 This mail has been blocked because the sender is unauthenticated. Gmail requires "
     "all senders to authenticate with either SPF or DKIM."), "hard/security", "sender-invalid"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected", "reason"), PROVIDERS)
def test_the_misleading_codes_of_providers_are_read_by_their_words(
    classifier: Classifier, text: str, expected: str, reason: str
) -> None:
    verdict = classifier.classify_reply(text)
    assert (f"{verdict.kind}/{verdict.category}", verdict.reason) == (expected, reason)


INDICTING = [
    "553 5.1.8 <news@sender.example>... Domain of sender address does not exist",
    "550 5.1.7 <news@sender.example>: Sender address rejected: User unknown",
    "550 5.1.1 Sender rejected: unknown user news",
    "554 5.7.1 Client host rejected: cannot find your reverse hostname",
    "550 5.1.1 message rejected as spam",
    "550 5.1.1 too many recipients this hour",
]


@pytest.mark.parametrize("text", INDICTING)
def test_a_failure_that_indicts_the_sender_never_locks_a_recipient(
    classifier: Classifier, text: str
) -> None:
    verdict = classifier.classify_reply(text)
    assert (verdict.kind, verdict.category) != (Kind.HARD, Category.ADDRESS)


CODES = [
    ("5.1.1", "", "hard/address"),
    ("5.2.2", "", "soft/mailbox"),
    ("4.4.1", "", "soft/network"),
    ("5.3.4", "", "soft/mailbox"),
    ("5.7.1", "", "hard/security"),
    ("4.1.1", "", "soft/undefined"),
    ("", "552", "soft/mailbox"),
    ("", "421", "soft/undefined"),
    ("5.0.0", "", "hard/undefined"),
    ("4.0.0", "", "soft/undefined"),
    ("", "", "soft/undefined"),
]


@pytest.mark.parametrize(("status", "code", "expected"), CODES)
def test_codes_alone_still_tell_the_kind(
    classifier: Classifier, status: str, code: str, expected: str
) -> None:
    verdict = classifier.classify(Report(status=status, reply_code=code))
    assert f"{verdict.kind}/{verdict.category}" == expected


def test_unmistakable_words_outweigh_a_code(classifier: Classifier) -> None:
    verdict = classifier.classify(Report(status="5.1.1", diagnostic="550 5.1.1 mailbox is full"))
    assert verdict.reason is Reason.MAILBOX_FULL


def test_a_temporary_answer_never_locks_at_once(classifier: Classifier) -> None:
    verdict = classifier.classify_reply("450 4.1.1 <a@example.com>: user unknown in relay table")
    assert verdict.kind is Kind.SOFT


def test_a_greeting_refused_with_554_stays_as_temporary_as_the_queue_took_it(
    classifier: Classifier,
) -> None:
    """Postfix defers it, and calls it 4.0.0 when the message expires."""
    diagnostic = "host mx.example.com[192.0.2.1] refused to talk to me: 554 no service here"
    verdict = classifier.classify(Report(status="4.0.0", diagnostic=diagnostic))
    assert verdict.kind is Kind.SOFT


def test_an_address_in_a_reply_is_no_evidence(classifier: Classifier) -> None:
    verdict = classifier.classify_reply("550 5.1.1 <spam@full-mailbox.example> unknown")
    assert verdict.reason is Reason.USER_UNKNOWN
