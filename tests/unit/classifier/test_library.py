"""The classifier as a library: what it gives, and that it needs nothing around it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bouncegate.classifier
from bouncegate.classifier import (
    Blame,
    Category,
    Classifier,
    Kind,
    MessageType,
    Reason,
    classify,
    classify_reply,
    load_rules,
)

from .builder import dsn, failed, mail

PACKAGE = Path(bouncegate.classifier.__file__).parent
REPLY = "smtp; 552 5.2.2 mailbox is full"
FULL = dsn([failed("ann@example.com", Diagnostic_Code=REPLY, Status="5.2.2")])
NAMELESS = mail({"From": "MAILER-DAEMON@x.example", "Subject": "failure notice"}, "It failed.\n")


def modules_after(code: str) -> set[str]:
    """The packages that are not Python's own which a fresh process has loaded after some code."""
    show = "import sys; print(*{m.partition('.')[0] for m in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"{code}\n{show}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return set(done.stdout.split()) - sys.stdlib_module_names


def test_a_message_gives_one_typed_report_for_each_recipient() -> None:
    message = classify(FULL)

    (report,) = message.reports
    assert message.type is MessageType.BOUNCE
    assert (report.recipient, report.action) == ("ann@example.com", "failed")
    assert report.status == "5.2.2"
    assert (report.kind, report.category) == (Kind.SOFT, Category.MAILBOX)
    assert (report.reason, report.blamed) == (Reason.MAILBOX_FULL, Blame.RECIPIENT)
    assert report.rule in {rule.id for rule in load_rules().rules}


def test_what_is_no_bounce_gives_no_report_and_says_what_it_is() -> None:
    message = classify(b"From: ann@example.com\r\nSubject: Lunch\r\n\r\nAt noon?\r\n")
    assert (message.type, message.reports, message.is_bounce) == (MessageType.ORDINARY, (), False)


def test_a_bounce_that_names_nobody_gives_no_report_and_is_a_bounce() -> None:
    message = classify(NAMELESS)
    assert (message.type, message.reports, message.is_bounce) == (MessageType.BROKEN, (), True)


def test_a_reply_gives_a_verdict() -> None:
    verdict = classify_reply("550 5.1.1 <ann@example.com>: no such user")
    assert (verdict.kind, verdict.reason) == (Kind.HARD, Reason.USER_UNKNOWN)
    assert verdict.blamed is Blame.RECIPIENT


def test_rules_of_ones_own_go_before_the_shipped_ones(tmp_path: Path) -> None:
    (tmp_path / "10-own.toml").write_text(
        "[[rule]]\nid = 'own.full'\nreason = 'policy'\nsource = 'a test'\n"
        "text = 'mailbox is full'\nexamples = [{ text = '552 mailbox is full' }]\n"
    )
    classifier = Classifier(load_rules(tmp_path))

    assert classify(FULL, classifier).reports[0].rule == "own.full"
    assert classify_reply("552 mailbox is full", classifier).rule == "own.full"
    assert classify(FULL).reports[0].rule != "own.full"


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=300))
def test_no_octets_make_it_raise(octets: bytes) -> None:
    classify(octets)
    classify(FULL.replace(b"ann", octets))


def test_to_import_the_package_loads_nothing_that_takes_time() -> None:
    assert "re2" not in modules_after("import bouncegate.classifier")


def test_it_needs_re2_and_msgspec_and_neither_store_nor_milter_nor_dns() -> None:
    bare = modules_after("")
    used = modules_after("from bouncegate.classifier import classify; classify(b'x')") - bare
    assert {"re2", "msgspec"} <= used
    assert not used & {"lmdb", "milter", "Milter", "dns", "uvloop", "idna", "typer", "zstandard"}


def test_no_module_has_the_name_of_anything_exported() -> None:
    """The import of a module sets its name in the package, and would hide what is exported."""
    modules = {path.stem for path in PACKAGE.iterdir()}
    assert modules & set(dir(bouncegate.classifier)) == set()


def test_each_exported_name_is_told_to_type_checkers_too() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    told = {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname
    }
    assert told == set(dir(bouncegate.classifier))
    assert all(getattr(bouncegate.classifier, name) for name in told)


def test_an_unknown_name_is_refused_as_python_does() -> None:
    with pytest.raises(ImportError, match="cannot import name 'judge'"):
        exec("from bouncegate.classifier import judge")
