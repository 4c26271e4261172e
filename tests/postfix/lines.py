"""The lines of a how-to, run as they stand on a private Postfix."""

import re
import subprocess
import tempfile

from lab.folder import ROOT
from lab.postfix import Postfix
from lab.privilege import as_root

# The lines mean the machine's Postfix and folders; this makes them mean those of the lab.
REDIRECT = """
set -euo pipefail
postconf() { /usr/sbin/postconf -c "$LAB" "$@"; }
postfix() { :; }
"""


def block(heading: str, page: str = "docs/send-path.md") -> str:
    """The first shell block below a heading of a page."""
    text = (ROOT / page).read_text()
    found = re.search(rf"^##+ {heading}$.*?^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found is not None, heading
    return found[1]


def follow(heading: str, postfix: Postfix, **replaced: str) -> None:
    """Run the lines below a heading, but for `postfix reload`; each word of `replaced` is its
    value instead.
    """
    lines = block(heading)
    for word, value in replaced.items():
        assert word in lines
        lines = lines.replace(word, value)
    run_lines(REDIRECT + lines, postfix)


def run_lines(lines: str, postfix: Postfix) -> None:
    """Run shell lines as root, `$LAB` being the instance's configuration; none may complain."""
    # A file takes the output and not a pipe: Postfix's daemons keep what they inherit open.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            as_root(["env", f"LAB={postfix.config}", "bash", "-c", lines]),
            check=False,
            timeout=60,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
        )
        output.seek(0)
        said = output.read().decode()
    assert done.returncode == 0, said
    assert "warning" not in said
