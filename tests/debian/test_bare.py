"""A stranger's first minutes: README's commands in the least that there is of a release."""

import pytest
from tests.docs.pages import shell_blocks

from .bare import Bare

# One of each kind: pure code, a private Postfix, units and libraries of the system.
_SELECTED = (
    "tests/unit/policy tests/unit/milter/test_supervisor_reload.py tests/unit/test_systemd.py "
    "tests/postfix/test_enable.py tests/postfix/test_end_to_end.py tests/unit/config"
)


def test_the_first_command_of_the_readme_shows_a_refusal(bare: Bare) -> None:
    assert "./run demo" in commands()
    shown = bare.type_in("./run demo")
    assert "no process and no folder is left" in shown


def test_the_second_command_of_the_readme_runs_tests(bare: Bare) -> None:
    assert "./run test" in commands()
    closing = bare.type_in(f"./run test -q {_SELECTED}").splitlines()[-1]
    assert " passed" in closing, closing


def commands() -> list[str]:
    blocks = [block for block in shell_blocks("README.md") if block.heading == "Try it"]
    assert blocks
    return [command for block in blocks for command in block.commands()]


@pytest.mark.usefixtures("bare")
def test_the_package_is_named_after_the_release(bare: Bare) -> None:
    assert bare.package().name.startswith("bouncegate_0.1.0~")
