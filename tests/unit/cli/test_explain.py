"""An operator must be able to say why: each event, its rule, what it did, and what frees."""

import json
from contextlib import closing
from pathlib import Path

from msgspec.structs import replace
from tests.events import event_of
from tests.unit.store.bounces import NOW, bounce_of, policy, record

from bouncegate.admin.views.values import iso
from bouncegate.config.loading import load
from bouncegate.config.taxonomy import Kind, Reason
from bouncegate.policy.deaddomain import CHECKER
from bouncegate.policy.fold import Policy
from bouncegate.store.deliverylog import Batch, Deferral, Deferred, Delivery
from bouncegate.store.store import Bounce

from .conftest import Command, store_of
from .test_operator import A_YEAR_LATER, SIGNED, bounce


def test_every_event_is_told_with_its_rule_and_what_it_did(
    config: Path, bouncegate: Command
) -> None:
    bounce(config, "ann@example.com", Reason.MAILBOX_FULL, times=4)
    bouncegate("unlock", "--yes", "ann@example.com", "--why", "she called")
    told = json.loads(bouncegate("explain", "--json", "Ann@example.com").out)
    assert [(step["what"], step["effect"]) for step in told["steps"]] == [
        ("bounce", "counted"),
        ("bounce", "counted"),
        ("bounce", "locked"),
        ("bounce", "locked-already"),
    ], "its time was up before the unlock, which then had nothing to do"
    assert [step["soft_in_row"] for step in told["steps"]] == [1, 2, 3, 4]
    assert {step["rule"] for step in told["steps"]} == {"r"}
    assert {step["trust"] for step in told["steps"]} == {"signed"}


def test_a_lock_names_its_cause_its_advice_and_what_frees_it(
    config: Path, bouncegate: Command
) -> None:
    bounce(config, "ann@example.com")
    text = bouncegate("explain", "ann@example.com").out
    until = iso(A_YEAR_LATER)
    assert f"ann@example.com is locked (hard, address, user-unknown) until {until}" in text
    assert "Entry 1 locked it" in text
    assert "Correct the address" in text
    assert "What frees it: its end, or bouncegate unlock --force." in text


def test_a_lock_names_the_source_of_its_rule_and_its_date(
    config: Path, bouncegate: Command
) -> None:
    folder = config.parent / "rules.d"
    folder.mkdir()
    (folder / "own.toml").write_text(
        '[[rule]]\nid = "r"\nreason = "user-unknown"\nsource = "their manual"\ndate = 2026-01-07\n'
        "text = 'no such pigeonhole'\nexamples = ['550 no such pigeonhole']\n"
    )
    config.write_text(config.read_text() + f'\n[rules]\nfolder = "{folder}"\n')
    bounce(config, "ann@example.com")
    text = bouncegate("explain", "ann@example.com").out
    assert "Source of its rule r: their manual (2026-01-07)" in text
    (step,) = json.loads(bouncegate("explain", "--json", "ann@example.com").out)["steps"]
    assert (step["rule_source"], step["rule_date"]) == ("their manual", "2026-01-07")
    (folder / "own.toml").write_text("[[rule]]\nid = 'r'\n")
    assert "Source of its rule" not in bouncegate("explain", "ann@example.com").out
    assert "is locked" in bouncegate("explain", "ann@example.com").out


def test_acts_of_operators_are_told_with_who_and_why(config: Path, bouncegate: Command) -> None:
    bouncegate("lock", "ann@example.com", "--by", "eve", "--why", "asked on the phone")
    bouncegate("unlock", "--yes", "ann@example.com", "--by", "bob")
    told = json.loads(bouncegate("explain", "--json", "ann@example.com").out)
    assert [(s["what"], s["effect"], s["by"], s["why"]) for s in told["steps"]] == [
        ("lock", "locked", "eve", "asked on the phone"),
        ("unlock", "unlocked", "bob", ""),
    ]
    assert "asked on the phone" in bouncegate("explain", "ann@example.com").out


def test_what_did_not_count_says_why(config: Path, bouncegate: Command) -> None:
    bounce(config, "ann@example.com", Reason.SPAM_BLOCK)
    told = json.loads(bouncegate("explain", "--json", "ann@example.com").out)
    assert told["steps"][0]["effect"] == "sender-to-blame"
    assert "is not locked" in bouncegate("explain", "ann@example.com").out


def test_an_unclear_bounce_is_told_to_need_a_second_from_another_day(
    config: Path, bouncegate: Command
) -> None:
    unclear = replace(bounce_of("ann@example.com", 1, reason=Reason.UNDEFINED), kind=Kind.HARD)
    with closing(store_of(config)) as store:
        record(store, [unclear], policy())
    told = json.loads(bouncegate("explain", "--json", "ann@example.com").out)
    assert [step["effect"] for step in told["steps"]] == ["needs-another-day"]
    text = bouncegate("explain", "ann@example.com").out
    assert "Entry 1 needs a second from another day to lock the address." in text
    assert json.loads(bouncegate("show", "--json", "ann@example.com").out)["needs_another_day"]
    later = bounce_of("ann@example.com", 2, NOW + 86_400, Reason.UNDEFINED)
    with closing(store_of(config)) as store:
        record(store, [replace(later, kind=Kind.HARD)], policy())
    assert "needs a second" not in bouncegate("explain", "ann@example.com").out
    shown = json.loads(bouncegate("show", "--json", "ann@example.com").out)
    assert (shown["locked"], shown["needs_another_day"]) == (True, False)


def test_an_address_below_a_locked_domain_points_to_the_domain(bouncegate: Command) -> None:
    bouncegate("lock", "@example.org")
    assert "bouncegate explain @example.org" in bouncegate("explain", "ann@example.org").out


def test_nothing_known_is_said_so(bouncegate: Command) -> None:
    bouncegate("lock", "other@example.com")
    assert "Nothing is known of ann@example.com." in bouncegate("explain", "ann@example.com").out


def test_the_ref_that_a_refusal_names_leads_back_to_its_address(
    config: Path, bouncegate: Command
) -> None:
    """All that an operator may have is the line that a sender read out on the phone."""
    bounce(config, "ann@example.com")
    assert bouncegate("explain", "1").out == bouncegate("explain", "ann@example.com").out
    assert "no lock or bounce with ref=99" in bouncegate("explain", "99").err
    assert "ref=9" in bouncegate("explain", "9" * 30).err


def test_a_ref_of_many_addresses_names_them(bouncegate: Command) -> None:
    bouncegate("lock", "ann@example.com", "bob@example.com")
    told = bouncegate("explain", "1")
    assert "ref=1 locked 2 addresses" in told.err
    assert told.out.split() == ["ann@example.com", "bob@example.com"]


def test_a_lock_for_one_group_says_for_whom_it_holds(config: Path, bouncegate: Command) -> None:
    with config.open("a") as file:
        file.write('[policy.hard]\nscope = "group"\nfailures = 1\nlock = "50 years"\n')
    bounce(config, "ann@example.com", group="a.example")
    text = bouncegate("explain", "ann@example.com").out
    assert "ann@example.com is locked for a.example alone (hard, address, user-unknown)" in text
    assert "policy.hard" in text


def test_what_a_server_said_cannot_command_the_terminal(config: Path, bouncegate: Command) -> None:
    """A reply is a stranger's text: it may hold what clears a screen, or colours it."""
    said = replace(
        bounce_of("ann@example.com", 1), diagnostic="550 no\x1b[2J\x9b31m", trust="signed"
    )
    deferral = Deferral("QUEUE1", 1, NOW, NOW, "4.2.2", "452 later\x1b[2J")
    mailed = Delivery("ann@example.com", NOW, b"message1")
    with closing(store_of(config)) as store:
        record(store, [said], policy())
        store.deliverylog.record(Batch(b"", b"1", [Deferred(mailed, deferral, None)]), policy())
    for command in ("explain", "show"):
        out = bouncegate(command, "ann@example.com").out
        assert "452 later\\x1b[2J" in out
        assert not {"\x1b", "\x9b"} & set(out)


def test_the_lock_of_a_dead_domain_says_who_made_it_and_that_it_is_checked_again(
    config: Path, bouncegate: Command
) -> None:
    bouncegate("lock", "@gone.example", "--by", CHECKER, "--why", "there is no such domain")
    text = bouncegate("explain", "@gone.example").out
    assert "Entry 1 locked it, by domain-check: there is no such domain" in text
    assert "DNS is asked again before it ends" in text


def test_a_new_address_that_a_reply_names_is_a_suggestion_and_changes_nothing(
    config: Path, bouncegate: Command
) -> None:
    moved = replace(
        event_of("ann@example.com", NOW, Reason.NEW_ADDRESS),
        diagnostic="551 5.1.6 user has moved; please try <ann.lee@example.org>",
    )
    with closing(store_of(config)) as store:
        store.record([Bounce([moved], b"raw")], Policy(load(config).policy, SIGNED))
    for command in ("show", "explain"):
        told = json.loads(bouncegate(command, "--json", "ann@example.com").out)
        assert told["suggestion"] == "ann.lee@example.org"
        assert "ann.lee@example.org" in bouncegate(command, "ann@example.com").out
    assert json.loads(bouncegate("show", "--json", "ann.lee@example.org").out)["state"] == "unknown"
    shown = json.loads(bouncegate("show", "--json", "ann@example.com").out)
    assert (shown["reason"], shown["detail"]) == ("mailbox-moved", "new-address")
    assert shown["corrected_to"] is None


def test_a_general_reason_selects_the_locks_of_its_finer_ones(
    config: Path, bouncegate: Command
) -> None:
    for name, reason in (
        ("ann", Reason.MAILBOX_INACTIVE),
        ("bob", Reason.MAILBOX_DISABLED),
        ("cid", Reason.USER_UNKNOWN),
    ):
        bounce(config, f"{name}@example.com", reason)

    def listed(reason: str) -> list[tuple[str, str, str]]:
        rows = bouncegate("list", "--json", "--reason", reason).out.splitlines()
        return [(row["address"][:3], row["reason"], row["detail"]) for row in map(json.loads, rows)]

    ann = ("ann", "mailbox-disabled", "mailbox-inactive")
    assert listed("mailbox-disabled") == [ann, ("bob", "mailbox-disabled", "mailbox-disabled")]
    assert listed("mailbox-inactive") == [ann]
    counted = bouncegate("report", "reason", "mailbox-disabled", "--unverified", "--json").out
    assert json.loads(counted)["bounces"] == 2


def test_explain_knows_the_ref_of_a_rule_against_addresses(bouncegate: Command) -> None:
    done = bouncegate("explain", "reserved-domain")
    assert (done.code, done.out.splitlines()[0]) == (
        0, "reserved-domain: the domain is reserved: it has no mail (RFC 2606, RFC 6761).",
    )  # fmt: skip
    told = json.loads(bouncegate("explain", "--json", "nxdomain").out)
    assert told == {"rule": "nxdomain", "meaning": "there is no such domain"}
