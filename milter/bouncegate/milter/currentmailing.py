"""Which mailing a refused recipient belongs to, if its message never showed its header.

A message of which every recipient is refused ends before its header. It then counts for the
mailing of the last message that the same sender, or else its domain, has sent within an hour.
"""

from typing import Final

from msgspec.structs import replace

from bouncegate.store.entry import Sent
from bouncegate.store.refusals import Refused

_LASTS: Final = 3600
# Return paths of their own for each message are as many as these within some minutes.
_MOST_SENDERS: Final = 10_000


class CurrentMailings:
    """The last mailing of each sender, in bounded memory."""

    def __init__(self) -> None:
        """None yet."""
        self._last: dict[str, Sent] = {}

    def note(self, sent: Sent) -> None:
        """Remember a message that was sent."""
        if len(self._last) >= _MOST_SENDERS:
            self._last.clear()
        for name in _names(sent.sender):
            self._last[name] = sent

    def completed(self, refused: Refused) -> Refused:
        """Refusals with their mailing, and their group if only a header tells it."""
        if refused.header_seen:
            return refused
        found = (self._last.get(name) for name in _names(refused.sender))
        last = next((sent for sent in found if sent is not None), None)
        if last is None or abs(refused.time - last.time) > _LASTS:
            return refused
        return replace(refused, mailing=last.mailing, group=refused.group or last.group)


def _names(sender: str) -> tuple[str, str]:
    return sender, f"@{sender.rpartition('@')[2].lower()}"
