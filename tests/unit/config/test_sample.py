"""What the comments of the sample config point to is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "config/bouncegate/config/bouncegate.toml"

PAGE = re.compile(r'(?:"([^"]+)" in )?(docs/[a-z-]+\.md)')
BESIDE = re.compile(r"\b((?:policy|providers)[a-z-]*\.toml)(, in the package)?")


def missing_pointers(config: Path, pages: Path) -> list[str]:
    """Pages, headings of pages and files beside the config file that are named and not there."""
    comments = " ".join(
        line.removeprefix("#").strip()
        for line in config.read_text().splitlines()
        if line.startswith("#")
    )
    missing = []
    for heading, name in PAGE.findall(comments):
        page = pages / name
        if not page.exists():
            missing.append(name)
        elif heading and not re.search(
            rf"^#+ {re.escape(heading)}$", page.read_text(), re.MULTILINE
        ):
            missing.append(f"{name}: {heading}")
    for name, elsewhere in BESIDE.findall(comments):
        if not elsewhere and not config.with_name(name).exists():
            missing.append(name)
    return missing


def test_sample_points_to_pages_headings_and_files_that_are_there() -> None:
    assert missing_pointers(SAMPLE, ROOT) == []


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("# See docs/nowhere.md.", ["docs/nowhere.md"]),
        ('# see "No such\n# heading" in docs/policy.md', ["docs/policy.md: No such heading"]),
        ("# policy-gone.toml beside this file", ["policy-gone.toml"]),
        ('# see "Return domains by sender" in\n# docs/postfix.md', []),
    ],
)
def test_a_pointer_that_leads_nowhere_is_found(
    line: str, missing: list[str], tmp_path: Path
) -> None:
    config = tmp_path / "bouncegate.toml"
    config.write_text(f"{line}\n")
    assert missing_pointers(config, ROOT) == missing
