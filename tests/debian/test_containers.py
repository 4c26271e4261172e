"""The images of containers/: Postfix in one, Bouncegate in another, and mail between them."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.folder import ROOT
from lab.waiting import wait_for

from .cell import Cell
from .image import Image
from .test_package import mailed

GONE = "gone@recipients.test"
USER = "8892:8892"


@pytest.fixture(scope="module")
def images() -> Iterator[tuple[Image, Image]]:
    if not os.environ.get("BOUNCEGATE_SUITE") and not os.environ.get("BOUNCEGATE_DEB"):
        pytest.skip("an image takes minutes to make; ./run deb --test makes it")
    with tempfile.TemporaryDirectory(prefix="bouncegate-image-") as name:
        folder = Path(name)
        yield (
            Image(ROOT / "containers/Containerfile", folder / "bouncegate"),
            Image(ROOT / "containers/Containerfile.postfix", folder / "postfix"),
        )


@contextmanager
def started(image: Image, beside: Cell, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A container of an image: no root, a network that it shares, processes of its own."""
    argv = [*beside.within("--net", "--pid", "--ipc"), "unshare", "--mount", "--fork",
            f"--mount-proc={image.root}/proc", "--kill-child=SIGTERM", "chroot",
            f"--userspec={USER}", "--groups=", str(image.root)]  # fmt: skip
    log = image.root / "var/log/daemons.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*argv, *image.json("ENTRYPOINT"), *words],
            stdout=out, stderr=out, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            os.kill(daemon_of(process), signal.SIGTERM)
        process.wait(20)


def daemon_of(process: subprocess.Popen[bytes]) -> int:
    """The process id of what runs in a container, behind the programs that make its namespaces."""
    pid = process.pid
    while Path(f"/proc/{pid}/comm").read_text().strip() in {"nsenter", "unshare"}:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        assert children, "it has ended"
        pid = int(children[0])
    return pid


def ask(image: Image, beside: Cell, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command in such a container."""
    argv = [*beside.within("--net", "--pid", "--ipc"), "chroot", f"--userspec={USER}", "--groups=",
            str(image.root), *image.json("ENTRYPOINT"), *words]  # fmt: skip
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


def test_a_bounce_is_refused_next_time_between_containers(images: tuple[Image, Image]) -> None:
    gate, postfix = images
    assert gate.words["USER"] == USER
    assert gate.json("CMD") == ["milter"]
    (postfix.root / "etc/hosts").write_text("127.0.0.1 localhost bouncegate\n")
    # As an administrator mounts it who has observed for a week.
    (gate.root / "etc/bouncegate/conf.d/90.toml").write_text('[milter]\nmode = "enforce"\n')
    with Cell(postfix.root) as cell:
        cell.shell(
            "postconf -e 'relayhost = [127.0.0.1]:2525' inet_protocols=ipv4 "
            "smtp_host_lookup=native lmtp_host_lookup=native "
            "myhostname=mail.sender.test maillog_file=/var/log/mail.log; "
            "cp /etc/hosts /var/spool/postfix/etc/hosts; postfix start"
        )
        # A store that begins while a milter runs is opened within a second: the send may be sooner.
        begun = ask(gate, cell, "lock", "else@recipients.test")
        assert begun.returncode == 0, begun.stderr
        script = str(Path(__file__).with_name("remote.py"))
        with cell.start_beside(sys.executable, script, "2525") as remote:
            try:
                with started(gate, cell, "milter"), started(gate, cell, "return-path"):
                    wait_until_healthy(gate, cell, "milter")
                    wait_until_healthy(gate, cell, "return-path")
                    send_and_be_refused(gate, cell)
                assert ask(gate, cell, "doctor", "--daemon", "milter").returncode == 2
                assert mailed(cell, GONE) == "250", "mail flows without it"
            finally:
                remote.terminate()


def wait_until_healthy(gate: Image, cell: Cell, name: str) -> None:
    """As the health check of a container asks."""
    wait_for(
        f"{name} is healthy",
        lambda: ask(gate, cell, "doctor", "--daemon", name).returncode == 0,
        60,
        log=(gate.root / "var/log/daemons.log").read_text,
    )


def send_and_be_refused(gate: Image, cell: Cell) -> None:
    assert mailed(cell, GONE) == "250"
    wait_for(
        "the bounce locks",
        lambda: '"locked":true' in ask(gate, cell, "show", "--json", GONE).stdout,
        60,
        log=(cell.root / "var/log/mail.log").read_text,
    )
    refusal = mailed(cell, GONE)
    assert refusal.startswith("550 5.1.1 "), refusal


def test_a_container_ends_by_the_signal_of_its_runtime(images: tuple[Image, Image]) -> None:
    gate, postfix = images
    with Cell(postfix.root) as cell, started(gate, cell, "milter") as process:
        wait_for(
            "it answers", lambda: ask(gate, cell, "doctor", "--daemon", "milter").returncode == 0
        )
        os.kill(daemon_of(process), signal.SIGTERM)
        assert process.wait(10) == 0
