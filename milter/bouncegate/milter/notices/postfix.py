"""Handing a notice to the Postfix of this machine, by SMTP with the null sender."""

import smtplib
from typing import Final, NamedTuple

from bouncegate.config.values import InetSocket

_PATIENCE: Final = 30.0
_OK: Final = 250


class Answer(NamedTuple):
    """What became of a notice, and what Postfix said."""

    code: int
    text: str

    @property
    def taken(self) -> bool:
        """Whether Postfix has it."""
        return self.code == _OK

    @property
    def final(self) -> bool:
        """Whether it is of no use to try again: Postfix has it, or never will."""
        return self.taken or self.code >= 500


def hand_over(server: InetSocket, recipient: str, message: bytes) -> Answer:
    """Hand over one message; raises OSError where nobody answers as an SMTP server does."""
    with smtplib.SMTP(
        server.host, server.port, local_hostname="localhost", timeout=_PATIENCE
    ) as on:
        on.command_encoding = "utf-8"  # RFC 6531, 3.3
        on.ehlo_or_helo_if_needed()
        for command in (
            f"MAIL FROM:<>{_options(on, recipient, message)}",
            f"RCPT TO:<{recipient}>",
        ):
            code, text = on.docmd(command)
            if code != _OK:
                return Answer(code, text.decode("utf-8", "replace"))
        try:
            code, text = on.data(message)
        except smtplib.SMTPDataError as error:
            return Answer(error.smtp_code, str(error.smtp_error))
        return Answer(code, text.decode("utf-8", "replace"))


def _options(on: smtplib.SMTP, recipient: str, message: bytes) -> str:
    international = not recipient.isascii() or b"message/global-" in message
    wanted = (
        ("smtputf8", "SMTPUTF8", international),
        ("8bitmime", "BODY=8BITMIME", not message.isascii()),
    )
    return "".join(f" {word}" for name, word, needed in wanted if needed and on.has_extn(name))
