"""`./run demo`: bounces on a real Postfix become refusals at RCPT TO; each step checks itself.

Everything is in one temporary folder. Without `--keep` the demo removes it, also when it fails.
With `--cluster` three machines share one index instead (`democluster`).
With `--web` it serves the page over what has happened until Ctrl-C, and removes it then.
"""

import argparse
import signal
import smtplib
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from lab import democluster, guard
from lab.demopage import open_page, with_page
from lab.mailing import DELIVERED, HARD, RECIPIENTS, REFUSALS, SOFT, Recipient
from lab.narration import DemoError, Narrator
from lab.privilege import as_root
from lab.smtp import Client, Exchange, message
from lab.system import RETURN_DOMAIN, MailSystem

_FAILURES: Final = (
    DemoError,
    RuntimeError,
    OSError,
    subprocess.SubprocessError,
    smtplib.SMTPException,
)
_SOFT_LIMIT: Final = 3
SENDER: Final = "newsletter@sender.test"
# As in the README: envelope senders are signed, and a bounce counts only with proof.
SECTIONS: Final = {"return_path": {"domain": RETURN_DOMAIN, "count": ["signed", "matched"]}}


class Demo:
    """The steps of the demo, in order, on one mail system."""

    def __init__(self, system: MailSystem, tell: Narrator) -> None:
        self._system = system
        self._tell = tell
        self._mailings = 0

    def run(self) -> None:
        """Run all steps. Raises DemoError if a check fails."""
        self._start()
        self._first_mailing()
        self._overview()
        self._second_mailing()
        self._soft_bounces_add_up()
        self._unlock()
        self._summary()

    def _start(self) -> None:
        tell, system = self._tell, self._system
        tell.step("Start a throw-away Postfix, a remote mail server, and milter and return path")
        system.start()
        tell.table(
            ("part", "where"),
            (
                ("folder", str(system.folder.path)),
                ("Postfix, submission", f"127.0.0.1:{system.postfix.submission_port}"),
                ("remote server", system.remote.relayhost),
                ("milter", f"unix:{system.gate.milter_socket}"),
                ("return path", f"unix:{system.gate.return_path_socket}, as {RETURN_DOMAIN}"),
            ),
        )
        with Client(system.postfix.submission_port) as client:
            tell.check("Postfix answers", 250, client.noop()[0])
        tell.check("no address is locked yet", {}, system.gate.locks())

    def _first_mailing(self) -> None:
        tell = self._tell
        tell.step(f"Send a mailing to {len(RECIPIENTS)} recipients")
        replies = self._mail()
        tell.check(
            f"Postfix accepts all {len(RECIPIENTS)} recipients",
            [],
            [address for address, reply in replies.items() if reply.code != 250],
        )
        self._wait_for_bounces()
        tell.say("The remote server's refusals came back as DSNs, through Postfix and LMTP:")
        tell.verbatim("\n".join(self._deliveries()))
        tell.check(
            f"{len(DELIVERED)} recipients got the message",
            sorted(DELIVERED),
            sorted(self._system.remote.accepted()),
        )
        signed = {str(message["sender"]) for message in self._system.remote.messages()}
        tell.check(
            f"they got it with a signed return path: {', '.join(signed)}",
            {RETURN_DOMAIN},
            {sender.rpartition("@")[2] for sender in signed},
        )

    def _overview(self) -> None:
        tell, gate = self._tell, self._system.gate
        tell.step("The locks: `bouncegate list`")
        listed = gate.run("list")
        tell.check("the command succeeds", 0, listed.returncode)
        tell.verbatim(listed.stdout.decode())
        self._check_locked(HARD)
        for recipient in SOFT:
            shown = gate.show(recipient.address)
            tell.check(
                f"{recipient.address}: {recipient.kind} bounce 1 of {_SOFT_LIMIT}, not locked",
                (1, False),
                (shown["soft"], shown["locked"]),
            )

    def _check_locked(self, recipients: list[Recipient]) -> None:
        locks = self._system.gate.locks()
        self._tell.check(
            f"exactly {len(recipients)} addresses are locked, with the right kind and category",
            {recipient.address: (recipient.kind, recipient.category) for recipient in recipients},
            {address: (lock["kind"], lock["category"]) for address, lock in locks.items()},
        )

    def _second_mailing(self) -> None:
        tell, remote = self._tell, self._system.remote
        tell.step("Send the mailing again: locked recipients are refused in the SMTP dialogue")
        already = len(remote.accepted())
        replies = self._mail(show=True)
        self._check_refused(replies, HARD)
        self._wait_for_bounces()
        tell.check(
            f"the other {len(DELIVERED)} got it; the refused recipients were not tried",
            sorted(DELIVERED),
            sorted(remote.accepted()[already:]),
        )

    def _soft_bounces_add_up(self) -> None:
        tell, gate = self._tell, self._system.gate
        tell.step(f"Soft bounces lock at the {_SOFT_LIMIT}rd in a row")
        for recipient in SOFT:
            tell.check(
                f"{recipient.address}: 2 of {_SOFT_LIMIT}", 2, gate.show(recipient.address)["soft"]
            )
        self._check_refused(self._mail(), HARD)
        self._wait_for_bounces()
        self._check_locked([*HARD, *SOFT])
        self._check_refused(self._mail(), [*HARD, *SOFT])
        self._wait_for_bounces()

    def _unlock(self) -> None:
        tell, system = self._tell, self._system
        recipient = SOFT[0]
        tell.step(f"A mailbox has space again: `bouncegate unlock {recipient.address}`")
        system.remote.refuse(
            {to: reply for to, reply in REFUSALS.items() if to != recipient.address}
        )
        done = system.gate.run("unlock", "--yes", recipient.address)
        tell.check("the command succeeds", 0, done.returncode)
        self._check_refused(self._mail(), [*HARD, *SOFT[1:]])
        self._wait_for_bounces()
        tell.check(
            f"{recipient.address} got the message",
            True,
            recipient.address in system.remote.accepted(),
        )

    def _summary(self) -> None:
        tell, system = self._tell, self._system
        log = system.postfix.maillog()
        tell.step("Summary")
        tell.table(
            ("what", "count"),
            (
                ("mailings sent", str(self._mailings)),
                ("messages delivered to recipients", str(len(system.remote.accepted()))),
                ("DSNs received", str(len(self._deliveries()))),
                ("recipients refused in the SMTP dialogue", str(log.count("milter-reject: RCPT"))),
                ("addresses locked now", str(len(system.gate.locks()))),
            ),
        )
        tell.check("the queue is empty", [], system.postfix.queued())

    def _mail(self, *, show: bool = False) -> dict[str, Exchange]:
        self._mailings += 1
        port = self._system.postfix.submission_port
        with Client(port) as client:
            news = message(f"News, number {self._mailings}")
            replies = client.deliver(news, SENDER, [recipient.address for recipient in RECIPIENTS])
            if show:
                self._tell.dialogue(port, client.dialogue)
        return replies

    def _check_refused(self, replies: dict[str, Exchange], recipients: list[Recipient]) -> None:
        refused = {to: reply for to, reply in replies.items() if reply.code != 250}
        self._tell.check(
            f"{len(recipients)} recipients refused with 550, the other "
            f"{len(RECIPIENTS) - len(recipients)} accepted",
            {recipient.address: 550 for recipient in recipients},
            {to: reply.code for to, reply in refused.items()},
        )

    def _wait_for_bounces(self) -> None:
        # The queue is empty only when the handler has taken every DSN.
        self._system.postfix.wait_until_empty()

    def _deliveries(self) -> list[str]:
        lines = self._system.postfix.maillog().splitlines()
        taken = f"@{RETURN_DOMAIN}>, relay="
        return [line for line in lines if taken in line and "status=sent" in line]


def main() -> int:
    """Return the exit status: 0 only if every check passed."""
    arguments = _arguments()
    if arguments.stop:
        return _stop(arguments.stop)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    tell = Narrator()
    began = time.monotonic()
    try:
        if arguments.cluster:
            democluster.run(tell)
            tell.say(f"Done in {time.monotonic() - began:.0f} s.")
            return 0
        with MailSystem(REFUSALS, SECTIONS) as system:
            port = system.folder.reserve_port() if arguments.web else 0
            if port:
                system.gate.configure(with_page(SECTIONS, port))
            _show(system, tell)
            if port:
                _show_page(system, tell, port)
            if arguments.keep:
                system.folder.keep()
                _say_how_to_talk(system, tell)
                return 0
        tell.check("no process and no folder is left", False, system.folder.path.exists())
    except _FAILURES as error:
        print(f"\nThe demo failed. {error}", file=sys.stderr)
        return 1
    tell.say(f"Done in {time.monotonic() - began:.0f} s.")
    return 0


def _show(system: MailSystem, tell: Narrator) -> None:
    try:
        Demo(system, tell).run()
    except _FAILURES:
        for process in system.gate.processes():
            print(f"\n--- {process.log.name}\n{process.tail()}", file=sys.stderr)
        print(f"\n--- maillog\n{system.postfix.maillog()[-3000:]}", file=sys.stderr)
        raise


def _show_page(system: MailSystem, tell: Narrator, port: int) -> None:
    page = open_page(system, port)
    postfix = system.postfix
    tell.step("The page over all of this")
    for what, text in (
        ("address", page.url),
        ("user", page.user),
        ("password", page.password),
        ("send more", f"connect to 127.0.0.1:{postfix.submission_port}, MAIL FROM:<{SENDER}>"),
        ("stop it", "Ctrl-C; everything is removed then"),
    ):
        tell.say(f"{what:<22}{text}")
    sys.stdout.flush()
    page.wait()
    tell.say("Stopping.")


def _say_how_to_talk(system: MailSystem, tell: Narrator) -> None:
    folder, postfix = system.folder.path, system.postfix
    tell.step("The demo keeps running")
    for to, do in (
        ("send", f"connect to 127.0.0.1:{postfix.submission_port}, MAIL FROM:<{SENDER}>"),
        ("send locally", f"sendmail -C {postfix.config} -f {SENDER} ADDRESS"),
        ("list the locks", f"./run bouncegate --config {system.gate.config} list"),
        ("show one address", f"./run bouncegate --config {system.gate.config} show ADDRESS"),
        ("read the logs", f"tail -f {postfix.log} {folder}/*.log"),
        ("show the queue", f"postqueue -c {postfix.config} -p"),
        ("change who is refused", f"edit {folder}/remote/refusals.json"),
        ("stop it", f"./run demo --stop {folder}"),
    ):
        tell.say(f"{to:<22}{do}")


def _stop(folder: Path) -> int:
    if not (folder / "pids").is_dir() or not folder.name.startswith("bouncegate-"):
        print(f"{folder}: not the folder of a running demo", file=sys.stderr)
        return 1
    command = as_root([sys.executable, "-I", guard.__file__, folder])
    return subprocess.run(command, stdin=subprocess.DEVNULL, check=False, timeout=60).returncode


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run demo", description=__doc__)
    kept = parser.add_mutually_exclusive_group()
    kept.add_argument("--keep", action="store_true", help="keep everything running")
    kept.add_argument("--web", action="store_true", help="serve the page over it until Ctrl-C")
    kept.add_argument("--cluster", action="store_true", help="three machines that share one index")
    parser.add_argument(
        "--stop", type=Path, metavar="FOLDER", help="stop a demo started with --keep"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
