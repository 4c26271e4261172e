"""The package in a clean Debian: installed, removed, purged, it leaves Postfix as it was."""

import stat
from pathlib import Path

from .cell import Cell

INSTALL = "dpkg -i /root/bouncegate.deb"
SNAPSHOT = "cp -a /etc/postfix /root/postfix-before"
SAME = "diff -r --no-dereference /root/postfix-before /etc/postfix"


def owner_and_mode(cell: Cell, path: str) -> str:
    return cell.run("stat", "-c", "%U:%G %a", path).stdout.strip()


def test_an_installation_starts_nothing_and_changes_nothing_of_postfix_s(cell: Cell) -> None:
    cell.shell(SNAPSHOT)
    before = cell.processes()
    done = cell.shell(INSTALL)
    assert "Nothing is attached to Postfix yet" in done.stdout
    cell.shell(SAME)
    assert cell.processes() == before
    wanted = list((cell.root / "etc/systemd/system").glob("*.wants/bouncegate*"))
    assert wanted == [], "no daemon is enabled"


def test_what_is_installed_is_whole_and_belongs_to_whom_it_should(cell: Cell) -> None:
    cell.shell(INSTALL)
    owners = {
        "/etc/bouncegate/bouncegate.toml": "root:root 644",
        "/var/lib/bouncegate": "bouncegate:bouncegate 750",
        "/run/bouncegate": "bouncegate:postfix 2750",
        "/var/spool/postfix/bouncegate": "bouncegate:postfix 2750",
        "/usr/bin/bouncegate": "root:root 755",
    }
    assert {path: owner_and_mode(cell, path) for path in owners} == owners
    assert (
        "/etc/bouncegate/bouncegate.toml"
        in cell.run("dpkg-query", "-W", "-f", "${Conffiles}", "bouncegate").stdout
    )
    assert cell.run("bouncegate", "--version").stdout.startswith("bouncegate ")
    assert "nothing wrong" in cell.run("bouncegate", "check-config").stdout
    for page in ("man1/bouncegate.1", "man5/bouncegate.toml.5", "man5/bouncegate-log.5"):
        assert (cell.root / f"usr/share/man/{page}.gz").exists()
    library = cell.root / "usr/lib/bouncegate"
    assert list(library.glob("bouncegate/classifier/reading.*.so")), "what is compiled is compiled"
    assert list(library.glob("bouncegate/cli/__pycache__/main.*.pyc"))
    assert [path for path in library.rglob("*") if path.is_file() and is_odd(path)] == []


def is_odd(path: Path) -> bool:
    return stat.S_IMODE(path.stat().st_mode) != 0o644


def test_the_sockets_lie_where_debian_s_postfix_sees_them_from_its_chroot(cell: Cell) -> None:
    cell.shell(INSTALL)
    text = (cell.root / "etc/bouncegate/bouncegate.toml").read_text()
    sockets = [line for line in text.splitlines() if line.startswith("socket = ")]
    assert sockets == [
        f'socket = "unix:/var/spool/postfix/bouncegate/{name}.sock"'
        for name in ("milter", "map", "return-path")
    ]


def test_a_removal_keeps_the_data_and_a_purge_removes_it(cell: Cell) -> None:
    cell.shell(SNAPSHOT)
    cell.shell(f"{INSTALL}; runuser -u bouncegate -- bouncegate lock gone@example.com")
    store = cell.root / "var/lib/bouncegate/data.mdb"
    assert store.exists()
    cell.shell("dpkg -r bouncegate")
    assert store.exists()
    assert (cell.root / "etc/bouncegate/bouncegate.toml").exists()
    assert not (cell.root / "usr/lib/bouncegate").exists()
    cell.shell(INSTALL)
    assert '"locked":true' in cell.run("bouncegate", "show", "--json", "gone@example.com").stdout
    cell.shell("dpkg -P bouncegate")
    assert [path for path in LEFT if (cell.root / path).exists()] == []
    cell.shell(SAME)


LEFT = (
    "etc/bouncegate", "var/lib/bouncegate", "run/bouncegate", "var/spool/postfix/bouncegate",
    "usr/lib/bouncegate", "usr/bin/bouncegate", "usr/share/doc/bouncegate",
)  # fmt: skip
