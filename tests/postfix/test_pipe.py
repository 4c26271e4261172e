"""`bouncegate receive` under pipe(8): exit status 75 keeps a DSN, most others would lose it."""

import grp
import pwd
import subprocess
from pathlib import Path

import pytest

from lab.bouncegate import COMMAND, Bouncegate
from lab.folder import LabFolder
from lab.mastercf import Service
from lab.postfix import Postfix
from lab.privilege import as_root, make_folder
from lab.remote import Remote

SENDER = "bounces@return.sender.test"
GONE = "gone@remote.example"
UNKNOWN = "550 5.1.1 The email account that you tried to reach does not exist"
# pipe(8) runs nothing as root or as Postfix's own user.
USER = "nobody"


@pytest.fixture
def site(folder: LabFolder) -> tuple[Postfix, Bouncegate]:
    """A Postfix that hands what comes to the return path to `receive` on its standard input."""
    probe = subprocess.run(
        as_root(["setpriv", f"--reuid={USER}", "--clear-groups", COMMAND, "--help"]),
        capture_output=True,
        check=False,
        timeout=60,
        cwd="/",
    )
    if probe.returncode:
        pytest.skip(f"the user {USER} cannot run {COMMAND}: the checkout is private")
    remote = Remote(folder, {GONE: UNKNOWN})
    gate = Bouncegate(folder, folder.path / "sockets")
    gate.store.rmdir()
    make_folder(gate.store, USER, grp.getgrgid(pwd.getpwnam(USER).pw_gid).gr_name, "0700")
    receive = Service(
        *("receive", "unix", "-", False, "-", "-", "pipe"),
        (f"user={USER} argv={COMMAND} --config {gate.config} receive",),
    )
    postfix = Postfix(folder, remote.relayhost, extra=(receive,))
    postfix.set(transport_maps="inline:{ return.sender.test=receive: }")
    postfix.start()
    return postfix, gate


def send(postfix: Postfix) -> None:
    assert postfix.submit(SENDER, [GONE])[GONE].code == 250


def locked(gate: Bouncegate) -> bool:
    shown = subprocess.run(
        as_root([COMMAND, "--config", gate.config, "list"]),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return GONE in shown.stdout


def test_a_dsn_through_pipe_locks_its_address(site: tuple[Postfix, Bouncegate]) -> None:
    postfix, gate = site
    send(postfix)
    postfix.wait_until_empty()
    postfix.wait_for_log(rf"postfix/pipe.*to=<{SENDER}>.*status=sent")
    assert locked(gate)


def test_a_dsn_is_deferred_and_not_dropped_while_the_store_is_shut(
    site: tuple[Postfix, Bouncegate],
) -> None:
    postfix, gate = site
    set_mode(gate.store, "0000")
    send(postfix)
    postfix.wait_for_log(rf"postfix/pipe.*to=<{SENDER}>.*status=deferred \(temporary failure")
    set_mode(gate.store, "0700")
    postfix.flush()
    postfix.wait_until_empty()
    assert locked(gate)


def test_a_dsn_is_deferred_and_not_dropped_while_the_config_is_wrong(
    site: tuple[Postfix, Bouncegate],
) -> None:
    """An operator's typo must not cost a single bounce."""
    postfix, gate = site
    gate.configure({"policy": {"no_such_key": 1}})
    send(postfix)
    postfix.wait_for_log(rf"postfix/pipe.*to=<{SENDER}>.*status=deferred \(temporary failure")
    gate.configure({})
    postfix.flush()
    postfix.wait_until_empty()
    assert locked(gate)


def set_mode(path: Path, mode: str) -> None:
    subprocess.run(as_root(["chmod", mode, path]), check=True, timeout=20)
