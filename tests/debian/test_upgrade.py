"""Another build of the package over one whose milter runs: its sessions go on."""

from pathlib import Path

from tests.unit.milter.mta import Answer, Mta

from lab.waiting import wait_for

from .cell import Cell
from .test_package import INSTALL, log

MILTER = "bouncegate-milter.service"
PASSES = Answer("c")
# The first process of the cell is no systemd: this does what it would do with the units.
SYSTEMCTL = """#!/bin/bash
echo "$*" >>/var/log/systemctl.log
case "$*" in
*is-active*bouncegate-milter.service) ;;
*is-active*) exit 3 ;;
show*) echo "StatusText=2 workers, version $(bouncegate --version | cut -d' ' -f2-)" ;;
reload*) kill -HUP "$(</run/milter.pid)" ;;
esac
"""


def test_package_upgrade_leaves_open_sessions_their_milter(cell: Cell) -> None:
    cell.shell(f"{INSTALL}; mkdir -p /run/systemd/system")
    (cell.root / "usr/local/bin/systemctl").write_text(SYSTEMCTL)
    (cell.root / "usr/local/bin/systemctl").chmod(0o755)
    cell.start(
        "runuser", "-u", "bouncegate", "--",
        "/bin/sh", "-c", "echo $$ >/run/bouncegate/pid; exec bouncegate milter",
    )  # fmt: skip
    path = cell.root / "var/spool/postfix/bouncegate/milter.sock"
    wait_for("the milter answers", lambda: "started: " in log(cell), 60)
    cell.shell("cp /run/bouncegate/pid /run/milter.pid")
    inode = path.stat().st_ino
    with Mta(path) as held:
        assert held.probe() == PASSES
        cell.shell(f"export PATH=/usr/local/bin:$PATH; {INSTALL}")
        wait_for("the new code serves", lambda: "reloaded: " in log(cell), 60)
        assert "executing the installed code (/usr/" in log(cell)
        with Mta(path) as fresh:
            assert fresh.probe() == PASSES
        assert held.probe() == PASSES
    wait_for("the old workers end", lambda: log(cell).count("of the old settings ended") == 2, 60)
    assert path.stat().st_ino == inode
    asked = (cell.root / "var/log/systemctl.log").read_text().splitlines()
    assert f"reload {MILTER}" in asked
    assert not [line for line in asked if "restart" in line and "milter" in line]
    cell.shell("kill $(cat /run/milter.pid)")
    wait_for("it ends", lambda: not Path(path).exists(), 20)
