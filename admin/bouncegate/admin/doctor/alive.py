"""Whether received mail may count as a sign of life, tested with a message.

The message has forged Authentication-Results, in every spelling that would be believed, of each
host that the settings trust (RFC 8601, 5). The return path reports which of them arrived. Mail is
a sign of life only if none did.
"""

import secrets
import smtplib
import time
from collections.abc import Iterator
from contextlib import suppress
from email.utils import formatdate
from typing import Final, NamedTuple

from bouncegate.admin.doctor.findings import Finding, Severity
from bouncegate.config.probe import BELIEVED, FIELD, STAMP, TAKEN
from bouncegate.config.settings import Settings
from bouncegate.store.alive import is_proven, mailbox_of, record, withdraw
from bouncegate.store.errors import StoreError

_CHECK: Final = "alive"
_SECONDS: Final = 20.0
_PAUSE: Final = 0.1
# postscreen(8) lets a client of mynetworks in at once; one that it tests waits 6 s (greet_wait).
_TIMEOUT: Final = 10.0
_HOW: Final = (
    "remove such fields in your filter, or in Postfix: header_checks = "
    "regexp:{{/^Authentication-Results:.*%s/ IGNORE}}; see docs/deliveries.md"
)


class ProbeResult(NamedTuple):
    """The result of the probe."""

    is_good: bool | None
    """None: not tried."""
    text: str


def check_alive(settings: Settings, now: int) -> Iterator[Finding]:
    """Test it, if the settings use signs of life by mail."""
    if not settings.alive.authserv_ids:
        return
    shown = probe(settings, now)
    if shown.is_good:
        yield Finding(_CHECK, Severity.OK, shown.text)
    elif shown.is_good is None and is_proven(settings, now):
        yield Finding(_CHECK, Severity.NOTE, f"{shown.text}; an earlier proof is valid")
    else:
        how = _HOW % settings.alive.authserv_ids[0]
        yield Finding(_CHECK, Severity.WARNING, f"{shown.text}: no mail is a sign of life", how)
    if domain := settings.return_path.domains.main:
        with suppress(StoreError):
            address = f"{mailbox_of(settings)}@{domain}"
            text = f"copies of mail are accepted at {address}"
            yield Finding(_CHECK, Severity.NOTE, text, "use this address in recipient_bcc_maps")


def probe(settings: Settings, now: int) -> ProbeResult:
    """Send the message, and record the result."""
    to = settings.alive.probe_to or f"{TAKEN}@{settings.return_path.domains.main}"
    if to.endswith("@"):
        return ProbeResult(None, "not tried: [alive] probe_to has no address")
    number = secrets.token_hex(16)
    try:
        _send(settings, to, forgery(settings.alive.authserv_ids, number, to))
    except (OSError, smtplib.SMTPException) as error:
        return ProbeResult(None, f"not tried: a message to {to} is refused: {error}")
    arrived = _arrived(settings, number)
    try:
        if arrived is None:
            return ProbeResult(None, f"a message to {to} does not arrive within {_SECONDS:.0f} s")
        if arrived:
            withdraw(settings)
            return ProbeResult(False, "forged Authentication-Results arrive")
        record(settings, now)
    except StoreError as error:
        return ProbeResult(None, f"not recorded: {error}")
    return ProbeResult(True, "forged Authentication-Results are removed")


def forgery(hosts: tuple[str, ...], number: str, to: str) -> bytes:
    """A message with results of these hosts, in every spelling that would be believed.

    The number is in no field that a filter copies into its own.
    """
    said = f"dmarc=pass header.from={number}.invalid"
    fields = [
        field
        for host in hosts
        for field in (
            f"Authentication-Results: {host}; {said}",
            f"authentication-results: {host.upper()}; {said}",
            f"Authentication-Results: {host} 1; {said}",
            f"Authentication-Results: {host} (us); {said}",
            f"Authentication-Results: {host}(us)1; {said}",
            f"AUTHENTICATION-RESULTS:\r\n\t{host};\r\n\t{said}",
            f"Authentication-Results:{host};{said}",
        )
    ]
    made_up = f"Received: from probe.invalid by {hosts[0]}; {formatdate()}"
    head = [
        *fields,
        made_up,
        *fields,
        f"{FIELD}: {number}",
        "From: <bouncegate@probe.invalid>",
        f"To: <{to}>",
        f"Date: {formatdate()}",
        f"Message-ID: <{secrets.token_hex(8)}@probe.invalid>",
        "Auto-Submitted: auto-generated",
        "Subject: Bouncegate probe",
    ]
    body = "A probe by bouncegate doctor. You can delete it."
    return "\r\n".join((*head, "", body, "")).encode()


def _send(settings: Settings, to: str, content: bytes) -> None:
    server = settings.local.server
    with smtplib.SMTP(server.host, server.port, "localhost", timeout=_TIMEOUT) as client:
        client.sendmail("", [to], content)


def _arrived(settings: Settings, number: str) -> bool | None:
    """Whether a forged result arrived that would be believed; None: the message did not arrive."""
    path = settings.store.path / STAMP
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        with suppress(OSError, UnicodeDecodeError):
            words = path.read_text("ascii").split()
            if words[:1] == [number]:
                path.unlink()
                return BELIEVED in words
        time.sleep(_PAUSE)
    return None
