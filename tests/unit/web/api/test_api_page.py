"""docs/api.md: each of its examples does what it says, against a running site."""

import os
import subprocess

from tests.docs.pages import shell_blocks
from tests.unit.web.api.interface import Interface

_SET_UP = 2
"""Lines that name the site and make the token."""


def test_examples_of_the_page(api: Interface) -> None:
    lines = [line for block in shell_blocks("docs/api.md") for line in block.commands()]
    assert [line.partition("=")[0] for line in lines[:_SET_UP]] == ["URL", "TOKEN"]
    environment = {
        "PATH": os.environ["PATH"],
        "URL": f"http://127.0.0.1:{api.site.port}/api/v1",
        "TOKEN": api.token(),
    }
    assert len(lines) > 20
    for line in lines[_SET_UP:]:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, "") or "--max-time" in line, (
            f"{line}\n{done.stdout}{done.stderr}"
        )
        assert done.stdout, line
