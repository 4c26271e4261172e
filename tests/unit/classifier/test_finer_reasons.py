"""The finer reason of a reply, beside the general one that stays as it was."""

from pathlib import Path

import pytest

from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.report import Report
from bouncegate.config.rules import load_rules
from bouncegate.config.taxonomy import Blame, Category, Kind, Reason

REPLIES = [
    ("550 5.7.23 mx.example.com refused: SPF check of example.org failed", "spf-failed"),
    ("550 5.7.1 no valid DKIM signature on this mail", "dkim-failed"),
    ("550 5.7.1 mail from example.org fails its DMARC policy", "dmarc-failed"),
    ("550-5.7.26 neither SPF nor DKIM did pass for example.org", "sender-unauthenticated"),
    ("450 4.7.25 no PTR record for 192.0.2.7", "no-reverse-dns"),
    ("504 5.5.2 <mail>: Helo command rejected: name is not full", "helo-refused"),
    ("550 5.1.7 <news@example.org>: Sender address rejected: undeliverable",
     "sender-address-refused"),
    ("554 sending address is not accepted by our filter", "sender-address-refused"),
    ("553 Domain of sender address news@nowhere.example is not here", "sender-domain-refused"),
    ("450 4.1.8 <news@nowhere.example>: Sender address rejected: Domain not found",
     "sender-domain-refused"),
    ("553 5.7.1 news is not owner of that address", "sender-not-permitted"),
    ("550 5.7.0 Your account has been suspended by our abuse desk", "sender-account-blocked"),
    ("554 5.7.1 192.0.2.7 is listed by zen.spamhaus.org", "ip-blocked"),
    ("554 mail refused: low reputation of 192.0.2.7, poor sender reputation", "ip-blocked"),
    ("554 insufficient reputation", "ip-reputation"),
    ("554 5.7.1 a link in your mail is on SURBL", "domain-reputation"),
    ("550 5.7.1 dynamic IP addresses may not deliver here", "dynamic-ip"),
    ("554 5.7.1 <ann@example.com>: Relay access denied", "relay-denied"),
    ("530 5.7.0 Authentication required", "authentication-required"),
    ("550 5.7.1 only list members can post here", "recipient-restricted"),
    ("550 5.7.1 you were blocked by the recipient", "blocked-by-recipient"),
    ("550 5.7.1 not RFC 5322 compliant: two Subject headers", "not-rfc-compliant"),
    ("552 5.7.0 attachment type .exe is forbidden", "attachment-refused"),
    ("550 mailbox is inactive", "mailbox-inactive"),
    ("550 account suspended", "mailbox-suspended"),
    ("550 mailbox disabled", "mailbox-disabled"),
    ("551 5.1.6 user has moved, please try <ann@example.net>", "new-address"),
    ("551 5.1.6 user has moved", "mailbox-moved"),
    ("550 this address is on our suppression list", "suppressed"),
    ("452 4.3.1 Insufficient system storage", "system-full"),
    ("554 5.3.0 unknown mailer error 2", "program-error"),
    ("554 5.4.6 too many hops", "mail-loop"),
    ("501 5.5.4 syntax error in parameters", "syntax-error"),
    ("421 too many connections from 192.0.2.7", "too-many-connections"),
    ("452 4.5.3 too many recipients", "too-many-recipients"),
    ("550 5.4.5 Daily sending quota exceeded", "sending-quota"),
    ("550 5.1.1 no such user here", "user-unknown"),
    ("550 Unauthenticated users are not allowed", "authentication-required"),
    ("550 5.2.0 the address after From: is unknown to us. IB502", "sender-address-refused"),
    ("550 5.2.0 rejete. OFR004_506 [506]", "spam-block"),
    ("550 5.7.27 Domain does not accept mail", "no-mx"),
    ("451 4.7.1 Client host rejected: retry more slowly", "rate-limit"),
    ("Your post to group team@example.com was rejected due to spam classification.", "spam-block"),
    ("server temporarily unavailable. this message has been in the queue too long.", "expired"),
    ("550-5.7.1 [192.0.2.7] mail with multiple 550 5.7.1 addresses in From: is refused",
     "not-rfc-compliant"),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "detail"), REPLIES)
def test_a_reply_has_its_finest_reason(classifier: Classifier, reply: str, detail: str) -> None:
    verdict = classifier.classify_reply(reply)
    assert verdict.detail == detail
    assert verdict.reason is Reason(detail).general


@pytest.mark.parametrize(("reply", "detail"), REPLIES)
def test_what_blames_the_sender_never_names_the_address(
    classifier: Classifier, reply: str, detail: str
) -> None:
    verdict = classifier.classify_reply(reply)
    if verdict.blamed is Blame.SENDER:
        assert (verdict.kind, verdict.category) != (Kind.HARD, Category.ADDRESS), detail


@pytest.mark.parametrize(
    ("status", "detail"),
    [
        ("5.7.23", "spf-failed"),
        ("5.7.20", "dkim-failed"),
        ("5.7.25", "no-reverse-dns"),
        ("5.7.26", "sender-unauthenticated"),
        ("5.1.8", "sender-domain-refused"),
        ("5.1.3", "address-malformed"),
        ("4.4.3", "dns-failure"),
    ],
)
def test_a_code_alone_tells_it_too(classifier: Classifier, status: str, detail: str) -> None:
    assert classifier.classify(Report(status=status)).detail == detail


def test_what_a_client_calls_an_error_of_protocol_is_told_by_the_transcript(
    classifier: Classifier,
) -> None:
    bare = "554 ann@example.com... Remote protocol error"
    transcript = ">>> MAIL From:<news@example.org>\n<<< 550 we do not relay for you"
    assert classifier.classify(Report(diagnostic=bare)).detail is Reason.PROTOCOL_ERROR
    told = classifier.classify(Report(diagnostic=bare, notice=transcript))
    assert told.detail is Reason.RELAY_DENIED


OWN = """
[[rule]]
id = "own.partner"
reason = "policy"
text = 'ticket \\d+'
examples = ["550 ticket 7"]

[[rule]]
id = "own.spf"
reason = "spf-failed"
text = 'card \\d+'
examples = ["550 card 7"]

[[rule]]
id = "own.finer"
refines = true
reason = "helo-refused"
text = 'wrong badge'
examples = ["550 unknown client: wrong badge, sender refused"]
"""


def test_a_rule_of_ones_own_gives_or_refines_a_reason(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(OWN.replace("unknown client: ", ""))
    classifier = Classifier(load_rules(tmp_path))
    assert classifier.classify_reply("550 ticket 7").detail is Reason.POLICY
    assert classifier.classify_reply("550 card 7").detail is Reason.SPF_FAILED
    refined = Report(diagnostic="550 sender refused, wrong badge")
    verdict, explanation = classifier.classify(refined), classifier.explain(refined)
    assert verdict == explanation.verdict
    assert verdict.detail is Reason.HELO_REFUSED
    assert verdict.rule == "sender.address", "another rule has decided"
    assert explanation.refined_by == "own.finer"
    assert classifier.classify_reply("550 no such user, wrong badge").detail is Reason.USER_UNKNOWN


def test_a_rule_that_decided_keeps_its_own_kind_and_blame(tmp_path: Path) -> None:
    own = OWN.replace('reason = "policy"', 'reason = "sender-invalid"\nkind = "soft"\n'
                      'category = "limit"\nblame = "path"')  # fmt: skip
    (tmp_path / "own.toml").write_text(own)
    verdict = Classifier(load_rules(tmp_path)).classify_reply("550 ticket 7, see DMARC")
    assert verdict.detail is Reason.DMARC_FAILED
    assert (verdict.kind, verdict.category, verdict.blamed) == ("soft", "limit", "path")
