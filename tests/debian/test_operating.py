"""The operator's how-to, followed literally in a clean Debian: from installing to removing."""

import shlex

import pytest
from tests.docs.pages import shell_blocks

from lab.waiting import wait_for

from .cell import Cell
from .test_package import INSTALL, LEFT, SAME, SNAPSHOT, is_locked, log, mailed, remote

__all__ = ["remote"]

PAGE = "docs/operating.md"
GONE = "gone@recipients.test"
# What the page calls by other names than this cell, and what an editor would have done.
SPELLED = {
    "apt install ./build/deb/bouncegate_*.deb": INSTALL,
    "apt remove bouncegate": "dpkg -r bouncegate",
    "apt purge bouncegate": "dpkg -P bouncegate",
    "editor /etc/bouncegate/bouncegate.toml": "sed -i "
    """'s/^# domain = .*/domain = "return.sender.test"/' /etc/bouncegate/bouncegate.toml""",
    # What a person answers who is asked.
    "bouncegate postfix enable": "bouncegate postfix enable --sign-all --no-return-to-sender",
    "editor new.toml": """sed -i 's/^# lock = "1 year".*/lock = "2 years"/' new.toml""",
}
# Nobody answers DNS in the cell, and before `enable` Postfix does not ask the milter.
NOT_WELL_YET = "bouncegate doctor"
LEFT_OUT = ("./run deb", "journalctl ")
# The first process of the cell is no systemd: this does what it would do with the units.
SYSTEMCTL = r"""#!/bin/bash
verb=$1; shift
for unit in "$@"; do
    for name in milter return-path maintain; do
        [[ bouncegate-$name == $unit ]] || continue
        case $verb in
        enable | start)
            setsid setpriv --reuid=bouncegate --regid=bouncegate --init-groups \
                bouncegate $name >>/var/log/daemons.log 2>&1 </dev/null &
            echo $! >/run/$name.pid
            # Before setsid(1) has made it independent, the end of the terminal ends it too.
            until [[ $(</proc/$!/comm) == bouncegate ]]; do sleep 0.1; done
            until [[ $name == maintain || -S /var/spool/postfix/bouncegate/$name.sock ]]; do
                sleep 0.1
            done ;;
        disable | stop) kill "$(</run/$name.pid)" ;;
        reload | try-reload-or-restart) kill -HUP "$(</run/$name.pid)" ;;
        esac
    done
done
"""


@pytest.mark.usefixtures("remote")
def test_the_how_to_works_as_it_is_written(cell: Cell) -> None:
    """A newcomer's hour."""
    (cell.root / "usr/local/bin/systemctl").write_text(SYSTEMCTL)
    (cell.root / "usr/local/bin/systemctl").chmod(0o755)
    cell.shell(
        "postconf -e 'relayhost = [127.0.0.1]:2525' inet_protocols=ipv4; "
        f"postconf -e myhostname=mail.sender.test; {SNAPSHOT}; postfix start; "
        "touch /var/log/daemons.log; mkdir -p /dev/pts; "
        "mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts; ln -sf pts/ptmx /dev/ptmx"
    )
    follow(cell, "Install")
    follow(cell, "Set up")
    follow(cell, "Enable")
    assert mailed(cell, GONE) == "250"
    wait_for("the bounce locks", lambda: is_locked(cell, GONE), 60)
    assert mailed(cell, GONE) == "250", "nothing is refused yet"
    follow(cell, "Observe")

    follow(cell, "Enforce", 0)
    assert mailed(cell, GONE).startswith("550 5.1.1 ")
    follow(cell, "Enforce", 1)
    assert not is_locked(cell, GONE)
    follow(cell, "Tune")
    follow(cell, "Backup and restore", 1)

    follow(cell, "Disable and remove")
    cell.shell(SAME)
    assert [path for path in LEFT if (cell.root / path).exists()] == []
    assert mailed(cell, GONE) == "250", "mail flows as before"


def follow(cell: Cell, heading: str, *numbers: int) -> None:
    """Type the lines below a heading, or of some of its blocks."""
    blocks = [block for block in shell_blocks(PAGE) if block.heading == heading]
    assert blocks, heading
    for number in numbers or range(len(blocks)):
        for line in blocks[number].commands():
            if not line.startswith(LEFT_OUT):
                type_in(cell, SPELLED.get(line, line).replace("clara@orchard.example", GONE))


def type_in(cell: Cell, line: str) -> None:
    """Type one line at a terminal, and agree if it asks."""
    path = "export PATH=/usr/local/bin:$PATH; cd /root"
    typed = f"{path}; printf 'y\\n' | script -qec {shlex.quote(line)} /dev/null"
    done = cell.shell(typed, check=False)
    if line != NOT_WELL_YET:
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}{log(cell)}"
