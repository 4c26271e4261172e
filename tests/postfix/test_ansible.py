"""The tasks that docs/ansible.md has change a Postfix once, and nothing when they run again."""

import re

from tests.postfix.site import Site

from lab.folder import ROOT, LabFolder

PAGE = (ROOT / "docs/ansible.md").read_text()
COMMANDS = re.findall(r"ansible\.builtin\.command: bouncegate (.+)", PAGE)


def test_tasks_of_the_page_change_nothing_when_they_run_again(folder: LabFolder) -> None:
    site = Site(folder, chroot=False)
    (check, enable) = (line.removeprefix("postfix ").split() for line in COMMANDS)
    assert "--check" in check
    before = site.files()

    assert site.run(*check).returncode == 2
    assert site.files() == before
    site.run(*enable)  # 1: this milter has no systemd, which would let it read its mode
    after = site.files()
    assert after != before
    done = site.run(*check)
    assert (done.returncode, b"nothing to change" in done.stdout) == (0, True), done.stdout
    site.reload_milter()
    site.run(*enable)
    assert site.files() == after
