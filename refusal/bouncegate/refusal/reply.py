"""What a refused client is told: code, enhanced status and one line of text.

Every reply ends with `MARKER`, whatever the template says: when a refusal of ours comes back
in a DSN of somebody who relays through us, it must be known for what it is and count for
nothing.
"""

from datetime import UTC, datetime
from typing import Final, NamedTuple

from bouncegate.config.settings import ReplySettings
from bouncegate.daemon.wire import for_reply
from bouncegate.policy.records import NO_END, Lock

MARKER: Final = " [bouncegate]"

# RFC 5321, 4.5.3.1.5: a reply line has at most 512 octets with its code and CRLF.
_LONGEST_LINE: Final = 512
_AROUND_TEXT: Final = len("550 ") + len(" ") + len("\r\n")


class Reply(NamedTuple):
    """A refusal as libmilter takes it, except that `%` is not doubled yet."""

    code: str
    status: str
    text: str

    @property
    def temporary(self) -> bool:
        """Whether the client is asked to try again."""
        return self.code.startswith("4")

    @property
    def escaped(self) -> str:
        """The text for `setreply`, in which libmilter and the MTA treat `%` as special."""
        return self.text.replace("%", "%%")

    def __str__(self) -> str:
        """The line as the client sees it."""
        return f"{self.code} {self.status} {self.text}"


def compose(settings: ReplySettings, lock: Lock, recipient: str) -> Reply:
    """The reply to a recipient that `lock` holds."""
    code, status = str(settings.code), settings.status.code
    text = settings.text.template.format(
        recipient=for_reply(recipient),
        kind=lock.kind,
        category=lock.category,
        reason=lock.reason,
        since=day(lock.since),
        until=until(lock),
    )
    room = _LONGEST_LINE - _AROUND_TEXT - len(status) - len(MARKER)
    return Reply(code, status, text[:room].rstrip() + MARKER)


def until(lock: Lock) -> str:
    """How long a lock lasts, in words: `until 2027-11-23` or `without end`."""
    return "without end" if lock.until == NO_END else f"until {day(lock.until)}"


def day(seconds: int) -> str:
    """The day (UTC) of a time in seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
