"""The operator's rules: what is right is loaded first, what is wrong is named with its place."""

from pathlib import Path

import pytest

from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.rulecheck import check_rules
from bouncegate.config.problems import ConfigError, Problem
from bouncegate.config.rules import load_rules

OWN = """\
[[rule]]
id = "own.partner"
reason = "policy"
source = "our contract"
text = 'ticket \\d+ refused'
examples = ["550 ticket 7 refused"]
"""


def problems_of(folder: Path, text: str) -> tuple[Problem, ...]:
    (folder / "own.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_rules(folder)
    return caught.value.problems


def test_own_rules_come_before_the_shipped_ones(tmp_path: Path) -> None:
    text = OWN.replace("ticket \\d+ refused", "user unknown")
    (tmp_path / "own.toml").write_text(text)
    verdict = Classifier(load_rules(tmp_path)).classify_reply("550 user unknown")
    assert (verdict.rule, verdict.reason) == ("own.partner", "policy")


def test_own_files_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("20", "10"):
        (tmp_path / f"{name}.toml").write_text(OWN.replace("own.partner", f"own.{name}"))
    ids = [rule.id for rule in load_rules(tmp_path).rules[:2]]
    assert ids == ["own.10", "own.20"]


def test_a_rule_may_be_about_codes_phase_and_server(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        '[[rule]]\nid = "own.mx"\nreason = "rate-limit"\nmta = "mx\\\\.slow\\\\.example"\n'
        'status = "5.1"\nphase = "rcpt"\n'
        'examples = [{ status = "5.1.1", phase = "rcpt", mta = "mx.slow.example" }]\n'
    )
    assert check_rules(load_rules(tmp_path)) == ()


@pytest.mark.parametrize("date", ["2026-01-07", '"2026-01-07"'])
def test_a_rule_may_say_when_its_source_said_so_last(tmp_path: Path, date: str) -> None:
    (tmp_path / "own.toml").write_text(OWN + f"date = {date}\n" + OWN.replace("own.", "other."))
    dated, undated = load_rules(tmp_path).rules[:2]
    assert dated.citation == "our contract (2026-01-07)"
    assert (undated.date, undated.citation) == (None, "our contract")


def test_a_missing_folder_holds_no_rules(tmp_path: Path) -> None:
    assert load_rules(tmp_path / "none") == load_rules()


FAULTS = {
    "unknown key": (OWN + 'colour = "red"\n', 7, "own.partner.colour", "unknown key"),
    "bad expression": (OWN.replace("\\d+", "(?<=x)"), 5, "own.partner.text", "look-around"),
    "unbalanced": (OWN.replace("\\d+", "("), 5, "own.partner.text", "invalid regular expression"),
    "open quotation": (OWN.replace("\\d+", "\\Q(x"), 5, "own.partner.text", "invalid regular"),
    "matches everything": (
        OWN.replace("ticket \\d+ refused", "x*"),
        5,
        "own.partner.text",
        "everything",
    ),
    "no example": (OWN.rpartition("examples")[0], 1, "own.partner", "examples is missing"),
    "no reason": (OWN.replace('reason = "policy"\n', ""), 1, "own.partner", "reason"),
    "unknown reason": (
        OWN.replace('"policy"', '"bad luck"'),
        3,
        "own.partner.reason",
        "user-unknown",
    ),
    "refines nothing": (OWN + "refines = true\n", 7, "own.partner.refines", "finer reason"),
    "refines and is weak": (
        OWN.replace('"policy"', '"spf-failed"') + "refines = true\nweak = true\n",
        8,
        "own.partner.weak",
        "remove weak",
    ),
    "wrong type": (OWN + 'weak = "yes"\n', 7, "own.partner.weak", "bool"),
    "bad date": (OWN + 'date = "January 2026"\n', 7, "own.partner.date", "2026-01-07"),
    "date with time": (OWN + "date = 2026-01-07T10:00:00\n", 7, "own.partner.date", "2026-01-07"),
    "bad status": (OWN + 'status = "six"\n', 7, "own.partner.status", '"5.1.1"'),
    "bad code": (OWN + 'code = "9"\n', 7, "own.partner.code", '"550"'),
    "bad phase": (OWN + 'phase = "lunch"\n', 7, "own.partner.phase", "end-of-data"),
    "bad category": (
        OWN + 'kind = "soft"\ncategory = "address"\n',
        8,
        "own.partner.category",
        "mailbox",
    ),
    "bad id": (OWN.replace("own.partner", "Own Partner"), 2, "Own Partner.id", "lower-case"),
    "no condition": (
        OWN.replace("text = 'ticket \\d+ refused'\n", ""),
        1,
        "own.partner",
        "every bounce",
    ),
    "no TOML": ("[[rule\n", 1, "", "invalid TOML"),
    "other table": (OWN + "[other]\n", 7, "other", "[[rule]]"),
    "twice": (OWN + OWN, 7, "own.partner.id", "its own"),
}


@pytest.mark.parametrize(("text", "line", "key", "hint"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_names_file_line_and_key_and_what_would_be_right(
    tmp_path: Path, text: str, line: int, key: str, hint: str
) -> None:
    found = problems_of(tmp_path, text)
    matching = [p for p in found if (p.line, p.key) == (line, key) and hint in p.text]
    assert matching, found
    assert matching[0].file == str(tmp_path / "own.toml")


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    second = OWN.replace("\\d+", "(").replace("own.partner", "own.other")
    text = OWN.replace('"policy"', '"bad luck"') + second
    assert {p.key for p in problems_of(tmp_path, text)} == {
        "own.partner.reason",
        "own.other.text",
    }


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot read the file"):
        load_rules(tmp_path)


def test_a_rule_that_can_never_match_is_found(tmp_path: Path) -> None:
    later = OWN.replace("own.partner", "own.later").replace("ticket \\d+", "ticket 7")
    (tmp_path / "own.toml").write_text(OWN + later)
    (problem,) = check_rules(load_rules(tmp_path))
    assert problem.key == "own.later.examples"
    assert "own.partner" in problem.text


def test_a_rule_of_ones_own_may_take_what_a_shipped_one_takes(tmp_path: Path) -> None:
    text = OWN.replace("ticket \\d+ refused", "no such user|unknown|refused")
    (tmp_path / "own.toml").write_text(text)
    assert check_rules(load_rules(tmp_path)) == ()


def test_an_example_that_the_rule_does_not_take_is_found(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(OWN.replace("550 ticket 7", "550 letter 7"))
    (problem,) = check_rules(load_rules(tmp_path))
    assert "does not match its own example" in problem.text


def test_a_pattern_that_would_run_away_elsewhere_takes_linear_time(tmp_path: Path) -> None:
    """(a+)+$ takes an engine that backtracks longer than the universe has; RE2 does not."""
    text = OWN.replace("ticket \\d+ refused", "(a+)+$").replace("550 ticket 7 refused", "550 aa")
    (tmp_path / "own.toml").write_text(text)
    verdict = Classifier(load_rules(tmp_path)).classify_reply("550 " + "a" * 2000 + "b")
    assert verdict.rule != "own.partner"


@pytest.mark.parametrize(
    "condition",
    [
        'text = [""]',
        'text = [".*"]',
        'text = ["^"]',
        'text = ["()|x"]',
        'text = ["x|"]',
        'text = ["."]',
        'text = [".+"]',
        'text = ["(?s).{3}"]',
        'text = ["\\\\w"]',
        'text = ["[a-z0-9]"]',
        'text = ["^[45]"]',
        'text = ["^.{9,}"]',
        'text = ["[^x]{12}"]',
        'text = ["\\\\d", "user"]',
        'text = ["user unknown", ".+"]',
        'text = ["^4", "^5"]',
        'text = ["\\\\b"]',
        'text = ["\\\\d\\\\.\\\\d\\\\.\\\\d"]',
        'text = ["[45]\\\\.[0-9]+\\\\.[0-9]+"]',
        'text = ["^\\\\d{3} "]',
        'text = ["^\\\\d{3}-"]',
        'text = ["[a-z]+ [a-z]+$"]',
        'text = ["^(?s).{200}"]',
        'text = [".{1000}"]',
        'text = ["said: "]',
        'text = ["in reply to"]',
        'text = ["host .*\\\\["]',
        'text = ["5\\\\.\\\\d\\\\.\\\\d", "4\\\\.\\\\d\\\\.\\\\d"]',
        'mta = ["\\\\."]',
        'mta = ["[a-z]+\\\\.[a-z]+$"]',
        'text = ["no such user"]\nmta = ["."]',
        'mta = ["[a-z]|[0-9]"]',
        'status = ["4", "5"]',
        'code = ["4", "5", "2"]',
        'status = ["4", "5"]\ncode = ["5", "4"]',
        'phase = ["connect", "helo", "mail", "rcpt", "data", "end-of-data"]',
        "",
    ],
)
def test_a_rule_that_takes_every_bounce_is_refused(tmp_path: Path, condition: str) -> None:
    (tmp_path / "own.toml").write_text(
        f'[[rule]]\nid = "mine"\nreason = "policy"\n{condition}\nexamples = ["550 no such user"]\n'
    )
    with pytest.raises(ConfigError) as caught:
        load_rules(tmp_path)
    assert all(problem.file.endswith("own.toml") for problem in caught.value.problems)


@pytest.mark.parametrize(
    "condition",
    [
        'text = ["such user$"]',
        'status = ["5"]',
        'mta = ["example"]',
        'text = ["user|mailbox"]',
        'text = ["5\\\\.1\\\\.1"]',
        'text = ["5\\\\.\\\\d+\\\\.\\\\d+"]',
        'text = ["^5", "^451"]',
        'text = ["^4\\\\d\\\\d "]',
        'text = ["4\\\\.[27]\\\\.\\\\d"]',
        'text = ["in reply to end of DATA"]',
        'text = ["user", "mailbox", "later", "spam", "message"]',
        'mta = ["^mx|^mail|^smtp"]',
        'mta = ["\\\\.outlook\\\\.com$"]',
    ],
)
def test_a_rule_that_tells_bounces_apart_is_taken(tmp_path: Path, condition: str) -> None:
    (tmp_path / "own.toml").write_text(
        f'[[rule]]\nid = "mine"\nreason = "policy"\n{condition}\nexamples = ["550 no such user"]\n'
    )
    assert load_rules(tmp_path).rules[0].id == "mine"
