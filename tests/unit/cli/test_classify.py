"""`classify`: the forms that scripts rely on."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.unit.classifier.builder import dsn, failed, mail

BOUNCE = dsn([failed("a@x.example", Diagnostic_Code="smtp; 550 5.1.1 user unknown")])
OTHER = dsn([failed("b@x.example") | {"Action": "delayed", "Status": "4.4.1"}])
ORDINARY = mail({"From": "c@x.example", "Subject": "hello"}, "Hi.\n")


def classify(*args: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    argv = [sys.executable, "-m", "bouncegate.cli.main", "classify", *map(str, args)]
    return subprocess.run(argv, input=stdin, capture_output=True, check=False, timeout=60)


def records(output: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_json_has_one_line_for_each_message_in_the_fixed_form(tmp_path: Path) -> None:
    file = tmp_path / "bounce.eml"
    file.write_bytes(BOUNCE)
    (record,) = records(classify("--json", file).stdout)
    assert record == {
        "file": str(file),
        "reports": [
            {
                "recipient": "a@x.example",
                "kind": "hard",
                "category": "address",
                "reason": "user-unknown",
                "detail": "user-unknown",
                "status": "5.1.1",
                "action": "failed",
                "rule": "recipient.unknown",
            }
        ],
    }


def test_a_folder_is_read_in_order_and_its_files_are_named_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name, raw in (("b/2.eml", OTHER), ("a.eml", ORDINARY), ("b/1.eml", BOUNCE)):
        (tmp_path / name).write_bytes(raw)
    found = records(classify("--json", tmp_path).stdout)
    assert [r["file"] for r in found] == ["a.eml", "b/1.eml", "b/2.eml"]
    assert [len(r["reports"]) for r in found] == [0, 1, 1]


def test_an_mbox_gives_a_line_for_each_of_its_messages(tmp_path: Path) -> None:
    file = tmp_path / "mbox"
    line = b"From MAILER-DAEMON Mon Jan  6 10:00:00 2025\n"
    file.write_bytes(line + BOUNCE + b"\n" + line + OTHER)
    found = records(classify("--json", file).stdout)
    assert [r["reports"][0]["recipient"] for r in found] == ["a@x.example", "b@x.example"]
    assert {r["file"] for r in found} == {str(file)}


def test_standard_input_is_a_message_too() -> None:
    (record,) = records(classify("--json", "-", stdin=BOUNCE).stdout)
    assert (record["file"], len(record["reports"])) == ("-", 1)


def test_replies_are_judged_one_a_line(tmp_path: Path) -> None:
    file = tmp_path / "replies"
    file.write_text("550 5.1.1 user unknown\n\n452 4.2.2 mailbox full\n")
    found = records(classify("--diagnostics", "--json", file).stdout)
    assert found[0] == {
        "text": "550 5.1.1 user unknown",
        "kind": "hard",
        "category": "address",
        "reason": "user-unknown",
        "detail": "user-unknown",
        "rule": "recipient.unknown",
    }
    assert [r["reason"] for r in found] == ["user-unknown", "mailbox-full"]


def test_a_finer_reason_is_the_detail_for_scripts_and_the_reason_for_people(tmp_path: Path) -> None:
    file = tmp_path / "replies"
    file.write_text("550 5.7.23 SPF check failed\n")
    (found,) = records(classify("--diagnostics", "--json", file).stdout)
    assert (found["reason"], found["detail"]) == ("sender-invalid", "spf-failed")
    table = classify("--diagnostics", file).stdout.decode()
    assert "spf-failed" in table
    assert "sender-invalid" not in table
    assert "detail" not in table
    account = classify("--diagnostics", "--explain", file).stdout.decode()
    assert "refined by: finer.spf, from sender-invalid" in account


def test_a_new_address_is_a_suggestion(tmp_path: Path) -> None:
    file = tmp_path / "replies"
    file.write_text("551 5.1.6 user has moved, please try <ann@example.net>\n551 user has moved\n")
    asked = ("--diagnostics", "--explain")
    found = records(classify(*asked, "--json", file).stdout)
    assert [one["detail"] for one in found] == ["new-address", "mailbox-moved"]
    assert [one["suggestion"] for one in found] == ["ann@example.net", ""]
    assert classify(*asked, file).stdout.decode().count("suggestion: ann@example.net") == 1


def test_another_vocabulary_replaces_kind_and_reason_and_leaves_the_detail(tmp_path: Path) -> None:
    file = tmp_path / "replies"
    file.write_text("550 5.7.23 SPF check failed\n")
    asked = ("--diagnostics", "--vocabulary", "ses")
    (found,) = records(classify(*asked, "--json", file).stdout)
    assert (found["kind"], found["reason"]) == ("Permanent", "General")
    assert found["detail"] == "spf-failed"
    assert "General" in classify(*asked, file).stdout.decode()
    assert "ses says: Permanent, General" in classify(*asked, "--explain", file).stdout.decode()
    bounce = tmp_path / "bounce.eml"
    bounce.write_bytes(BOUNCE)
    (record,) = records(classify("--vocabulary", "sisimai", "--json", bounce).stdout)
    assert record["reports"][0]["reason"] == "userunknown"


def test_the_account_names_reader_rule_place_and_advice(tmp_path: Path) -> None:
    file = tmp_path / "bounce.eml"
    file.write_bytes(BOUNCE)
    text = classify("--explain", file).stdout.decode()
    for word in (
        "rfc3464",
        "recipient.unknown",
        "60-recipient.toml, line",
        "source: ",
        "user unknown",
        "advice",
    ):
        assert word in text


def test_a_missing_file_is_named_and_the_others_are_still_read(tmp_path: Path) -> None:
    file = tmp_path / "bounce.eml"
    file.write_bytes(BOUNCE)
    done = classify("--json", tmp_path / "none.eml", file)
    assert done.returncode == 66
    assert b"none.eml" in done.stderr
    assert len(records(done.stdout)) == 1


def test_a_table_is_shown_to_people(tmp_path: Path) -> None:
    file = tmp_path / "bounce.eml"
    file.write_bytes(BOUNCE)
    text = classify(file).stdout.decode()
    assert "a@x.example" in text
    assert "\x1b" not in text


def test_report_writes_the_message_without_personal_data_and_the_verdict(tmp_path: Path) -> None:
    file, case = tmp_path / "bounce.eml", tmp_path / "case.eml"
    file.write_bytes(BOUNCE.replace(b"a@x.example", b"jane.roe@firm.example"))
    done = classify("--json", "--report", case, file)
    assert done.returncode == 0
    assert records(done.stdout)[0]["reports"][0]["recipient"] == "jane.roe@firm.example"
    text = case.read_text()
    assert "jane" not in text
    assert "firm" not in text
    (verdict,) = re.findall("^X-Bouncegate-Verdict: (.*)$", text, re.MULTILINE)
    (again,) = records(classify("--json", case).stdout)[0]["reports"]
    assert verdict == f"{again['recipient']} failed hard/address user-unknown"
    assert "X-Bouncegate-Rule: recipient.unknown" in text
    refused = classify("--report", case, file)
    assert refused.returncode == 2
    assert b"already exists" in refused.stderr


def test_report_of_what_is_no_bounce_says_what_it_is(tmp_path: Path) -> None:
    case = tmp_path / "case.eml"
    classify("--report", case, "-", stdin=ORDINARY)
    assert case.read_text().startswith("X-Bouncegate-Verdict: ordinary\n")


def test_report_takes_one_message(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(BOUNCE)
    done = classify("--report", tmp_path / "case.eml", tmp_path / "one", tmp_path / "two")
    assert done.returncode == 2
    assert not (tmp_path / "case.eml").exists()


def test_report_of_replies_is_a_line_each(tmp_path: Path) -> None:
    case = tmp_path / "case.txt"
    replies = (
        b"host mx.firm.example[198.51.100.7] said: 550 5.1.1 no such user jane@firm.example\n"
        b"host mx.loom.example[198.51.100.8] said: 451 gone weaving\n"
    )
    done = classify("--diagnostics", "--report", case, "-", stdin=replies)
    assert done.returncode == 0
    said = "said: 550 5.1.1 no such user user1@domain1.example"
    assert case.read_text().splitlines() == [
        f"hard/address|host mx.domain1.example[192.0.2.1] {said}",
        "soft/undefined|host mx.domain1.example[192.0.2.1] said: 451 gone weaving",
    ]


def test_explain_says_whether_it_counts_by_default_and_why() -> None:
    replies = b"550 5.1.1 no such user\n554 5.7.1 message looks like spam\n535 5.7.8 bad login\n"
    text = classify("--diagnostics", "--explain", "-", stdin=replies).stdout.decode()
    said = re.findall(r"counts by default: (\w+), because", text)
    assert said == ["yes", "no", "no"]
