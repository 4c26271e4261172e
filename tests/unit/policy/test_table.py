"""The policy table: each row of an operator decides over just the bounces that it is for."""

from importlib.resources import files

from tests.unit.policy.journey import (
    act,
    after,
    bounce,
    day_of,
    delivery,
    hard,
    kind_and_end,
    policy_of,
    soft,
)

from bouncegate.classifier import classify_reply
from bouncegate.config.taxonomy import Blame, Kind, Reason
from bouncegate.policy.disposition import Disposition
from bouncegate.policy.records import MOST_GROUPS, NO_END

BY_GROUP = '[policy.soft]\nscope = "group"\nfailures = 2\n'


def test_a_provider_can_have_its_own_number_of_failures() -> None:
    toml = '[[policy.row]]\nprovider = "gmx"\nkind = "hard"\nfailures = 2\nlock = "6 months"'
    first, second = hard(0, provider="gmx"), hard(1, provider="gmx")
    assert after(first, toml=toml).lock is None
    assert kind_and_end(after(first, second, toml=toml)) == (Kind.HARD, "2026-08-01")
    assert after(hard(0, provider="google"), toml=toml).lock is not None, "others are not meant"


def test_a_row_for_a_domain_holds_whoever_runs_its_mail() -> None:
    row = '[[policy.row]]\nprovider = {}\nkind = "hard"\nfailures = 2\nlock = "6 months"\n'
    toml = row.format('["gmx", "example.com"]')
    for provider in ("", "example.com", "google"):
        assert policy_of(toml).row(hard(0, provider=provider)).failures == 2
    of_provider = row.format('"google"').replace("failures = 2", "failures = 3")
    for rows in (toml + of_provider, of_provider + toml):
        policy = policy_of(rows)
        assert policy.row(hard(0, provider="google")).failures == 2, "the domain says more"
        other = hard(0, provider="google", address="ann@other.example")
        assert policy.row(other).failures == 3


def test_a_row_for_a_sender_goes_by_the_envelope_sender() -> None:
    toml = '[[policy.row]]\nsender = "news@example.org"\nlock = "never"'
    assert after(hard(0, sender="<News@example.org>"), toml=toml).lock is None
    assert after(hard(0, sender="other@example.org"), toml=toml).lock is not None


def test_a_bounce_that_never_locks_counts_for_nothing() -> None:
    toml = '[[policy.row]]\nreason = "access-denied"\nlock = "never"'
    denied = bounce(Reason.ACCESS_DENIED, 0)
    assert policy_of(toml).disposition(denied) is Disposition.NEVER_LOCKS
    assert after(denied, toml=toml) == after()


def test_a_row_for_a_general_reason_covers_its_finer_ones_and_a_finer_one_says_more() -> None:
    row = '[[policy.row]]\nreason = {}\nfailures = {}\nlock = "6 months"\n'
    general = row.format('"mailbox-disabled"', 2)
    finer = row.format('["mailbox-inactive", "user-unknown"]', 3)
    for toml in (general + finer, finer + general):
        policy = policy_of(toml)
        assert policy.row(bounce(Reason.MAILBOX_DISABLED, 0)).failures == 2
        assert policy.row(bounce(Reason.MAILBOX_SUSPENDED, 0)).failures == 2
        assert policy.row(bounce(Reason.MAILBOX_INACTIVE, 0)).failures == 3
        assert policy.row(bounce(Reason.USER_UNKNOWN, 0)).failures == 3


def test_failures_outside_the_window_do_not_count() -> None:
    toml = '[policy.soft]\nfailures = 3\nwindow = "1 month"\nlock = "1 month"'
    assert after(soft(0), soft(14), soft(29), toml=toml).lock is None, "29 days from 31 January"
    assert after(soft(0), soft(14), soft(27), toml=toml).lock is not None, "the month ends at 28"
    assert after(soft(0), soft(20), soft(40), soft(45), toml=toml).lock is not None


def test_failures_of_one_kind_count_together_and_the_last_one_decides_how_many_lock() -> None:
    toml = '[[policy.row]]\nreason = "mailbox-full"\nfailures = 5\nlock = "1 month"'
    four = [soft(day) for day in range(4)]
    assert after(*four, toml=toml).lock is None
    assert after(*four, soft(4), toml=toml).lock is not None
    silent = bounce(Reason.NO_ANSWER, 4)
    assert after(*four, silent, toml=toml).lock is not None, "three in a row, whatever they were"


def test_each_further_lock_lasts_longer_up_to_the_last_length() -> None:
    folder = files("bouncegate.config")
    example = folder.joinpath("policy-longer-each-time.toml").read_text("utf-8")
    days, ends = (0, 400, 1200, 3100, 5000), []
    entries = []
    for day in days:
        entries.append(hard(day))
        lock = after(*entries, toml=example).lock
        assert lock is not None
        ends.append(int(day_of(lock.until)[:4]) - int(day_of(lock.since)[:4]))
    assert ends == [1, 2, 5, 5, 5]


def test_a_lock_of_a_group_holds_for_it_alone_and_counts_alone() -> None:
    one, other = "a.example", "b.example"
    state = after(soft(0, group=one), soft(1, group=other), soft(2, group=one), toml=BY_GROUP)
    assert state.lock is None
    assert state.groups[one].lock is not None
    assert state.groups[other].lock is None
    assert (state.groups[one].soft_in_row, state.groups[other].soft_in_row) == (2, 1)
    assert state.soft == 3, "what was seen is told of the address"


def test_a_delivery_and_a_sign_of_life_count_for_every_group() -> None:
    entries = [soft(0, group="a.example"), soft(1, group="a.example"), soft(2, group="b.example")]
    assert after(*entries, delivery(3), toml=BY_GROUP).groups == {}
    assert after(*entries, act("alive", 3), toml=BY_GROUP).groups == {}


def test_more_groups_than_are_told_apart_count_for_all() -> None:
    entries = [soft(n, group=f"g{n}.example") for n in range(MOST_GROUPS)]
    state = after(
        *entries, soft(100, group="x.example"), soft(101, group="y.example"), toml=BY_GROUP
    )
    assert len(state.groups) == MOST_GROUPS
    assert state.lock is not None


def test_an_operator_locks_and_unlocks_for_one_group() -> None:
    state = after(act("lock", 0, group="a.example"))
    assert state.lock is None
    lock = state.groups["a.example"].lock
    assert lock is not None
    assert lock.until == NO_END
    assert after(act("lock", 0, group="a.example"), act("unlock", 1, group="a.example")) == after()
    assert after(act("lock", 0, group="a.example"), act("unlock", 1)) == after()


BLOCKS = """
[[policy.row]]
category = "security"
counts = true
failures = 1
lock = "1 year"

[[policy.row]]
category = "limit"
counts = true
failures = 3
lock = "1 month"

[[policy.row]]
reason = "virus"
lock = "never"
"""


def test_what_blames_the_sender_counts_where_a_row_says_so() -> None:
    """As a service has it that locks where the receiving server blocks, and counts limits."""
    blocked = bounce(Reason.SPAM_BLOCK, 0)
    assert after(blocked).lock is None
    assert kind_and_end(after(blocked, toml=BLOCKS)) == (Kind.HARD, "2027-01-31")
    limited = [bounce(Reason.RATE_LIMIT, day) for day in range(3)]
    assert after(*limited).lock is None
    assert after(*limited[:2], toml=BLOCKS).lock is None
    assert kind_and_end(after(*limited, toml=BLOCKS)) == (Kind.SOFT, "2026-03-02")


def test_what_is_refused_at_mail_or_data_counts_where_a_row_says_so() -> None:
    for phase in ("mail", "data", "end-of-data"):
        blocked = bounce(Reason.CONTENT_BLOCKED, 0, phase=phase)
        assert after(blocked).lock is None
        assert after(blocked, toml=BLOCKS).lock is not None
    elsewhere = bounce(Reason.NO_ANSWER, 0, phase="mail")
    assert policy_of(BLOCKS).disposition(elsewhere) is Disposition.SENDER_TO_BLAME


def test_a_row_that_counts_has_exceptions_and_proves_nothing() -> None:
    virus = bounce(Reason.VIRUS, 0)
    assert policy_of(BLOCKS).disposition(virus) is Disposition.SENDER_TO_BLAME
    stranger = bounce(Reason.SPAM_BLOCK, 0, trust="unverified")
    assert policy_of(BLOCKS).disposition(stranger) is Disposition.UNVERIFIED
    own = bounce(Reason.OWN_REFUSAL, 0)
    assert policy_of(BLOCKS).disposition(own) is Disposition.OWN_REFUSAL


def test_a_more_specific_row_without_counts_leaves_blocks_to_the_row_with_it() -> None:
    toml = BLOCKS + '[[policy.row]]\nprovider = "gmx"\nfailures = 5\nlock = "1 month"\n'
    blocked = bounce(Reason.SPAM_BLOCK, 0, provider="gmx")
    assert policy_of(toml).row(blocked).name == "policy.row.1"
    denied = bounce(Reason.ACCESS_DENIED, 0, provider="gmx")
    assert policy_of(toml).row(denied).name == "policy.row.4"


def test_a_full_mailbox_counts_whatever_the_phase_of_its_reply() -> None:
    verdict = classify_reply("552 requested mail action aborted: exceeded storage allocation")
    full = [bounce(verdict.reason, day, phase="end-of-data") for day in range(3)]
    assert (verdict.kind, verdict.blamed) == (Kind.SOFT, Blame.RECIPIENT)
    assert after(*full).lock is not None
