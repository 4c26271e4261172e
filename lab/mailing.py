"""The demo's recipients and what the remote server says to each of them.

The replies are like those of large providers. Each recipient has its expected kind and category, so
that the demo can check the result.
"""

from typing import Final, NamedTuple


class Recipient(NamedTuple):
    """A recipient, the remote server's reply and its classification; without a reply: delivered."""

    address: str
    reply: str = ""
    kind: str = ""
    category: str = ""


_UNKNOWN = "550 5.1.1 The email account that you tried to reach does not exist"
_GONE = "554 5.1.1 mailbox not found"
_DENIED = "550 5.4.1 Recipient address rejected: Access denied"
_FULL = "552 5.2.2 Requested mail action aborted: exceeded storage allocation"
_LOOP = "554 5.4.14 Hop count exceeded - possible mail loop"

RECIPIENTS: Final = (
    Recipient("ada@orchard.example"),
    Recipient("bruno@orchard.example"),
    Recipient("clara@orchard.example", _UNKNOWN, "hard", "address"),
    Recipient("dario@orchard.example"),
    Recipient("elin@harbour.example"),
    Recipient("farid@harbour.example", _GONE, "hard", "address"),
    Recipient("greta@harbour.example"),
    Recipient("hugo@harbour.example", _FULL, "soft", "mailbox"),
    Recipient("ines@meadow.example"),
    Recipient("jonas@meadow.example"),
    Recipient("kira@meadow.example", _DENIED, "hard", "security"),
    Recipient("luis@meadow.example"),
    Recipient("mona@lantern.example"),
    Recipient("nils@lantern.example"),
    Recipient("olga@lantern.example", _LOOP, "soft", "network"),
    Recipient("pavel@lantern.example"),
    Recipient("quinn@lantern.example", _UNKNOWN, "hard", "address"),
    Recipient("rosa@quarry.example"),
    Recipient("sven@quarry.example"),
    Recipient("tara@quarry.example", _GONE, "hard", "address"),
    Recipient("uwe@quarry.example"),
    Recipient("vera@quarry.example", _FULL, "soft", "mailbox"),
    Recipient("wim@quarry.example"),
    Recipient("zoe@quarry.example"),
)

REFUSALS: Final = {
    recipient.address: recipient.reply for recipient in RECIPIENTS if recipient.reply
}
DELIVERED: Final = [recipient.address for recipient in RECIPIENTS if not recipient.reply]
HARD: Final = [recipient for recipient in RECIPIENTS if recipient.kind == "hard"]
SOFT: Final = [recipient for recipient in RECIPIENTS if recipient.kind == "soft"]
