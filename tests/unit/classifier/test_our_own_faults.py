"""What our own relay, account or set-up has refused blames us: it locks no recipient, ever."""

import pytest

from bouncegate.classifier.classified import ClassifiedMessage, ClassifiedReport
from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.report import MessageType, Original, Reading, Report
from bouncegate.classifier.returnpath.attribution import Attribution
from bouncegate.classifier.returnpath.proof import UNVERIFIED
from bouncegate.config.problems import Problem
from bouncegate.config.rules import parse_rules
from bouncegate.config.settings import PolicySettings, Trust
from bouncegate.config.taxonomy import Blame
from bouncegate.policy.disposition import Disposition
from bouncegate.policy.fold import EMPTY, Policy
from bouncegate.policy.records import Event

UNPROVEN: tuple[Trust, ...] = ("unverified",)
POLICY = Policy(PolicySettings(), UNPROVEN)

OURS = """
554 5.7.1 <ann@example.com>: Relay access denied
550 5.1.1 relaying denied
550 5.1.2 relay access denied
550 5.7.1 <ann@example.com>... Relaying denied. Proper authentication required.
550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain
550 5.7.64 TenantAttribution; Relay Access Denied
454 4.7.1 <ann@example.com>: Relay access denied
553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)
550 5.7.1 this server only relays for authenticated users
550 5.7.1 no third-party relaying
550 5.7.1 <ann@example.com> relay not authorised
550 5.7.1 Rejected: 192.0.2.1 is not authorized to use this relay
530 5.7.0 Authentication required
530 5.7.0 Must issue a STARTTLS command first
530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM
535 5.7.8 Error: authentication failed
550 5.1.1 Authentication is required for relay
550 5.7.1 Please authenticate first
550 Not authenticated
550 You must check for new mail before sending mail
503 AUTH first (#5.5.1)
454 4.7.0 Temporary authentication failure
554 5.7.1 <ann@example.com>: Recipient address rejected: Sender is not logged in
553 5.7.1 <news@example.org>: Sender address rejected: not owned by user relay
550 5.1.0 <news@example.org>: Sender address rejected: User unknown in virtual mailbox table
554 5.7.1 <mail.example.org[192.0.2.7]>: Client host rejected: Access denied
550 5.2.1 Your account has been disabled
554 5.7.0 Your account has been suspended
550 5.7.0 Your subscription has expired
550 5.7.1 Message rejected: sending disabled for this account
552 5.2.2 Over quota for sending
552 Your mailbox is over quota, cannot send
550 5.4.5 Daily sending quota exceeded
550 5.7.1 TLS required by our relay
Server certificate not trusted
""".strip().splitlines()  # fmt: skip

THEIRS = """
550 5.1.1 <ann@example.com>: Recipient address rejected: User unknown in virtual mailbox table
550 5.2.1 The email account that you tried to reach is disabled.
554 account has been suspended
550 5.4.1 [ann@example.com]: Recipient address rejected: Access denied
550 5.7.134 RESOLVER.RST.SenderNotAuthenticatedForMailbox; authentication required
550 The user has not been logged in for 180 days
552 5.2.2 mailbox is over quota
""".strip().splitlines()  # fmt: skip


def event_of(classifier: Classifier, report: Report) -> Event:
    reading = Reading(
        MessageType.BOUNCE, reports=(report,), original=Original(message_id="<1@x.test>")
    )
    message = ClassifiedMessage(
        reading, (ClassifiedReport(report, classifier.classify(report)),), b""
    )
    attribution = Attribution(lambda _address: "", fold_local_part=True)
    (event,) = attribution.events_of(message, 1_770_000_000, UNVERIFIED)
    return event


def refused(text: str) -> Report:
    return Report(action="failed", final_recipient="ann@example.com", diagnostic=text, phase="rcpt")


@pytest.mark.parametrize("text", OURS)
def test_what_our_relay_or_account_is_refused_counts_against_nobody(
    classifier: Classifier, text: str
) -> None:
    event = event_of(classifier, refused(text))
    assert event.blamed is Blame.SENDER
    assert POLICY.disposition(event) is Disposition.SENDER_TO_BLAME
    assert POLICY.fold(EMPTY, 1, event) == EMPTY


@pytest.mark.parametrize("text", THEIRS)
def test_what_the_recipients_server_says_of_the_recipient_still_counts(
    classifier: Classifier, text: str
) -> None:
    event = event_of(classifier, refused(text))
    assert POLICY.disposition(event) is Disposition.COUNTS


@pytest.mark.parametrize(("status", "code"), [("5.7.8", ""), ("", "530"), ("", "535")])
def test_codes_of_authentication_alone_blame_the_sender(
    classifier: Classifier, status: str, code: str
) -> None:
    report = Report(
        action="failed", final_recipient="ann@example.com", status=status, reply_code=code
    )
    assert POLICY.disposition(event_of(classifier, report)) is Disposition.SENDER_TO_BLAME


def test_a_rule_of_an_operator_says_whom_it_blames() -> None:
    text = """
        [[rule]]
        id = "relay.closed"
        reason = "user-unknown"
        blame = "%s"
        text = "closed until monday"
        examples = ["550 closed until monday"]
    """
    problems: list[Problem] = []
    (rule,) = parse_rules("own.toml", text % "sender", problems)
    assert (rule.blame, problems) == (Blame.SENDER, [])
    assert parse_rules("own.toml", text % "the dog", problems) == []
    assert problems
