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

A_DAY: Final = 86_400
# Stands in a wording where its recipient goes, as REF does for the ref; a template is printable.
_RECIPIENT: Final = "\0"
REF: Final = "\1"
_LONGEST_REF: Final = 20
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


class Wording(NamedTuple):
    """The reply to all recipients of alike locks: what differs is the ref, and the recipient."""

    code: str
    status: str
    text: str
    room: int
    """For the text, in characters."""
    mark: str

    def to_all(self) -> str:
        """The text to all of them, with `REF` where the ref goes; empty if it names recipients."""
        longest = len(self.text) + self.text.count(REF) * (_LONGEST_REF - 1)
        if _RECIPIENT in self.text or longest > self.room:
            return ""
        return f"{self.text.rstrip()} {self.mark}"

    def reply(self, ref: str, recipient: str) -> Reply:
        """The reply to one of them."""
        words = self.text.replace(REF, ref)
        count = words.count(_RECIPIENT)
        if count:
            shown = for_reply(recipient)
            spare = self.room - len(words) + count
            # Nothing but the recipient can be too long: `check-config` saw to it.
            words = words.replace(_RECIPIENT, shown[: max(spare, 0) // count])
        return Reply(self.code, self.status, f"{words[: self.room].rstrip()} {self.mark}")


def compose(
    settings: ReplySettings, lock: Lock, recipient: str, sender: str = "", mark: str = UNMARKED
) -> Reply:
    """The reply to a recipient that `lock` holds, in the words for the sender's group."""
    group = group_of(settings, sender)
    return wording(settings, lock, group, mark).reply(ref_of(lock), recipient)


def wording(settings: ReplySettings, lock: Lock, group: GroupReply | None, mark: str) -> Wording:
    """The reply to the recipients of locks that are `lock` but for the ref, on the same days."""
    cause = replies.cause(lock.kind, lock.category, lock.reason, lock.origin)
    code, status = settings.answer(cause.status)
    text, url = settings.words(group)
    fields = {
        "kind": lock.kind,
        "category": lock.category,
        "reason": lock.reason.general,
        "detail": lock.reason,
        "cause": cause.words,
        "since": day(lock.since),
        "until": until(lock),
        "ref": REF,
        "recipient": _RECIPIENT,
    }
    fields["url"] = url.template and url.template.format(**fields)
    room = LONGEST_LINE - _AROUND_TEXT - len(status) - len(f" {mark}")
    return Wording(code, status, text.template.format(**fields), room, mark)


def group_of(settings: ReplySettings, sender: str) -> GroupReply | None:
    """The group whose words a sender has."""
    if not settings.groups:
        return None
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
    return f"{kind_fields(lock)} ref={ref_of(lock)}"


def kind_fields(lock: Lock) -> str:
    """The same without the ref: all alike locks of a day share it."""
    ends = "never" if lock.until == NO_END else day(lock.until)
    return f"{log_fields(lock.reason)} until={ends}"


def day(seconds: int) -> str:
    """The day (UTC) of a time in seconds since 1970."""
    return _day(seconds // A_DAY)


# Locks of a list, and bounces of a mailing, share their days.
@lru_cache(1024)
def _day(number: int) -> str:
    return datetime.fromtimestamp(number * A_DAY, UTC).date().isoformat()
