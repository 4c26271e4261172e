"""Each Python block of README and docs is run, and prints what the block behind it shows."""

import contextlib
import io
import itertools
from pathlib import Path

import pytest
from tests.docs.pages import PAGES, Block, blocks
from tests.docs.site import BOUNCE, partner_rule

BLOCKS = {page: list(blocks(page)) for page in PAGES}
PYTHON = [
    (one, shown)
    for page in BLOCKS.values()
    for one, shown in itertools.pairwise(page)
    if one.language == "python"
]


@pytest.mark.parametrize(("code", "shown"), PYTHON, ids=[f"{c.page}:{c.number}" for c, _ in PYTHON])
def test_a_block_of_python_prints_what_the_page_shows(
    code: Block, shown: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bounce.eml").write_bytes(BOUNCE.read_bytes())
    Path("rules.d").mkdir()
    Path("rules.d/10-partner.toml").write_text(partner_rule())
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code.text, f"{code.page}:{code.number}", "exec"), {})

    assert (shown.language, printed.getvalue()) == ("text", shown.text)


def test_the_page_of_the_library_has_blocks_to_run() -> None:
    assert {code.page for code, _ in PYTHON} >= {"classifier/README.md"}
