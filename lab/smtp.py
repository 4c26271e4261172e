"""An SMTP client that keeps the dialogue, so that people and tests see what was really said."""

import smtplib
from collections.abc import Sequence
from email.message import EmailMessage
from typing import Final, NamedTuple

_TIMEOUT: Final = 30.0


class Exchange(NamedTuple):
    """One command and the reply to it; for a message's content the command is empty."""

    command: str
    code: int
    text: str


class Client(smtplib.SMTP):
    """One SMTP session with a server on the loopback address."""

    def __init__(self, port: int, helo: str = "newsletter.sender.test") -> None:
        """Connect and say EHLO."""
        self.dialogue: list[Exchange] = []
        super().__init__("127.0.0.1", port, local_hostname=helo, timeout=_TIMEOUT)
        self.command_encoding = "utf-8"  # RFC 6531: addresses beyond ASCII in commands
        self.ehlo()

    def say(self, command: str) -> Exchange:
        """Send one command line and read the reply."""
        code, text = self.docmd(command)
        exchange = Exchange(command, code, text.decode("utf-8", "replace"))
        self.dialogue.append(exchange)
        return exchange

    def deliver(
        self, message: EmailMessage, sender: str, recipients: Sequence[str]
    ) -> dict[str, Exchange]:
        """Send one message as far as the server lets it; the reply to each recipient."""
        self.say(f"MAIL FROM:<{sender}>")
        replies = {to: self.say(f"RCPT TO:<{to}>") for to in recipients}
        if not any(reply.code == 250 for reply in replies.values()):
            self.say("RSET")
            return replies
        code, text = self.data(message.as_bytes())
        self.dialogue.append(Exchange("", code, text.decode("utf-8", "replace")))
        return replies


def message(subject: str, body: str = "Read on.\n", message_id: str = "") -> EmailMessage:
    """A short message of the newsletter."""
    mail = EmailMessage()
    mail["From"] = "Newsletter <newsletter@sender.test>"
    mail["To"] = "Subscribers <newsletter@sender.test>"
    mail["Subject"] = subject
    if message_id:
        mail["Message-ID"] = message_id
    mail.set_content(body)
    return mail
