"""The demo's recipients and what the remote server says to each of them.

The replies are of the kinds that large providers give; what Bouncegate is to make of each
stands beside it, so that the demo checks itself.
"""

from typing import Final, NamedTuple


class Fate(NamedTuple):
    """What happens to a recipient; without a reply the message is delivered."""

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
    Fate("ada@orchard.example"),
    Fate("bruno@orchard.example"),
    Fate("clara@orchard.example", _UNKNOWN, "hard", "address"),
    Fate("dario@orchard.example"),
    Fate("elin@harbour.example"),
    Fate("farid@harbour.example", _GONE, "hard", "address"),
    Fate("greta@harbour.example"),
    Fate("hugo@harbour.example", _FULL, "soft", "mailbox"),
    Fate("ines@meadow.example"),
    Fate("jonas@meadow.example"),
    Fate("kira@meadow.example", _DENIED, "hard", "security"),
    Fate("luis@meadow.example"),
    Fate("mona@lantern.example"),
    Fate("nils@lantern.example"),
    Fate("olga@lantern.example", _LOOP, "soft", "network"),
    Fate("pavel@lantern.example"),
    Fate("quinn@lantern.example", _UNKNOWN, "hard", "address"),
    Fate("rosa@quarry.example"),
    Fate("sven@quarry.example"),
    Fate("tara@quarry.example", _GONE, "hard", "address"),
    Fate("uwe@quarry.example"),
    Fate("vera@quarry.example", _FULL, "soft", "mailbox"),
    Fate("wim@quarry.example"),
    Fate("zoe@quarry.example"),
)

REFUSALS: Final = {fate.address: fate.reply for fate in RECIPIENTS if fate.reply}
DELIVERED: Final = [fate.address for fate in RECIPIENTS if not fate.reply]
HARD: Final = [fate for fate in RECIPIENTS if fate.kind == "hard"]
SOFT: Final = [fate for fate in RECIPIENTS if fate.kind == "soft"]
