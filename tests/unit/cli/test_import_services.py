"""Suppression lists of mail services: recognised, said so, each row locked for what it means."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bouncegate.admin.lists.suppressions import BY_NAME, FORMATS

from .conftest import Command

UNKNOWN = "550 5.1.1 no such user here"
EXPORTS: dict[str, tuple[str, str]] = {
    # name: (file, what is locked)
    "ses": (
        (
            '{"SuppressedDestinationSummaries": [{"EmailAddress": "a@kernel.org",'
            ' "Reason": "BOUNCE", "LastUpdateTime": 1}, {"EmailAddress": "b@kernel.org",'
            ' "Reason": "COMPLAINT", "LastUpdateTime": 2}]}'
        ),
        "a hard user-unknown, b complaint complaint",
    ),
    "ses-import": (
        "a@kernel.org,BOUNCE\nb@kernel.org,COMPLAINT\n",
        "a hard user-unknown, b complaint complaint",
    ),
    "sendgrid": (
        (
            f"status,reason,email,created\n5.1.1,{UNKNOWN},a@kernel.org,1\n"
            "4.2.2,452 4.2.2 mailbox full,b@kernel.org,1\n"
            "5.0.0,550 5.0.0 quux,e@kernel.org,1\n4.0.0,451 quux,f@kernel.org,1\n"
            "5.7.1,550 5.7.1 your IP is on a block list,c@kernel.org,1\n,,d@kernel.org,1\n"
        ),
        "a hard user-unknown, b soft mailbox-full",
    ),
    "sendgrid-invalid": (
        '[{"created": 1, "email": "a@kernel.org", "reason": "Mail domain mentioned is unknown"}]',
        "a hard invalid",
    ),
    "sendgrid-spam": ("email,ip,created\na@kernel.org,192.0.2.1,1\n", "a complaint complaint"),
    "sendgrid-unsubscribes": ("email,created\na@kernel.org,1\n", "a complaint unsubscribed"),
    "sendgrid-groups": (
        '[{"email": "a@kernel.org", "group_id": 1, "group_name": "News", "created_at": 1}]',
        "a complaint unsubscribed",
    ),
    "mailgun-bounces": (
        f'address,code,error,created_at\na@kernel.org,550,{UNKNOWN},"Thu, 13 Oct 2011"\n',
        "a hard user-unknown",
    ),
    "mailgun-unsubscribes": (
        (
            '{"address": "a@kernel.org", "tags": ["*"], "created_at": "x"}\n'
            '{"address": "b@kernel.org", "tags": [], "created_at": "x"}\n'
        ),
        "a complaint unsubscribed, b complaint unsubscribed",
    ),
    "mailgun-complaints": ("address,created_at\na@kernel.org,x\n", "a complaint complaint"),
    "postmark": (
        (
            '{"Suppressions": [{"EmailAddress": "a@kernel.org", "SuppressionReason": "HardBounce",'
            ' "Origin": "Recipient", "CreatedAt": "x"}, {"EmailAddress": "b@kernel.org",'
            ' "SuppressionReason": "SpamComplaint", "Origin": "Recipient", "CreatedAt": "x"},'
            ' {"EmailAddress": "c@kernel.org", "SuppressionReason": "ManualSuppression",'
            ' "Origin": "Customer", "CreatedAt": "x"}]}'
        ),
        "a hard user-unknown, b complaint complaint, c hard operator",
    ),
    "sparkpost": (
        (
            "Recipient;Type;Source;Description\na@kernel.org;non_transactional;Spam Complaint;\n"
            "b@kernel.org;transactional;Bounce Rule;x\nc@kernel.org;x;List Unsubscribe;\n"
        ),
        "a complaint complaint, b hard user-unknown, c complaint unsubscribed",
    ),
    "brevo": (
        (
            '{"count": 2, "contacts": [{"email": "a@kernel.org", "senderEmail": "n@example.org",'
            ' "reason": {"code": "hardBounce", "message": "x"}, "blockedAt": "x"},'
            ' {"email": "b@kernel.org", "senderEmail": "n@example.org",'
            ' "reason": {"code": "contactFlaggedAsSpam", "message": "x"}, "blockedAt": "x"}]}'
        ),
        "a hard user-unknown, b complaint complaint",
    ),
    "brevo-csv": (
        "Email;Sender Email;Reason;Blocked at\na@kernel.org;n@example.org;unsubscribedViaEmail;x\n",
        "a complaint unsubscribed",
    ),
    "mailchimp-unsubscribed": (
        '"Email Address","First Name",MEMBER_RATING,LEID,UNSUB_TIME\na@kernel.org,Ann,2,1,x\n',
        "a complaint unsubscribed",
    ),
    "mailchimp-cleaned": (
        '"Email Address",MEMBER_RATING,LEID,CLEAN_TIME\na@kernel.org,2,1,x\n',
        "a hard user-unknown",
    ),
    "mailchimp-members": (
        (
            '{"members": [{"email_address": "a@kernel.org", "status": "cleaned",'
            ' "unique_email_id": "x"}, {"email_address": "b@kernel.org", "status": "subscribed",'
            ' "unique_email_id": "y"}]}'
        ),
        "a hard user-unknown",
    ),
}


def locked(bouncegate: Command) -> list[dict[str, Any]]:
    return [json.loads(line) for line in bouncegate("list", "--json").out.splitlines()]


def imported(bouncegate: Command, path: Path, text: str, *options: str) -> tuple[int, str]:
    path.write_text(text)
    done = bouncegate("import", "--locks", str(path), "--yes", *options)
    return done.code, done.out + done.err


def test_each_format_has_an_example() -> None:
    assert EXPORTS.keys() == {name for name, form in BY_NAME.items() if not form.named}
    assert all(one.source for one in FORMATS)


@pytest.mark.parametrize("name", EXPORTS)
def test_export_of_a_service_is_recognised_and_each_row_kept_apart(
    bouncegate: Command, tmp_path: Path, name: str
) -> None:
    text, expected = EXPORTS[name]
    code, said = imported(bouncegate, tmp_path / "export", text)
    assert code == 0, said
    assert f"recognised as {BY_NAME[name].title} (--service changes that)" in said
    rows = locked(bouncegate)
    found = (f"{row['address'][0]} {row['kind']} {row['detail']}" for row in rows)
    assert ", ".join(found) == expected
    assert all(row["origin"] == "imported" for row in rows)
    assert all(row["why"].startswith(BY_NAME[name].title) for row in rows)


@pytest.mark.parametrize(
    ("service", "expected", "left"),
    [
        ("", ("a", "b"), "a bounce or a block?"),
        ("sendgrid-bounces", ("a", "b", "d", "e", "f"), ""),
        ("sendgrid-blocks", ("a", "b"), "the block blames the sender"),
    ],
)
def test_block_of_which_no_reply_is_understood_locks_nobody(
    bouncegate: Command, tmp_path: Path, service: str, expected: tuple[str, ...], left: str
) -> None:
    """The exports of bounces and of blocks have the same columns."""
    options = ("--service", service) if service else ()
    code, said = imported(bouncegate, tmp_path / "export", EXPORTS["sendgrid"][0], *options)
    assert code == 0, said
    assert tuple(row["address"][0] for row in locked(bouncegate)) == expected
    assert left in said


def test_recognition_comes_before_the_question_and_can_be_overruled(
    bouncegate: Command, tmp_path: Path
) -> None:
    text = "email,created\na@kernel.org,1\n"
    (tmp_path / "export").write_text(text)
    asked = bouncegate("import", "--locks", str(tmp_path / "export"))
    assert asked.code == os.EX_USAGE
    assert asked.out.startswith("recognised as SendGrid global unsubscribes")
    assert locked(bouncegate) == []
    _, said = imported(bouncegate, tmp_path / "export", text, "--service", "none")
    assert "recognised" not in said
    code, said = imported(bouncegate, tmp_path / "export", text, "--service", "nonesuch")
    assert (code, "use none, or one of: ses, ses-import" in said) == (os.EX_DATAERR, True)
    _, said = imported(bouncegate, tmp_path / "export", text, "--service", "sendgrid-spam")
    assert "read as SendGrid spam reports" in said
    assert locked(bouncegate)[0]["reason"] == "complaint"


def test_subscribers_of_a_service_are_not_locked_by_mistake(
    bouncegate: Command, tmp_path: Path
) -> None:
    text = '"Email Address",MEMBER_RATING,LEID\na@kernel.org,2,1\n'
    code, said = imported(bouncegate, tmp_path / "export", text)
    assert (code, "suppresses nobody" in said) == (os.EX_DATAERR, True)
    assert locked(bouncegate) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kontakt,grund\na@kernel.org,x\n", "no column 'address'; there are: kontakt, grund"),
        ('[{"kontakt": "a@kernel.org"}]', "no column 'address'; there are: kontakt"),
        ('{"kontakt": ', "invalid JSON"),
        ('{"items": "none"}', "no column 'address'"),
        ("[1]", "item 1 is no object"),
        ('{"address": "a@kernel.org"}\n{"address"\n', "line 2: invalid JSON"),
    ],
)
def test_file_of_no_known_form_is_refused_with_what_is_in_it(
    bouncegate: Command, tmp_path: Path, text: str, says: str
) -> None:
    code, said = imported(bouncegate, tmp_path / "export", text + "\n")
    assert (code, says in said) == (os.EX_DATAERR, True), said
    assert locked(bouncegate) == []


def test_import_ends_with_numbers_of_all_rows(bouncegate: Command, tmp_path: Path) -> None:
    bouncegate("lock", "there@kernel.org")
    imported(bouncegate, tmp_path / "x", "address,reason\nsoft@kernel.org,soft\n")
    text = (
        "email,created,reason,status\nnew@kernel.org,1,,\nNEW@kernel.org,1,,\nsoft@kernel.org,1,,\n"
        "there@kernel.org,1,,\nsent@kernel.org,1,550 5.7.1 your IP is on a block list,\n"
        "no address,1,,\n"
    )
    bounces = ("--service", "sendgrid-bounces")
    code, said = imported(bouncegate, tmp_path / "export", text, *bounces)
    assert code == os.EX_DATAERR
    assert "line 7: invalid address" in said
    assert "1 refused (invalid address 1)" in said
    assert "new@kernel.org" not in {row["address"] for row in locked(bouncegate)}
    code, said = imported(bouncegate, tmp_path / "export", text, *bounces, "--skip-bad")
    assert code == 0
    assert (
        "6 rows read, 1 new, 1 changed, 1 already there, 1 listed twice, "
        "1 left out (the bounce blames the sender 1), 1 refused (invalid address 1)\n"
    ) in said


def test_import_of_corrections_ends_with_numbers(bouncegate: Command, tmp_path: Path) -> None:
    sheet = tmp_path / "locked.csv"
    bouncegate("lock", "an@kernel.org", "bo@kernel.org", "hard@kernel.org", "--reason", "operator")
    bouncegate("export", "--with-id", "-o", str(sheet))
    text = sheet.read_text()
    sheet.write_text(text.replace(",an@", ",ann@"))
    done = bouncegate("import", "--corrections", str(sheet), "--yes")
    assert done.out.endswith("3 rows read, 1 corrected, 2 unchanged, 0 left out, 0 refused\n")
    sheet.write_text(text.replace(",bo@", ",hard@"))
    done = bouncegate("import", "--corrections", str(sheet), "--yes")
    assert (done.code, "1 refused (left for --force 1)" in done.out) == (os.EX_DATAERR, True)
