"""Each line that README and docs tell a reader to type is run, or another test stands for it."""

import itertools
import re
import shutil
from pathlib import Path

import pytest
import typer
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
OPTIONS[""] = {"--version", "--install-completion"}


@pytest.mark.parametrize("page", [page for page, lines in OURS.items() if lines])
def test_the_lines_of_a_page_do_what_it_says(page: str, tmp_path: Path) -> None:
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


def test_no_line_is_left_out() -> None:
    for page in PAGES:
        for block in shell_blocks(page):
            if is_for_postfix(block):
                continue  # tests/postfix/test_pages.py runs each of these
            for line in block.commands():
                stands = [line in PROMISES, len(elsewhere(line)) == 1]
                assert stands.count(True) == 1, f"{page}, line {block.number}: {line}"


def test_no_table_names_what_no_page_says_any_more() -> None:
    said = [line for lines in LINES.values() for line in lines]
    assert [line for line in PROMISES if line not in said] == []
    assert [
        one for one in ELSEWHERE if not any(re.fullmatch(one.line, line) for line in said)
    ] == []


@pytest.mark.parametrize("one", ELSEWHERE, ids=lambda one: one.line)
def test_what_stands_for_a_line_is_there(one: Elsewhere) -> None:
    assert one.why
    assert one.by in (ROOT / one.test).read_text()


@pytest.mark.parametrize("page", PAGES)
def test_commands_stand_in_blocks_that_are_run(page: str) -> None:
    assert list(indented(page)) == []
    hidden = [block for block in blocks(page) if block.language != "sh"]
    assert [
        block for block in hidden if re.search(r"^(bouncegate|post\w+) ", block.text, re.MULTILINE)
    ] == []


@pytest.mark.parametrize("page", NAMING)
def test_a_command_that_a_sentence_names_exists_with_its_options(page: str) -> None:
    assert [words for words in inline(page) if fault_of(words)] == []


def fault_of(words: str) -> str:
    """What is wrong with a command line by the command's own options; empty if nothing is."""
    names = words.split()[1:]
    plain = list(itertools.takewhile(lambda name: not name.startswith("-"), names))
    paths = [" ".join(plain[:count]) for count in range(len(plain), -1, -1)]
    path = next(one for one in paths if one in OPTIONS or one in GROUPS)
    if path in GROUPS and plain != path.split():
        return f"there is no {' '.join(plain)}"
    options = [name.split("=")[0] for name in names if name.startswith("-")]
    return " ".join(name for name in options if name not in OPTIONS.get(path, ()))


def test_a_wrong_command_would_be_found() -> None:
    assert fault_of("bouncegate list --state stale") == ""
    assert fault_of("bouncegate list --status stale") == "--status"
    assert fault_of("bouncegate store burn") == "there is no store burn"


@pytest.mark.parametrize("page", NAMING)
def test_what_a_page_links_to_is_there(page: str) -> None:
    for target in re.findall(r"\]\(([^):\s]+)\)", (ROOT / page).read_text()):
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), target
        heads = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE) if anchor else []
        names = [re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads]
        assert not anchor or anchor in names, target


@pytest.mark.parametrize("page", NAMING)
def test_a_file_of_the_project_that_a_page_names_is_there(page: str) -> None:
    """SECURITY.md, above all: it names the tests that show what it says."""
    named = re.findall(r"`((?:tests|systemd|config|lab|docs)/[\w./-]*)`", (ROOT / page).read_text())
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_a_benchmark_that_a_page_names_exists() -> None:
    for page in PAGES:
        for name in re.findall(r"\./run bench (\w+)", (ROOT / page).read_text()):
            if name != "NAME":
                assert (ROOT / f"bench/{name}.py").exists(), f"{page}: {name}"
