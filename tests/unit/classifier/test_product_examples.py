"""Each example that the model services give falls where its service puts it."""

import pytest

from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.report import NOT_FAILURES, Report
from bouncegate.config.replies import mark_with
from bouncegate.config.rules import Rules
from bouncegate.config.taxonomy import Kind, Reason

EXAMPLES = {
    "554 mailbox not found": "hard/address",
    "550 5.4.1 [someone@example.com]: recipient address rejected: access denied": "hard/security",
    "550 5.4.1 [...]: recipient address rejected: access denied": "hard/security",
    "no mx record found 0x0000232b": "hard/undefined",
    "552-requested mail action aborted: exceeded storage allocation": "soft/mailbox",
    "552-mail size limit exceeded.": "soft/mailbox",
    "554 5.4.14 hop count exceeded - possible mail loop attr34": "soft/network",
    "421 too many concurrent smtp connections from this ip address; "
    "please try again later.": "soft/limit",
    "421 (mxgmx015) nemesis esmtp service not available": "soft/undefined",
    "421-service unavailable": "soft/undefined",
}


@pytest.mark.parametrize(("text", "expected"), EXAMPLES.items())
def test_an_example_falls_where_its_service_puts_it(
    classifier: Classifier, text: str, expected: str
) -> None:
    verdict = classifier.classify_reply(text)
    assert f"{verdict.kind}/{verdict.category}" == expected


@pytest.mark.parametrize("action", sorted(NOT_FAILURES))
def test_what_is_no_failure_never_counts_whatever_it_says(
    classifier: Classifier, action: str
) -> None:
    verdict = classifier.classify(
        Report(action=action, status="5.1.1", diagnostic="550 user unknown")
    )
    assert (verdict.kind, verdict.reason) == (Kind.NONE, Reason.NOT_A_FAILURE)


@pytest.mark.parametrize(
    "written",
    [
        "[bouncegate 01234567]",
        "[bouncegate\n 01234567]",
        "[bouncegate 01234567] (in reply to)",
    ],
)
def test_our_own_refusal_never_comes_back_as_evidence(shipped_rules: Rules, written: str) -> None:
    classifier = Classifier(shipped_rules, mark_with("01234567"))
    verdict = classifier.classify_reply(
        f"550 5.1.1 Recipient address rejected: user unknown {written}"
    )
    assert (verdict.kind, verdict.reason) == (Kind.NONE, Reason.OWN_REFUSAL)


@pytest.mark.parametrize("own_mark", ["", mark_with("01234567")])
@pytest.mark.parametrize("written", ["[bouncegate]", "[bouncegate 89abcdef]", "[bouncegate ]", ""])
def test_the_refusal_of_another_installation_is_a_bounce(
    shipped_rules: Rules, own_mark: str, written: str
) -> None:
    """A remote server that runs Bouncegate refuses in earnest, and nobody hides a bounce."""
    classifier = Classifier(shipped_rules, own_mark)
    verdict = classifier.classify_reply(
        f"550 5.1.1 Recipient address rejected: user unknown {written}"
    )
    assert (verdict.kind, verdict.reason) == (Kind.HARD, Reason.USER_UNKNOWN)
