"""The operator's commands: what they show, what they refuse, and how scripts can tell."""

import json
import os
import time
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.events import event_of

from bouncegate.admin.views.values import iso
from bouncegate.config.durations import Duration
from bouncegate.config.loading import load
from bouncegate.config.settings import PolicySettings, StoreSettings, Trust
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.fold import Policy
from bouncegate.policy.records import Act
from bouncegate.store.store import Bounce, Store

from .conftest import Command, store_of

SIGNED: tuple[Trust, ...] = ("signed",)
# A hard lock is in force still, and a soft one has ended.
FIRST = int(time.time()) - 65 * 86_400
A_YEAR_LATER = Duration(months=12).after(FIRST)


def bounce(
    config: Path,
    address: str,
    reason: Reason = Reason.USER_UNKNOWN,
    times: int = 1,
    *,
    first: int = FIRST,
    group: str = "",
) -> None:
    """Let an address bounce so often, a day apart, under the policy of the config file."""
    event = event_of(address, first, reason, group=group)
    policy = Policy(load(config).policy, SIGNED)
    store = store_of(config)
    for number in range(times):
        identity = address.encode()[:14].ljust(15) + bytes([number])
        later = replace(event, time=event.time + number * 86_400, identity=identity)
        store.record([Bounce([later], b"raw")], policy)
    store.close()


def test_show_tells_the_fixed_fields_of_a_locked_address(config: Path, bouncegate: Command) -> None:
    bounce(config, "ann@example.com")
    shown = json.loads(bouncegate("show", "--json", "Ann@Example.COM").out)
    fixed = {"address", "state", "locked", "until", "since", "kind", "category", "reason", "origin"}
    assert fixed | {"soft", "hard"} <= set(shown)
    assert shown["address"] == "ann@example.com"
    assert (shown["state"], shown["locked"]) == ("locked", True)
    assert (shown["since"], shown["until"]) == (iso(FIRST), iso(A_YEAR_LATER))
    assert (shown["kind"], shown["reason"], shown["hard"]) == ("hard", "user-unknown", 1)


def test_show_tells_a_bounced_address_from_one_that_nobody_knows(
    config: Path, bouncegate: Command
) -> None:
    unknown = json.loads(bouncegate("show", "--json", "ann@example.com").out)
    assert (unknown["state"], unknown["locked"], unknown["until"]) == ("unknown", False, None)
    bounce(config, "ann@example.com", Reason.MAILBOX_FULL, times=2)
    bounced = json.loads(bouncegate("show", "--json", "ann@example.com").out)
    assert (bounced["state"], bounced["locked"], bounced["soft"]) == ("detected", False, 2)
    assert "detected" in bouncegate("show", "ann@example.com").out


def test_a_locked_domain_locks_each_address_below_it_and_show_says_so(bouncegate: Command) -> None:
    bouncegate("lock", "@Example.org")
    shown = json.loads(bouncegate("show", "--json", "anyone@example.org").out)
    assert (shown["locked"], shown["lock_on"]) == (True, "@example.org")
    done = bouncegate("unlock", "--yes", "anyone@example.org")
    assert "unlock @example.org" in done.err


def test_list_shows_locks_in_force_and_all_of_them_on_request(
    config: Path, bouncegate: Command
) -> None:
    bounce(config, "ann@example.com")
    store = store_of(config)
    store.act(
        [Act(("old@example.com",), 1000, "lock", by="root", until=2000)],
        Policy(PolicySettings(), SIGNED).fold,
    )
    store.close()
    bouncegate("lock", "bob@example.com", "--until", "2099-01-01")
    lines = [json.loads(line) for line in bouncegate("list", "--json").out.splitlines()]
    assert [line["address"] for line in lines] == ["ann@example.com", "bob@example.com"]
    assert lines[1]["until"] == "2099-01-01T00:00:00Z"
    assert "old@example.com" in bouncegate("list", "--ended").out
    assert "bob@example.com" not in bouncegate("list", "--limit", "1").out


def test_a_soft_lock_is_lifted_and_a_hard_one_only_with_force(
    config: Path, bouncegate: Command
) -> None:
    bounce(config, "soft@example.com", Reason.MAILBOX_FULL, times=3)
    bounce(config, "hard@example.com")
    store = Store.open(StoreSettings(path=config.parent / "store"), readonly=True)
    assert [address for address, _ in store.addresses.locks()] == [
        "hard@example.com",
        "soft@example.com",
    ]
    store.close()
    refused = bouncegate("unlock", "--yes", "hard@example.com")
    assert (refused.code, refused.out) == (os.EX_NOPERM, "")
    assert "use --force" in refused.err
    assert bouncegate("unlock", "--yes", "--force", "hard@example.com").code == os.EX_OK
    assert json.loads(bouncegate("show", "--json", "hard@example.com").out)["locked"] is False


def test_the_config_can_allow_to_lift_hard_locks(config: Path, bouncegate: Command) -> None:
    bounce(config, "hard@example.com")
    with config.open("a") as file:
        file.write("[policy]\nunlock_hard = true\n")
    assert bouncegate("unlock", "--yes", "hard@example.com").out == "hard@example.com: unlocked\n"


def test_one_hard_lock_among_many_and_nothing_is_unlocked(
    config: Path, bouncegate: Command
) -> None:
    bouncegate("lock", "ann@example.com")
    bounce(config, "hard@example.com")
    done = bouncegate("unlock", "--yes", "ann@example.com", "hard@example.com")
    assert done.code == os.EX_NOPERM
    assert json.loads(bouncegate("show", "--json", "ann@example.com").out)["locked"] is True


def test_unlock_does_nothing_unasked_where_it_cannot_ask(bouncegate: Command) -> None:
    bouncegate("lock", "ann@example.com")
    done = bouncegate("unlock", "ann@example.com")
    assert done.code == os.EX_USAGE
    assert "--yes" in done.err
    assert json.loads(bouncegate("show", "--json", "ann@example.com").out)["locked"] is True


def test_an_act_is_kept_with_who_and_why(config: Path, bouncegate: Command) -> None:
    bouncegate("lock", "ann@example.com", "--why", "asked on the phone", "--by", "eve")
    store = Store.open(StoreSettings(path=config.parent / "store"), readonly=True)
    ((_, act),) = store.journal.of_address("ann@example.com")
    store.close()
    assert isinstance(act, Act)
    assert (act.by, act.why) == ("eve", "asked on the phone")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["show", "nobody"], os.EX_DATAERR, "invalid address 'nobody'"),
        (["lock", "nobody"], os.EX_DATAERR, "invalid address 'nobody'"),
        (["lock", "a@example.com", "--until", "2001-01-01"], 2, "must be in the future"),
        (["lock", "a@example.com", "--until", "soon"], 2, "write a number and a unit"),
        (["lock", "a@example.com", "--until", "2999-01-01"], 2, "before the year 2106"),
    ],
)
def test_what_cannot_be_done_is_said_with_an_exit_code(
    bouncegate: Command, arguments: list[str], code: int, says: str
) -> None:
    done = bouncegate(*arguments)
    assert done.code == code
    assert says in done.err


def test_check_config_shows_every_problem_and_exits_78(config: Path, bouncegate: Command) -> None:
    assert bouncegate("check-config").code == os.EX_OK
    with config.open("a") as file:
        file.write("[milter]\nworker = 1\nmode = 'off'\n")
    done = bouncegate("check-config")
    assert done.code == os.EX_CONFIG
    assert f"{config}:5: milter.worker: unknown key" in done.err
    assert f"{config}:6: milter.mode: invalid value 'off'" in done.err


def test_every_command_refuses_a_wrong_config_alike(config: Path, bouncegate: Command) -> None:
    config.write_text("[milter")
    for command in (["list"], ["show", "a@b.example"], ["milter"], ["return-path"]):
        done = bouncegate(*command)
        assert done.code == os.EX_CONFIG
        assert "invalid TOML" in done.err


def test_a_named_config_file_that_is_missing_is_an_error(config: Path, bouncegate: Command) -> None:
    config.unlink()
    assert bouncegate("list").code == os.EX_CONFIG


def test_a_store_that_cannot_be_opened_is_an_error_and_no_traceback(
    config: Path, bouncegate: Command
) -> None:
    (config.parent / "store").rmdir()
    done = bouncegate("lock", "ann@example.com")
    assert done.code == os.EX_NOINPUT
    assert "create it" in done.err
    assert "Traceback" not in done.err


def test_a_configuration_under_which_no_bounce_can_count_is_told_so(
    config: Path, bouncegate: Command
) -> None:
    assert "no bounce will count" in bouncegate("check-config").out
    with config.open("a") as file:
        file.write('[return_path]\ndomain = "return.example.org"\n')
    assert "no bounce will count" not in bouncegate("check-config").out


@pytest.mark.parametrize(
    ("sign", "count", "told"),
    [
        ("all", '["signed", "matched"]', ""),
        ("all", '["matched"]', 'no DSN will count: senders are signed, so that each is "signed"'),
        ("none", '["signed"]', 'no DSN will count: senders are not signed, so that each is "match'),
        ("none", '["matched"]', ""),
        ("all", '["signed", "unverified"]', "anyone can lock any address"),
    ],
)
def test_check_config_tells_which_proof_the_settings_need(
    config: Path, bouncegate: Command, sign: str, count: str, told: str
) -> None:
    with config.open("a") as file:
        file.write(f'[return_path]\ndomain = "return.example.org"\nsign = "{sign}"\n')
        file.write(f"count = {count}\n[ledger]\nenabled = true\n")
    out = bouncegate("check-config").out
    assert told in out
    assert ("count" in out) == bool(told)


@pytest.mark.parametrize(
    ("section", "note"),
    [
        ('[reply]\naction = "discard"', '"map export" writes no entries'),
        ('[reply]\naction = "tag"', "the map cannot add a header field"),
        ("[local]\njudge = true", 'run "bouncegate postfix enable --map"'),
        ("[local]\nnotices_waiting = 7", "[local] notices_waiting is ignored"),
        ('[[reply.groups]]\nsender_domains = ["a.test"]\ntext = "x"', "use the text of [reply]"),
    ],
)
def test_what_is_not_alike_on_every_plane_is_told(
    config: Path, bouncegate: Command, section: str, note: str
) -> None:
    assert note not in bouncegate("check-config").out
    with config.open("a") as file:
        file.write(section + "\n")
    assert note in bouncegate("check-config").out


def test_check_config_finds_a_rule_that_does_not_take_its_own_example(
    config: Path, bouncegate: Command
) -> None:
    rules = config.parent / "rules.d"
    rules.mkdir()
    (rules / "mine.toml").write_text(
        '[[rule]]\nid = "mine.full"\nreason = "mailbox-full"\nsource = "seen at example.net"\n'
        "text = 'cup runneth over'\nexamples = [\"552 no room\"]\n"
    )
    with config.open("a") as file:
        file.write(f'[rules]\nfolder = "{rules}"\n')
    done = bouncegate("check-config")
    assert done.code == os.EX_CONFIG
    assert f"{rules}/mine.toml:1: mine.full.examples: the rule does not match its own" in done.err
