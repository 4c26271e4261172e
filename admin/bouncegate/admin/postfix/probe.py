"""A probe of both paths, end to end: it changes nothing in the store, and stays on the machine.

The milter must refuse one recipient below a return domain; its reply shows that it is ours, and the
mode. Another recipient, below each return domain, must be accepted, and its message must reach the
return path, which records the number in it. If senders are signed, a second message has a sender:
the sender that the return path receives shows whether the signed one leaves. The probe ends at the
first return domain that fails, since each takes long. The daemons know these addresses only for
clients of this machine. A message that does not arrive in time is deleted from the queue.
"""

import re
import secrets
import smtplib
import time
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple

from bouncegate.admin.postfix.command import PostfixError, ask
from bouncegate.admin.postfix.facts import SMTPD, Facts, Service
from bouncegate.config.probe import ASKED, FIELD, SENDER, SIGNED, STAMP, TAKEN
from bouncegate.config.settings import Settings

_SECONDS: Final = 20.0
_PAUSE: Final = 0.1
# postscreen(8) passes clients of mynetworks at once; one that it tests waits 6 s (greet_wait).
_TIMEOUT: Final = 10.0
_MODE: Final = re.compile(r"Probe: the milter is asked, mode (\w+) \[bouncegate\]")
_SIGNED: Final = re.compile(rf"b-[a-z2-7]{{{len(SIGNED) - 2}}}@.*")
_OK: Final = 250
_QUEUED: Final = re.compile(r"queued as (\w+)")
_LISTENERS: Final = (SMTPD, "postscreen")
_PORTS: Final = {"smtp": 25, "submission": 587, "submissions": 465, "smtps": 465}


class ProbeResult(NamedTuple):
    """The result of one step."""

    path: str
    """`milter`, `return-path` or `sender`."""
    good: bool | None
    """None: not tried."""
    text: str


def probe(
    settings: Settings, facts: Facts, folder: Path | None, mode: str
) -> Iterator[ProbeResult]:
    """Probe a running Postfix; `mode` is what the milter should have."""
    domains = settings.return_path.domains
    if not domains:
        yield ProbeResult("milter", None, "not tried: [return_path] domain is not set")
        return
    failed = "no smtpd listens on this machine"
    for service in facts.services:
        if service.command not in _LISTENERS or service.type != "inet":
            continue
        try:
            with _client(facts, service) as client:
                yield _asked(client, domains.main, mode)
                yield from _returned(client, settings, facts, folder)
                return
        except (OSError, smtplib.SMTPException) as error:
            failed = f"{service.key}: {error}"
    yield ProbeResult("milter", None, f"not tried: {failed}")


def _client(facts: Facts, service: Service) -> smtplib.SMTP:
    host, _, name = service.name.rpartition(":")
    listed = facts.values.get("inet_interfaces", "all").replace(",", " ").split()
    first = listed[0] if listed and listed[0] not in ("all", "loopback-only") else "127.0.0.1"
    port = int(name) if name.isdigit() else _PORTS.get(name, 25)
    client = smtplib.SMTP(host.strip("[]") or first, port, "localhost", timeout=_TIMEOUT)
    client.ehlo()
    return client


def _asked(client: smtplib.SMTP, domain: str, mode: str) -> ProbeResult:
    client.docmd("MAIL FROM:<>")
    code, text = _said(client, f"RCPT TO:<{ASKED}@{domain}>")
    found = _MODE.search(text)
    if found is None:
        return ProbeResult(
            "milter", False, f"a probe was answered {code} {text}, not by the milter"
        )
    if found[1] != mode:
        text = f"the milter is asked, but still in mode {found[1]}: reload it (SIGHUP)"
        return ProbeResult("milter", False, text)
    return ProbeResult("milter", True, f"the milter is asked, mode {mode}")


class _Message(NamedTuple):
    """A message of the probe: by which client, to which domain."""

    client: smtplib.SMTP
    domain: str
    stamp: Path
    folder: Path | None


def _returned(
    client: smtplib.SMTP, settings: Settings, facts: Facts, folder: Path | None
) -> Iterator[ProbeResult]:
    """Probe each return domain, until one fails."""
    for domain in settings.return_path.domains.names:
        way = _Message(client, domain, settings.store.path / STAMP, folder)
        yield (seen := _taken(way))
        if not seen.good:
            return
        if settings.signs:
            yield _signed(way, settings, facts)


def _taken(way: _Message) -> ProbeResult:
    way.client.docmd("RSET")
    way.client.docmd("MAIL FROM:<>")
    found = _sent(way)
    if isinstance(found, str):
        return ProbeResult("return-path", False, found)
    return ProbeResult("return-path", True, f"mail to {way.domain} reaches the return path")


def _signed(way: _Message, settings: Settings, facts: Facts) -> ProbeResult:
    """Send a message whose sender is to be signed, and see which sender leaves."""
    domains = settings.return_path.domains
    known = (*domains.senders_of(way.domain), facts.values.get("myhostname", "").lower())
    signed = (one for one in known if domains.for_sender(one) == way.domain)
    domain = next(signed, "")
    address = ip_address(str(way.client.sock.getsockname()[0])) if way.client.sock else None
    if domain in ("", way.domain):
        text = f"not tried: no sender domain is known that is signed below {way.domain}"
        return ProbeResult("sender", None, text)
    if not any(address in network for network in settings.outbound.networks if address):
        return ProbeResult("sender", None, f"not tried: {address} is not in [outbound] networks")
    # RFC 5321, 4.5.1: every domain has that mailbox.
    code, text = _said(way.client, f"MAIL FROM:<postmaster@{domain}>")
    if code != _OK:
        return ProbeResult(
            "sender", None, f"not tried: postmaster@{domain} is refused: {code} {text}"
        )
    found = _sent(way)
    if isinstance(found, str):
        return ProbeResult("sender", False, found)
    sender = next((word.removeprefix(SENDER) for word in found if word.startswith(SENDER)), "<>")
    if _SIGNED.fullmatch(sender) and sender.endswith(f"@{way.domain}"):
        return ProbeResult("sender", True, f"signed senders below {way.domain} leave as they are")
    text = (
        f"the sender that leaves is {sender}, which is not signed: see `bouncegate postfix status`"
    )
    return ProbeResult("sender", False, text)


def _sent(way: _Message) -> list[str] | str:
    """What the return path has recorded of a message; a text says why there is nothing."""
    number = secrets.token_hex(16)
    code, text = _said(way.client, f"RCPT TO:<{TAKEN}@{way.domain}>")
    if code != _OK:
        return f"mail to {way.domain} is refused: {code} {text}"
    code, reply = way.client.data(f"{FIELD}: {number}\r\nSubject: probe\r\n\r\nA probe.\r\n")
    queued = _QUEUED.search(reply.decode("utf-8", "replace"))
    if code != _OK or queued is None:
        return f"a probe is refused: {code} {reply.decode('utf-8', 'replace')}"
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        with suppress(OSError, UnicodeDecodeError):
            words = way.stamp.read_text("ascii").split()
            if words[:1] == [number]:
                way.stamp.unlink()
                return words[1:]
        time.sleep(_PAUSE)
    with suppress(PostfixError):
        ask(way.folder, "postsuper", "-d", queued[1])
    return f"mail to {way.domain} does not reach the return path within {_SECONDS:.0f} s"


def _said(client: smtplib.SMTP, command: str) -> tuple[int, str]:
    code, text = client.docmd(command)
    return code, text.decode("utf-8", "replace")
