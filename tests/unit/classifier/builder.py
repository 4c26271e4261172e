"""Messages made for tests: DSNs and other mail, in a few lines each."""

from collections.abc import Iterable

Fields = dict[str, str]

RETURNED = """\
Return-Path: <news@sender.example>
Message-ID: <newsletter-1@sender.example>
From: News <news@sender.example>
To: innocent@bystander.example
Subject: Winter news
List-Id: <winter.sender.example>

The mailbox trap@bystander.example is full: 550 5.1.1 user unknown
"""


def mail(header: Fields, body: str = "") -> bytes:
    """A message of a header and a body."""
    lines = "".join(f"{name}: {value}\n" for name, value in header.items())
    return f"{lines}\n{body}".encode()


def dsn(
    recipients: Iterable[Fields],
    *,
    message: Fields | None = None,
    notice: str = "Your message could not be delivered.\n",
    header: Fields | None = None,
    returned: str = RETURNED,
    status_type: str = "message/delivery-status",
) -> bytes:
    """A report as RFC 3464 and RFC 6522 have it."""
    groups = [message or {"Reporting-MTA": "dns; mx.sender.example"}, *recipients]
    status = "\n".join("".join(f"{k}: {v}\n" for k, v in group.items()) for group in groups)
    body = (
        f"--b\nContent-Type: text/plain; charset=utf-8\n\n{notice}"
        f"\n--b\nContent-Type: {status_type}\n\n{status}"
        f"\n--b\nContent-Type: message/rfc822\n\n{returned}\n--b--\n"
    )
    own: Fields = {
        "Return-Path": "<>",
        "From": "MAILER-DAEMON@mx.sender.example",
        "Subject": "Undelivered Mail Returned to Sender",
        "MIME-Version": "1.0",
        "Content-Type": 'multipart/report; report-type=delivery-status; boundary="b"',
    }
    return mail(own | (header or {}), body)


def failed(address: str, **fields: str) -> Fields:
    """The fields of a recipient that failed; further ones with `_` for the hyphen."""
    told = {"Final-Recipient": f"rfc822; {address}", "Action": "failed", "Status": "5.1.1"}
    return told | {name.replace("_", "-"): value for name, value in fields.items()}
