"""A probe of both paths, end to end, that leaves nothing in the store and never leaves the machine.

One recipient below the return domain must be refused by the milter; the reply says that it is
ours, and the mode. Another must be taken, and its message must reach the return path, which
writes down the number in it. Both addresses are known to the daemons only for clients of this
machine. A message that does not arrive in time is taken out of the queue again.
"""

import re
import secrets
import smtplib
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from bouncegate.config.probe import ASKED, FIELD, STAMP, TAKEN
from bouncegate.config.settings import Settings
from bouncegate.postfix.asking import PostfixError, ask
from bouncegate.postfix.running import SMTPD, Running, Service

_SECONDS: Final = 20.0
_PAUSE: Final = 0.1
# postscreen(8) lets a client of mynetworks in at once; one that it tests waits 6 s (greet_wait).
_PATIENCE: Final = 10.0
_MODE: Final = re.compile(r"Probe: the milter is asked, mode (\w+) \[bouncegate\]")
_QUEUED: Final = re.compile(r"queued as (\w+)")
_LISTENERS: Final = (SMTPD, "postscreen")
_PORTS: Final = {"smtp": 25, "submission": 587, "submissions": 465, "smtps": 465}


class Seen(NamedTuple):
    """What a probe has shown."""

    path: str
    """`milter` or `return-path`."""
    good: bool | None
    """None: it could not be tried."""
    text: str


def probe(settings: Settings, running: Running, folder: Path | None, mode: str) -> Iterator[Seen]:
    """Ask a Postfix that runs; `mode` is the one that the milter is to have."""
    domain = str(settings.return_path.domain)
    if not domain:
        yield Seen("milter", None, "not tried: the probe needs [return_path] domain")
        return
    failed = "no smtpd listens on this machine"
    for service in running.services:
        if service.command not in _LISTENERS or service.type != "inet":
            continue
        try:
            with _client(running, service) as client:
                yield _asked(client, domain, mode)
                yield _taken(client, domain, settings.store.path / STAMP, folder)
                return
        except (OSError, smtplib.SMTPException) as error:
            failed = f"{service.key}: {error}"
    yield Seen("milter", None, f"not tried: {failed}")


def _client(running: Running, service: Service) -> smtplib.SMTP:
    host, _, name = service.name.rpartition(":")
    listed = running.values.get("inet_interfaces", "all").replace(",", " ").split()
    first = listed[0] if listed and listed[0] not in ("all", "loopback-only") else "127.0.0.1"
    port = int(name) if name.isdigit() else _PORTS.get(name, 25)
    client = smtplib.SMTP(host.strip("[]") or first, port, "localhost", timeout=_PATIENCE)
    client.ehlo()
    return client


def _asked(client: smtplib.SMTP, domain: str, mode: str) -> Seen:
    client.docmd("MAIL FROM:<>")
    code, text = _said(client, f"RCPT TO:<{ASKED}@{domain}>")
    found = _MODE.search(text)
    if found is None:
        return Seen("milter", False, f"a probe was answered {code} {text}, not by the milter")
    if found[1] != mode:
        text = f"the milter is asked, but still in mode {found[1]}: let it read its config (SIGHUP)"
        return Seen("milter", False, text)
    return Seen("milter", True, f"the milter is asked, mode {mode}")


def _taken(client: smtplib.SMTP, domain: str, stamp: Path, folder: Path | None) -> Seen:
    number = secrets.token_hex(16)
    code, text = _said(client, f"RCPT TO:<{TAKEN}@{domain}>")
    if code != 250:
        return Seen("return-path", False, f"mail to {domain} is refused: {code} {text}")
    code, reply = client.data(f"{FIELD}: {number}\r\nSubject: probe\r\n\r\nA probe.\r\n")
    queued = _QUEUED.search(reply.decode("utf-8", "replace"))
    if code != 250 or queued is None:
        return Seen("return-path", False, f"a probe is refused: {code} {reply.decode()}")
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        with suppress(OSError):
            if stamp.read_text() == number:
                stamp.unlink()
                return Seen("return-path", True, f"mail to {domain} reaches the return path")
        time.sleep(_PAUSE)
    with suppress(PostfixError):
        ask(folder, "postsuper", "-d", queued[1])
    text = f"mail to {domain} does not reach the return path within {_SECONDS:.0f} s"
    return Seen("return-path", False, text)


def _said(client: smtplib.SMTP, command: str) -> tuple[int, str]:
    code, text = client.docmd(command)
    return code, text.decode("utf-8", "replace")
