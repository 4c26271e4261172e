"""A private Postfix: its own configuration, queue, data, log and ports, all in a lab's folder."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from pathlib import Path
from typing import Final

from lab import mastercf
from lab.folder import LabFolder
from lab.privilege import as_root, make_folder
from lab.processes import children
from lab.smtp import Client, Exchange, message
from lab.waiting import PATIENCE, wait_for

HOSTNAME: Final = "mail.sender.test"

AGED: Final = "10 seconds ago"
"""How old a main.cf that was just written is made to look, as touch(1) understands it."""

# What smtpd and lmtp need inside Debian's chroot, where paths start at the queue folder.
_CHROOT_FILES: Final = ("hosts", "services", "resolv.conf", "nsswitch.conf", "host.conf")


def is_installed() -> bool:
    """Whether this machine has Postfix's programs."""
    return shutil.which("postfix", path="/usr/sbin:/usr/local/sbin:/usr/bin") is not None


class Postfix:
    """One instance. Every recipient that no setting routes elsewhere goes to `relayhost`."""

    def __init__(
        self,
        folder: LabFolder,
        relayhost: str,
        *,
        chroot: bool = False,
        extra: Sequence[mastercf.Service] = (),
    ) -> None:
        """Lay out the instance's folders and its configuration; `start` runs it.

        `chroot` puts into a chroot what Debian puts there; `extra` adds services.
        """
        self.base = folder.path / "postfix"
        self.config = self.base / "etc"
        self.queue = self.base / "queue"
        self.log = self.base / "maillog"
        self.port = folder.reserve_port()
        """The port of the smtpd for mail from anywhere."""
        self.submission_port = folder.reserve_port()
        """The port of the smtpd whose milter_macro_daemon_name is ORIGINATING."""
        self._lay_out(chroot=chroot)
        self._write_main(relayhost)
        services = (
            mastercf.smtpd(self.port),
            mastercf.smtpd(
                self.submission_port,
                "syslog_name=postfix/submission",
                "milter_macro_daemon_name=ORIGINATING",
            ),
            *mastercf.INTERNAL,
            *extra,
        )
        (self.config / "master.cf").write_text(mastercf.render(services, chroot=chroot))

    def start(self) -> None:
        """Start it; on return the ports are open."""
        self.command("postfix", "-c", self.config, "start")

    def stop(self) -> None:
        """Stop it; the master process is gone on return."""
        self.command("postfix", "-c", self.config, "stop")

    def reload(self) -> None:
        """Make a change of the configuration take effect; on return no idle process has the old.

        The command only signals master(8), which tells its processes: until then one of them
        may still take a connection.
        """
        before = self._processes()
        self.command("postfix", "-c", self.config, "reload")
        wait_for(
            "the end of the processes from before a reload",
            lambda: not before & self._processes(),
            log=lambda: f"{before & self._processes()}\n{self.maillog()[-3000:]}",
        )

    def set(self, **parameters: str) -> None:
        """Change main.cf parameters; `reload` makes them take effect."""
        words = [f"{name}={value}" for name, value in parameters.items()]
        self.command("postconf", "-c", self.config, "-e", *words)
        self._age()

    def reset(self, *parameters: str) -> None:
        """Take parameters out of main.cf, so that their defaults hold again."""
        self.command("postconf", "-c", self.config, "-X", *parameters)
        self._age()

    def table(self, name: str, entries: Mapping[str, str]) -> str:
        """Write a lookup table; the word by which main.cf names it."""
        path = self.config / name
        path.write_text("".join(f"{key} {value}\n" for key, value in entries.items()))
        return f"texthash:{path}"

    def submit(self, sender: str, recipients: Sequence[str]) -> dict[str, Exchange]:
        """Submit one message by SMTP; the reply to each recipient."""
        with Client(self.submission_port) as client:
            return client.deliver(message("News"), sender, recipients)

    def sendmail(self, mail: EmailMessage, sender: str, recipients: Sequence[str]) -> None:
        """Submit a message as local programs do, through sendmail(1) and the maildrop queue."""
        self.command(
            "sendmail", "-C", self.config, "-f", sender, "--", *recipients, stdin=bytes(mail)
        )

    def flush(self) -> None:
        """Try every deferred message now."""
        self.command("postqueue", "-c", self.config, "-f")

    def queued(self) -> list[dict[str, object]]:
        """What stands in the queue, one entry a message, as `postqueue -j` tells it."""
        lines = self.command("postqueue", "-c", self.config, "-j").splitlines()
        return [json.loads(line) for line in lines]

    def wait_until_empty(self, seconds: float = PATIENCE) -> None:
        """Wait until no message is left in the queue."""
        try:
            wait_for("an empty queue", lambda: not self.queued(), seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.queued()}\n{self.maillog()[-3000:]}") from None

    def maillog(self) -> str:
        """Everything that Postfix has logged."""
        return self.log.read_text(errors="replace")

    def wait_for_log(self, pattern: str, seconds: float = PATIENCE) -> re.Match[str]:
        """Wait until a line of the log matches a regular expression."""
        found = re.compile(pattern, re.MULTILINE)
        return wait_for(
            f"the log line {pattern!r}",
            lambda: found.search(self.maillog()),
            seconds,
            lambda: self.maillog()[-3000:],
        )

    def command(self, *argv: str | Path, stdin: bytes = b"", seconds: float = 30.0) -> str:
        """Run one of Postfix's commands as root; its output. Raises RuntimeError if it fails."""
        # A file takes the output and not a pipe: the master keeps what it inherits open.
        output = self.base / "command.out"
        with output.open("wb") as out:
            status = subprocess.run(
                as_root(argv),
                input=stdin,
                stdout=out,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                check=False,
                cwd=self.base,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
            ).returncode
        text = output.read_text(errors="replace")
        if status:
            words = " ".join(str(word) for word in argv)
            log = self.maillog()[-2000:]
            raise RuntimeError(f"{words} ended with {status}:\n{text}\n{log}")
        return text

    def _processes(self) -> frozenset[int]:
        """The processes that master(8) has started."""
        master = int(self.command("cat", self.queue / "pid/master.pid"))
        return children(master)

    def _age(self) -> None:
        # Whoever reads a main.cf that is younger than two seconds waits, in case it is still
        # being written: 2 s for each of Postfix's programs (dict_load_file_xt, Postfix 3.7).
        self.command("touch", "-d", AGED, self.config / "main.cf")

    def _lay_out(self, *, chroot: bool) -> None:
        self.base.mkdir()
        self.config.mkdir()
        make_folder(self.queue, "root", "root")
        make_folder(self.base / "data", "postfix", "postfix", "0700")
        self.log.touch(0o644)
        if chroot:
            make_folder(self.queue / "etc", "root", "root")
            present = [f"/etc/{name}" for name in _CHROOT_FILES if Path("/etc", name).exists()]
            subprocess.run(as_root(["cp", *present, self.queue / "etc"]), check=True, timeout=20)

    def _write_main(self, relayhost: str) -> None:
        parameters = {
            "compatibility_level": "3.6",
            "queue_directory": self.queue,
            "data_directory": self.base / "data",
            "mail_owner": "postfix",
            "setgid_group": "postdrop",
            "maillog_file": self.log,
            "maillog_file_prefixes": self.base,
            "myhostname": HOSTNAME,
            "mydestination": HOSTNAME,
            "mynetworks": "127.0.0.0/8",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "relayhost": relayhost,
            "alias_maps": "",
            "alias_database": "",
            "local_recipient_maps": "",
            "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
            # Lets a test appear as a client from elsewhere, or as one that is logged in.
            "smtpd_authorized_xclient_hosts": "127.0.0.1",
            "smtputf8_enable": "yes",
            "notify_classes": "",
            # Quick retries: a test must not wait for Postfix's usual minutes.
            "queue_run_delay": "1s",
            "minimal_backoff_time": "1s",
            "maximal_backoff_time": "2s",
            "transport_retry_time": "1s",
        }
        text = "".join(f"{name} = {value}\n" for name, value in parameters.items())
        (self.config / "main.cf").write_text(text)
        self._age()
