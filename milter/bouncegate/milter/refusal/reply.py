"""The reply to a refused recipient: code, enhanced status and one line of text.

Every reply ends with the mark of the installation, whatever the template says: when a refusal of
ours comes back in a DSN of somebody who relays through us, it must be known for what it is and
count for nothing. `ref` is the number of the journal entry that made the lock: `bouncegate explain
REF`.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple

from bouncegate.config import replies
from bouncegate.config.replies import LONGEST_LINE, UNMARKED
from bouncegate.config.settings import GroupReply, ReplySettings
from bouncegate.config.taxonomy import log_fields
from bouncegate.daemon.wire import for_reply
from bouncegate.policy.records import NO_END, Lock
from bouncegate.policy.undeliverable import ref_of
from bouncegate.store.address import AddressError, canonical, domain_of

_A_DAY: Final = 86_400
_OF_SMTPD: Final = "Recipient address rejected: "
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

    @property
    def of_table(self) -> str:
        """The text as the value of a table: smtpd(8) writes its own words before it."""
        return self.text.removeprefix(_OF_SMTPD)

    def __str__(self) -> str:
        """The line as the client sees it."""
        return f"{self.code} {self.status} {self.text}"


def compose(
    settings: ReplySettings, lock: Lock, recipient: str, sender: str = "", mark: str = UNMARKED
) -> Reply:
    """The reply to a recipient that `lock` holds, in the words for the sender's group."""
    cause = replies.cause(lock.kind, lock.category, lock.reason, lock.origin)
    code, status = settings.answer(cause.status)
    text, url = settings.words(_group_of(settings, sender) if settings.groups else None)
    fields = {
        "kind": lock.kind,
        "category": lock.category,
        "reason": lock.reason.general,
        "detail": lock.reason,
        "cause": cause.words,
        "since": day(lock.since),
        "until": until(lock),
        "ref": ref_of(lock),
    }
    fields["url"] = url.template and url.template.format(**fields)
    room = LONGEST_LINE - _AROUND_TEXT - len(status) - len(f" {mark}")
    words = text.template.format(recipient=for_reply(recipient), **fields)
    if len(words) > room:  # nothing but the recipient can be too long: `check-config` saw to it
        spare = room - len(text.template.format(recipient="", **fields))
        each = max(spare, 0) // max(text.template.count("{recipient}"), 1)
        words = text.template.format(recipient=for_reply(recipient)[:each], **fields)[:room]
    return Reply(code, status, f"{words.rstrip()} {mark}")


def _group_of(settings: ReplySettings, sender: str) -> GroupReply | None:
    try:
        domain = domain_of(canonical(sender))
    except AddressError:
        domain = domain_of(sender).lower()
    return settings.group_of(domain)


def until(lock: Lock) -> str:
    """How long a lock lasts, in words: `until 2027-11-23` or `without end`."""
    return "without end" if lock.until == NO_END else f"until {day(lock.until)}"


def lock_fields(lock: Lock) -> str:
    """A lock in a log line; `bouncegate explain REF` shows the rest."""
    ends = "never" if lock.until == NO_END else day(lock.until)
    return f"{log_fields(lock.reason)} until={ends} ref={ref_of(lock)}"


def day(seconds: int) -> str:
    """The day (UTC) of a time in seconds since 1970."""
    return _day(seconds // _A_DAY)


# Locks of a list, and bounces of a mailing, share their days.
@lru_cache(1024)
def _day(number: int) -> str:
    return datetime.fromtimestamp(number * _A_DAY, UTC).date().isoformat()
