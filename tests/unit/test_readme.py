"""The README promises only what is there; tests/postfix runs its commands for Postfix."""

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

from msgspec.structs import replace
from tests.unit.milter.locks import lock_of

from bouncegate.config.replies import mark_with
from bouncegate.config.settings import ReplySettings
from bouncegate.milter.refusal.reply import compose

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def commands(heading: str, page: str = README) -> list[str]:
    """The lines of the first shell block below a heading."""
    block = re.search(rf"^## {heading}$.*?^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert block is not None, heading
    return block[1].splitlines()


def test_ten_lines_enable_it() -> None:
    lines = commands("Install and enable")
    assert "bouncegate postfix enable" in lines
    assert len(lines) <= 10


def test_every_task_of_run_that_is_named_exists() -> None:
    tasks = set(re.findall(r"\./run (\w+)", README)) - {"help"}
    known = subprocess.run(
        [ROOT / "run", "help"], capture_output=True, text=True, check=True, timeout=30
    ).stdout
    assert {"demo", "test"} <= tasks
    assert [task for task in tasks if not re.search(rf"^  {task}\b", known, re.MULTILINE)] == []


def test_reply_is_the_default_one() -> None:
    client, server = re.findall(r"^ *[CS]: (.*)$", README, re.MULTILINE)
    recipient = client.removeprefix("RCPT TO:<").removesuffix(">")
    day = datetime.fromisoformat(server.split(" until ")[1].split(",")[0]).replace(tzinfo=UTC)
    mark = mark_with("1f2e3d4c")
    lock = replace(lock_of(int(day.timestamp())), cause=4711)
    assert server == str(compose(ReplySettings(), lock, recipient, mark=mark))


def test_pictures_exist_with_title_and_description() -> None:
    paths = re.findall(r'(?:src|srcset)="([^"]+)"', README)
    assert len(paths) == 2
    for path in paths:
        root = ET.parse(ROOT / path).getroot()
        named = root.attrib["aria-labelledby"].split()
        assert [child.attrib.get("id") for child in root][: len(named)] == named
        assert all(child.text for child in list(root)[: len(named)])
