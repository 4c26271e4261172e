"""Each line for Postfix that README and docs show, as it stands, on a private Postfix."""

import os
import subprocess
from contextlib import suppress
from threading import Thread

import pytest
from tests.docs.pages import PAGES, Block, is_for_postfix, shell_blocks
from tests.postfix.lines import REDIRECT, run_lines
from tests.postfix.site import DOMAIN, Site

from lab.bouncegate import COMMAND
from lab.folder import LabFolder
from lab.postfix import Postfix
from lab.remote import Remote
from lab.waiting import wait_for

BLOCKS = [block for page in PAGES for block in shell_blocks(page) if is_for_postfix(block)]
# What takes something away needs it to be there.
FIRST = {"Disable by hand": "Enable by hand", "Disable the map": "Enable the map"}
COMMANDS = {page: [c for b in shell_blocks(page) for c in b.commands()] for page in PAGES}
OURS = {
    page: [line for line in lines if line.startswith("bouncegate postfix ")]
    for page, lines in COMMANDS.items()
}
# A status of what is attached, and what it says of a Postfix that is not.
SAYS = {"status": "attached", "enable": "mode ", "disable": "detached"}


def settings(postfix: Postfix) -> set[str]:
    return set(postfix.command("postconf", "-c", postfix.config, "-n").splitlines())


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.page}: {block.heading}")
def test_the_lines_of_a_block_change_a_postfix_and_leave_it_sound(
    folder: LabFolder, block: Block
) -> None:
    assert [c for c in block.commands() if not c.startswith(("postconf ", "postfix "))] == []
    postfix = Postfix(folder, Remote(folder, {}).relayhost)
    if before := FIRST.get(block.heading):
        [first] = (one for one in BLOCKS if (one.page, one.heading) == (block.page, before))
        run_lines(REDIRECT + first.text, postfix)
    earlier = settings(postfix)
    run_lines(REDIRECT + block.text, postfix)
    assert settings(postfix) != earlier
    postfix.command("postfix", "-c", postfix.config, "check")


@pytest.mark.parametrize("page", [page for page, lines in OURS.items() if lines])
def test_a_newcomer_who_types_each_line_is_attached_and_detached_again(
    folder: LabFolder, page: str
) -> None:
    site = Site(folder, chroot=True)
    # systemd's units would take the mode at once; this milter has it already.
    observing = {"return_path": {"domain": DOMAIN}, "milter": {"mode": "observe"}}
    site.gate.configure(observing)
    site.reload_milter()
    before = site.files()
    if OURS[page][0].split()[2] == "disable":  # the page tells how to leave, of who has come before
        say(site, "bouncegate postfix enable", SAYS["enable"])
    for line in OURS[page]:
        deed = line.split()[2]
        say(site, line, SAYS[deed])
    if any("disable" in line for line in OURS[page]):
        assert site.files() == before


def say(site: Site, line: str, expected: str) -> None:
    """Type a line and agree; where the milter must first read its mode, once more."""
    words = line.replace("/etc/postfix-out", str(site.postfix.config)).split()[1:]
    if "-c" not in words:
        words += ["-c", str(site.postfix.config)]

    def done() -> bool:
        code, said = typed(site, words)
        if "still in mode" in said:
            site.reload_milter()
            return False
        assert code == 0, f"{line}\n{said}"
        assert expected in said
        return True

    wait_for(line, done)


def typed(site: Site, words: list[str]) -> tuple[int, str]:
    """Run a command as a person at a terminal does, who signs all mail and says yes."""
    terminal, user = os.openpty()
    answering = Thread(target=answer, args=(terminal,), daemon=True)
    answering.start()
    try:
        done = subprocess.run(
            [str(COMMAND), "--config", str(site.gate.config), *words],
            stdin=user, capture_output=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        os.close(user)
        answering.join(60)
        os.close(terminal)
    return done.returncode, (done.stdout + done.stderr).decode()


ANSWERS = {b"(empty: of all): ": b"\n", b"must run) [y/N]: ": b"n\n", b"[y/N]: ": b"y\n"}


def answer(terminal: int) -> None:
    """Answer each question once it is there."""
    seen = b""
    with suppress(OSError):  # EIO: nobody is at the other side any more
        while octets := os.read(terminal, 1000):
            seen += octets
            if reply := next((ANSWERS[end] for end in ANSWERS if seen.endswith(end)), None):
                os.write(terminal, reply)
                seen = b""
