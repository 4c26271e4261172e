"""Forged DSNs: what a stranger, a co-recipient or a user of this machine can send to Postfix."""

import smtplib
import subprocess
from collections.abc import Mapping
from typing import Final

from lab.bouncegate import Bouncegate
from lab.postfix import Postfix
from lab.smtp import Client

BOUNDARY: Final = "forged"


def forged(
    victim: str, about: Mapping[str, str], *, message_id: str = "", action: str = "failed"
) -> bytes:
    """A DSN that names `victim`, with further fields about the message that bounced."""
    status = "5.1.1" if action == "failed" else "2.0.0"
    lines = [
        "From: MAILER-DAEMON@mx.example.net",
        "Subject: Undelivered Mail Returned to Sender",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=delivery-status; boundary="{BOUNDARY}"',
        "",
        f"--{BOUNDARY}",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.example.net",
        *(f"{name}: {value}" for name, value in about.items()),
        "",
        f"Final-Recipient: rfc822; {victim}",
        f"Action: {action}",
        f"Status: {status}",
        "Diagnostic-Code: smtp; 550 5.1.1 user unknown",
        "",
        f"--{BOUNDARY}",
        "Content-Type: text/rfc822-headers",
        "",
        *([f"Message-ID: {message_id}"] if message_id else []),
        "From: newsletter@sender.test",
        "",
        f"--{BOUNDARY}--",
        "",
    ]
    return "\r\n".join(lines).encode()


def by_smtp(postfix: Postfix, raws: list[bytes], *recipients: str) -> int:
    """Send messages in one session, each to all recipients; tells how many were taken."""
    taken = 0
    with Client(postfix.port) as client:
        for raw in raws:
            client.say("MAIL FROM:<>")
            replies = [client.say(f"RCPT TO:<{to}>") for to in recipients]
            if any(reply.code == 250 for reply in replies):
                taken += client.data(raw)[0] == 250
            else:
                client.say("RSET")
    return taken


def by_lmtp(gate: Bouncegate, raw: bytes, recipient: str) -> str:
    """Hand a message to the return path, as Postfix does; its last word."""
    with smtplib.LMTP(str(gate.return_path_socket)) as client:
        client.ehlo_or_helo_if_needed()
        client.mail("")
        code, text = client.rcpt(recipient)
        if code == 250:
            code, text = client.data(raw)
        return f"{code} {text.decode()}"


def by_sendmail(postfix: Postfix, raw: bytes, *recipients: str) -> None:
    """Submit a message as a user of this machine does, with the null sender."""
    subprocess.run(
        ["sendmail", "-C", str(postfix.config), "-i", "-f", "", *recipients],
        input=raw.replace(b"\r\n", b"\n"),
        check=True,
        capture_output=True,
        timeout=60,
    )
