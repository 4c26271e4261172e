"""Unlocking: each promise of the model services, as an operator's script would find it."""

import json
import os
import re
import time
from collections.abc import Iterator
from email import message_from_string
from email.policy import default
from pathlib import Path
from pwd import getpwuid

import pytest

from bouncegate.config.taxonomy import Reason
from bouncegate.store.bulk import MOST_AT_ONCE

from .conftest import Command, Done
from .test_operator import bounce

FULL = Reason.MAILBOX_FULL


@pytest.fixture(autouse=True)
def known(config: Path) -> None:
    """Two soft locks and a hard one."""
    first = int(time.time()) - 3 * 86_400
    bounce(config, "hard@gmail.com", first=first)
    bounce(config, "ann@gmail.com", FULL, times=3, first=first)
    bounce(config, "bob@gmx.de", FULL, times=3, first=first)


def locked(bouncegate: Command) -> list[str]:
    return [json.loads(line)["address"] for line in bouncegate("list", "--json").out.splitlines()]


def test_soft_locks_can_be_lifted_at_once_one_or_all(bouncegate: Command) -> None:
    bouncegate("unlock", "--yes", "ann@gmail.com")
    assert locked(bouncegate) == ["bob@gmx.de", "hard@gmail.com"]
    done = bouncegate("unlock", "--all", "--kind", "soft", "--yes")
    assert done.out == "bob@gmx.de: unlocked\n"
    assert locked(bouncegate) == ["hard@gmail.com"]


def test_hard_ones_cannot_unless_the_operators_config_says_so(
    config: Path, bouncegate: Command
) -> None:
    done = bouncegate("unlock", "--yes", "hard@gmail.com", "ann@gmail.com")
    assert done.code == os.EX_NOPERM
    assert len(locked(bouncegate)) == 3, "nothing was unlocked, not even the soft one"
    done = bouncegate("unlock", "--all", "--yes")
    assert done.out == "ann@gmail.com: unlocked\nbob@gmx.de: unlocked\n"
    assert "1 address left locked (1 user-unknown): use --force, or ask" in done.err
    assert locked(bouncegate) == ["hard@gmail.com"]
    assert bouncegate("unlock", "--all", "--yes").code == os.EX_NOPERM, "all that is left is hard"
    with config.open("a") as file:
        file.write("[policy]\nunlock_hard = true\n")
    assert bouncegate("unlock", "--all", "--yes").code == os.EX_OK
    assert locked(bouncegate) == []


def test_unlocking_takes_place_after_a_confirmation(bouncegate: Command) -> None:
    done = bouncegate("unlock", "--all", "--kind", "soft")
    assert done.code == os.EX_USAGE
    assert "ann@gmail.com" in done.out
    assert "use --yes" in done.err
    dry = bouncegate("unlock", "--all", "--kind", "soft", "--dry-run")
    assert (dry.code, "bob@gmx.de" in dry.out) == (os.EX_OK, True)
    assert len(locked(bouncegate)) == 3


def test_filters_say_which(bouncegate: Command) -> None:
    bouncegate("unlock", "--all", "--kind", "soft", "--provider", "gmail.com", "--yes")
    assert locked(bouncegate) == ["bob@gmx.de", "hard@gmail.com"]


def test_whoever_asked_gets_a_mail_when_it_is_done(bouncegate: Command, mailed: Path) -> None:
    options = ("--all", "--kind", "soft", "--notify", "desk@kernel.org")
    bouncegate("unlock", *options)
    assert not mailed.exists(), "nothing was done"
    bouncegate("unlock", *options, "--yes", "--by", "eve", "--why", "mailboxes were emptied")
    arguments, _, text = mailed.read_text().partition("\n")
    assert arguments == "-i -f  -- desk@kernel.org"
    mail = message_from_string(text, policy=default)
    body = mail.get_content()
    assert "2 addresses unlocked, as eve asked.\nReason: mailboxes were emptied\n" in body
    assert "2 locks selected: soft, mailbox-full\n" in body
    assert body.endswith("\nann@gmail.com\nbob@gmx.de\n")
    assert mail["From"] == f"Bouncegate <{getpwuid(os.getuid()).pw_name}>"
    assert abs(mail["Date"].datetime.timestamp() - time.time()) < 600
    assert re.fullmatch(r"<[^@<>]+@[^@<>]+>", mail["Message-ID"])
    assert (mail["To"], mail["Auto-Submitted"]) == ("desk@kernel.org", "auto-generated")


def test_a_mail_that_cannot_be_sent_does_not_undo_the_unlock(
    bouncegate: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bouncegate.admin.mail.SENDMAIL", "/nowhere/sendmail")
    done = bouncegate("unlock", "--all", "--kind", "soft", "--notify", "d@kernel.org", "--yes")
    assert done.code == os.EX_UNAVAILABLE
    assert "no mail could be sent" in done.err
    assert locked(bouncegate) == ["hard@gmail.com"]


@pytest.mark.parametrize("notify", ["-oQ/tmp@kernel.org", "@kernel.org", "nobody"])
def test_nothing_but_an_address_is_notified(bouncegate: Command, notify: str) -> None:
    done = bouncegate("unlock", "--all", "--kind", "soft", "--notify", notify, "--yes")
    assert done.code == os.EX_DATAERR
    assert len(locked(bouncegate)) == 3


def test_an_operator_unlocks_for_one_group_alone(bouncegate: Command) -> None:
    bouncegate("lock", "eve@gmx.de", "--group", "news")
    bouncegate("lock", "eve@gmx.de", "--group", "shop")
    bouncegate("unlock", "--all", "--group", "news", "--yes")
    lines = bouncegate(
        "list", "--json", "--domain", "gmx.de", "--origin", "manual"
    ).out.splitlines()
    assert [json.loads(line)["scope"] for line in lines] == ["group:shop"]


def lines_of(names: Iterator[str] | list[str]) -> str:
    return "".join(f"{name}\n" for name in names)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A file of more addresses than one act names."""
    path = tmp_path / "many.txt"
    path.write_text(lines_of([f"user{n:04}@kernel.org" for n in range(2 * MOST_AT_ONCE + 1)]))
    return path


def test_a_file_is_locked_and_unlocked_whole(bouncegate: Command, many: Path) -> None:
    done = bouncegate("lock", "--file", str(many), "--until", "1 year", "--why", "closed")
    assert done.out.splitlines()[-1].endswith("more locked")
    assert len(locked(bouncegate)) == 2 * MOST_AT_ONCE + 4
    bouncegate("unlock", "--file", str(many), "--yes")
    assert len(locked(bouncegate)) == 3


def test_one_bad_line_and_nothing_of_a_file_is_locked(bouncegate: Command, many: Path) -> None:
    with many.open("a") as file:
        file.write("nobody\nuser@kernel.org\nno one\n")
    done = bouncegate("lock", "--file", str(many))
    assert done.code == os.EX_DATAERR
    assert f"many.txt:{2 * MOST_AT_ONCE + 2}: invalid address 'nobody'" in done.err
    assert f"many.txt:{2 * MOST_AT_ONCE + 4}: invalid address 'no one'" in done.err
    assert len(locked(bouncegate)) == 3


def test_a_lock_can_say_its_reason(bouncegate: Command) -> None:
    bouncegate("lock", "eve@gmx.de", "--reason", "complaint", "--until", "1 year")
    shown: Done = bouncegate("show", "--json", "eve@gmx.de")
    found = json.loads(shown.out)
    assert (found["reason"], found["kind"]) == ("complaint", "complaint")


def test_all_of_more_than_memory_holds_are_unlocked_for_the_groups_they_were_locked_for(
    bouncegate: Command, many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bouncegate.admin.lists.externalsort._RUN", 16)
    bouncegate("lock", "--file", str(many))
    bouncegate("lock", "user0007@kernel.org", "--group", "news")
    for n in range(20):
        bouncegate("lock", f"eve{n:02}@gmx.de", "--group", "news")
        bouncegate("lock", f"eve{n:02}@gmx.de", "--group", "shop")
    done = bouncegate("unlock", "--all", "--group", "news", "--yes")
    assert done.out.splitlines()[-1] == "... and 1 more unlocked"
    assert len(locked(bouncegate)) == 2 * MOST_AT_ONCE + 4 + 20
    done = bouncegate("unlock", "--all", "--origin", "manual", "--yes")
    assert done.out.splitlines()[0] == "eve00@gmx.de: unlocked"
    assert done.out.splitlines()[-1] == f"... and {2 * MOST_AT_ONCE + 1} more unlocked"
    assert locked(bouncegate) == ["ann@gmail.com", "bob@gmx.de", "hard@gmail.com"]
