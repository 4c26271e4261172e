"""What none of the model systems has, sentence by sentence, on the daemons where it needs them."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.product.conftest import Bounce
from tests.product.views import FULL, UNKNOWN, listed, rows, shown
from tests.unit.classifier.builder import dsn, failed
from tests.unit.classifier.provensite import ALONE, SENT, Site, site
from tests.unit.classifier.provensite import dsn as proven_dsn
from tests.unit.cli.conftest import Command
from tests.unit.cli.reported import event, record
from tests.unit.cli.terminals import run
from tests.unit.cli.test_operator import bounce
from tests.unit.cli.test_outage import break_google
from tests.unit.milter.daemon import Daemon
from tests.unit.milter.locks import put_locks
from tests.unit.milter.mta import Answer, Mta
from tests.unit.milter.test_counting import OUTBOUND

from bouncegate.config.taxonomy import Reason

__all__ = ["site"]

ANN, GONE = "ann@kernel.org", "gone@kernel.org"


def offered(daemon: Daemon, address: str) -> Answer:
    """The milter's answer to a recipient in an SMTP dialogue."""
    with Mta(daemon.socket) as mta:
        mta.connect(OUTBOUND)
        mta.mail(OUTBOUND, "news@sender.test")
        return mta.rcpt(OUTBOUND, f"<{address}>".encode())


def test_refusal_happens_in_the_smtp_dialogue_with_the_reason_and_the_day_the_lock_ends(
    daemon: Daemon,
) -> None:
    until = int(time.time()) + 100 * 86_400
    put_locks(daemon.store, GONE, until=until)
    daemon.start()
    answer = offered(daemon, GONE)
    assert (answer.verdict, answer.text[:4]) == ("y", "550 ")
    assert "user-unknown" in answer.text
    assert time.strftime("%Y-%m-%d", time.gmtime(until)) in answer.text
    assert offered(daemon, ANN).verdict == "c"


def test_no_forged_dsn_can_lock_an_address(
    config: Path, receive: Callable[[bytes], None], bouncegate: Command
) -> None:
    with config.open("a") as file:
        file.write('[return_path]\ndomain = "return.example.org"\n[ledger]\nenabled = true\n')
    for _ in range(3):
        receive(dsn([failed(ANN, Diagnostic_Code=f"smtp; {UNKNOWN}")]))
    assert shown(bouncegate, ANN)["locked"] is False


def test_signed_return_paths_and_a_ledger_of_what_was_really_sent_prove_a_bounce(
    site: Site,
) -> None:
    """The token proves which message, the ledger whether it went to this recipient."""
    site.deliver(proven_dsn("ann@example.com"), site.token(SENT))
    site.deliver(proven_dsn("eve@example.com"), site.token(SENT))
    assert site.locked() == ["ann@example.com"]


def test_one_bounce_never_hurts_the_other_recipients_of_the_same_message(site: Site) -> None:
    site.deliver(proven_dsn("ann@example.com"), site.token(SENT))
    assert site.locked() == ["ann@example.com"]
    assert site.store.addresses.get("bob@example.com") is None


def test_forwarded_addresss_bounce_counts_for_the_address_that_we_mailed(site: Site) -> None:
    site.deliver(proven_dsn("behind@elsewhere.example"), site.token(ALONE))
    assert site.locked() == ["alias@example.net"]


def test_when_a_provider_calls_every_mailbox_unknown_locking_for_it_stops_by_itself(
    config: Path, bouncegate: Command
) -> None:
    break_google(config, addresses=60)
    record(config, event(ANN))
    assert listed(bouncegate) == [ANN], "nobody of the provider is locked, others are"
    (incident,) = rows(bouncegate, "incident", "list")
    assert (incident["provider"], incident["state"]) == ("google", "open")


def test_what_an_outage_locked_can_be_rolled_back_exactly(
    config: Path, bouncegate: Command
) -> None:
    users = [f"user{n}@gmail.com" for n in range(4)]
    record(config, event(users[0], ago=30 * 86_400), event(ANN))
    before = rows(bouncegate, "list"), [shown(bouncegate, user) for user in users]
    record(config, *(event(user) for user in users[1:]))
    assert len(listed(bouncegate)) == 5
    done = bouncegate("undo", "--provider", "google", "--since", "1 hour", "--yes")
    assert done.code == 0, done.err
    after = rows(bouncegate, "list"), [shown(bouncegate, user) for user in users]
    assert after[0] == before[0]
    assert [view["locked"] for view in after[1]] == [view["locked"] for view in before[1]]
    assert [view["hard"] for view in after[1]] == [view["hard"] for view in before[1]]


@pytest.mark.parametrize(
    "reply",
    [
        "550 5.7.1 your IP address 192.0.2.1 is on a block list",
        "554 5.7.1 message rejected as spam",
        "550 5.7.26 unauthenticated sender: SPF and DKIM did not pass",
    ],
)
def test_failures_that_indict_the_sender_never_lock_a_recipient(
    bounced: Bounce, bouncegate: Command, reply: str
) -> None:
    for _ in range(3):
        bounced(reply, ANN)
    seen = shown(bouncegate, ANN)
    assert (seen["locked"], sum(seen["bounces"].values())) == (False, 3)
    assert listed(bouncegate, "--state", "bounced", "--kind", "blocked") == [ANN]


def test_failures_that_indict_the_sender_raise_an_alarm_that_says_what_to_fix(
    config: Path, bouncegate: Command
) -> None:
    record(config, *(event(f"u{n}@kernel.org", Reason.SENDER_INVALID) for n in range(30)))
    done = bouncegate("report", "health", "--json")
    assert done.code == 1
    (sender,) = json.loads(done.out)["senders"]
    assert sender["sender"] == "example.org"
    assert "SPF" in sender["advice"] or "DNS" in sender["advice"]


def test_our_own_refusals_never_come_back_as_evidence(daemon: Daemon) -> None:
    """What the milter answered stands in the DSN of the server that was refused."""
    put_locks(daemon.store, GONE)
    daemon.start()
    refusal = offered(daemon, GONE).text
    own, other = classified(daemon, refusal, refusal.partition(" [bouncegate")[0])
    assert (own["kind"], own["reason"]) == ("none", "own-refusal")
    assert other["kind"] != "none", "only the mark of this installation hides a bounce"


def classified(daemon: Daemon, *replies: str) -> list[dict[str, str]]:
    """The verdicts of `bouncegate classify` on the machine of a milter."""
    file = daemon.folder / "replies.txt"
    file.write_text("".join(f"{reply}\n" for reply in replies))
    done = run(daemon.folder, "classify", "--diagnostics", "--json", str(file))
    return [json.loads(line) for line in done.out.splitlines()]


def test_explain_tells_each_event_of_an_address_the_rule_and_why_it_did_or_did_not_lock(
    bounced: Bounce, bouncegate: Command
) -> None:
    for reply in (FULL, "554 5.7.1 message rejected as spam", UNKNOWN):
        bounced(reply, ANN)
    (told,) = rows(bouncegate, "explain", ANN)
    assert [step["reason"] for step in told["steps"]] == [
        "mailbox-full", "spam-block", "user-unknown",
    ]  # fmt: skip
    assert all(step["rule"] for step in told["steps"])
    assert [step["effect"] for step in told["steps"]] == ["counted", "sender-to-blame", "locked"]


def test_observe_before_enforce(daemon: Daemon) -> None:
    put_locks(daemon.store, GONE)
    daemon.start(milter={"mode": "observe"})
    assert offered(daemon, GONE).verdict == "c"
    daemon.wait_for_log("would-reject: RCPT")
    assert GONE in daemon.text()


def test_policy_change_can_be_replayed_over_past_events_to_see_what_it_would_do(
    config: Path, bouncegate: Command
) -> None:
    bounce(config, ANN, Reason.MAILBOX_FULL, times=2, first=int(time.time()) - 5 * 86_400)
    new = config.with_name("new.toml")
    new.write_text(config.read_text() + "[policy.soft]\nfailures = 2\n")
    *changes, _ = rows(bouncegate, "simulate", "--config", str(new))
    assert [change["address"] for change in changes] == [ANN]
    assert shown(bouncegate, ANN)["locked"] is False, "nothing is changed"


def test_refused_recipient_is_on_record(daemon: Daemon) -> None:
    """Who was refused and why is in the log, in the words of Postfix."""
    put_locks(daemon.store, GONE)
    daemon.start()
    offered(daemon, GONE)
    daemon.wait_for_log(f"to=<{GONE}>")
    (line,) = [line for line in daemon.text().splitlines() if f"to=<{GONE}>" in line]
    assert "reject: RCPT" in line
    assert "reason=user-unknown" in line
