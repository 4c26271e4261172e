"""A report as mail servers write it, for tests that hand one over."""


def dsn(recipient: str) -> bytes:
    """That an unknown user was refused."""
    lines = (
        "From: MAILER-DAEMON@mx.r.example",
        "Subject: Undelivered Mail Returned to Sender",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
        "",
        "--b",
        "",
        "Your message could not be delivered.",
        "",
        "--b",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.r.example",
        "",
        f"Final-Recipient: rfc822; {recipient}",
        "Action: failed",
        "Status: 5.1.1",
        "Diagnostic-Code: smtp; 550 5.1.1 User unknown",
        "",
        "--b--",
        "",
    )
    return "\n".join(lines).encode()
