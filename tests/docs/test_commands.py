"""Each line that README and docs ask the reader to type is run here, or covered by another test."""

import itertools
import re
import shutil
from pathlib import Path

import pytest
import typer
from bench.__main__ import BENCHMARKS
from tests.docs.pages import PAGES, blocks, indented, inline, is_for_postfix, shell_blocks
from tests.docs.promises import ELSEWHERE, PROMISES, Elsewhere, elsewhere, needs_postfix
from tests.docs.site import Site

from bouncegate.cli.main import app
from lab.folder import ROOT
from manual.commands import every_command

LINES = {page: [c for block in shell_blocks(page) for c in block.commands()] for page in PAGES}
OURS = {page: [line for line in lines if line in PROMISES] for page, lines in LINES.items()}
NAMING = (*PAGES, "CHANGELOG.md", "SECURITY.md")
COMMAND = typer.main.get_command(app)
OPTIONS = {
    path: {"--help", *(option for one in command.params for option in one.opts)}
    for path, command in every_command(COMMAND)
}
GROUPS = {"", *(path.rpartition(" ")[0] for path in OPTIONS if " " in path)} - OPTIONS.keys()
OPTIONS[""] = {"--help", "--version", "--install-completion"}


@pytest.mark.parametrize("page", [page for page, lines in OURS.items() if lines])
def test_lines_of_a_page_do_what_it_says(page: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    for line in OURS[page]:
        if needs_postfix(line) and shutil.which("postmap", path="/usr/sbin") is None:
            pytest.skip("Postfix is not installed; ./run test installs it")
        promise = PROMISES[line]
        if promise.first:
            assert site.run(promise.first).code == 0
        done = site.run(line)
        assert done.code == promise.code, f"{line}\n{done.said}"
        assert re.search(promise.says, done.said, re.MULTILINE), f"{line}\n{done.said}"


def test_lines_are_all_covered() -> None:
    for page in PAGES:
        for block in shell_blocks(page):
            if is_for_postfix(block):
                continue  # tests/postfix/test_pages.py runs each of these
            for line in block.commands():
                covered = [line in PROMISES, len(elsewhere(line)) == 1]
                assert covered.count(True) == 1, f"{page}, line {block.number}: {line}"


def test_tables_have_no_outdated_lines() -> None:
    said = [line for lines in LINES.values() for line in lines]
    assert [line for line in PROMISES if line not in said] == []
    assert [
        one for one in ELSEWHERE if not any(re.fullmatch(one.line, line) for line in said)
    ] == []


@pytest.mark.parametrize("one", ELSEWHERE, ids=lambda one: one.line)
def test_covering_tests_exist(one: Elsewhere) -> None:
    assert one.why
    assert one.by in (ROOT / one.test).read_text()


@pytest.mark.parametrize("page", PAGES)
def test_commands_are_in_blocks_that_are_run(page: str) -> None:
    assert list(indented(page)) == []
    hidden = [block for block in blocks(page) if block.language != "sh"]
    assert [
        block for block in hidden if re.search(r"^(bouncegate|post\w+) ", block.text, re.MULTILINE)
    ] == []


@pytest.mark.parametrize("page", NAMING)
def test_commands_in_sentences_exist_with_their_options(page: str) -> None:
    assert [words for words in inline(page) if fault_of(words)] == []


def fault_of(words: str) -> str:
    """The error in a command line by the command's own options; empty if there is none."""
    names = words.split()[1:]
    plain = list(itertools.takewhile(lambda name: not name.startswith("-"), names))
    paths = [" ".join(plain[:count]) for count in range(len(plain), -1, -1)]
    path = next(one for one in paths if one in OPTIONS or one in GROUPS)
    if path in GROUPS and plain != path.split():
        return f"there is no {' '.join(plain)}"
    options = [name.split("=")[0] for name in names if name.startswith("-")]
    return " ".join(name for name in options if name not in OPTIONS.get(path, ()))


def test_wrong_commands_are_found() -> None:
    assert fault_of("bouncegate list --state stale") == ""
    assert fault_of("bouncegate list --status stale") == "--status"
    assert fault_of("bouncegate store burn") == "there is no store burn"


@pytest.mark.parametrize("page", NAMING)
def test_link_targets_exist(page: str) -> None:
    for target in re.findall(r"\]\(([^):\s]+)\)", (ROOT / page).read_text()):
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), target
        heads = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE) if anchor else []
        names = [re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads]
        assert not anchor or anchor in names, target


@pytest.mark.parametrize("page", NAMING)
def test_named_files_exist(page: str) -> None:
    """Above all in SECURITY.md, which names the tests behind its statements."""
    named = re.findall(r"`((?:tests|systemd|config|lab|docs)/[\w./-]*)`", (ROOT / page).read_text())
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_named_benchmarks_exist() -> None:
    for page in PAGES:
        for name in re.findall(r"\./run bench (\w+)", (ROOT / page).read_text()):
            if name != "NAME":
                assert name in BENCHMARKS, f"{page}: {name}"
