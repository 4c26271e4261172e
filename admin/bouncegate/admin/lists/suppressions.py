"""Suppression lists as mail services export them: known by their columns, and by their words.

Each format says what its rows mean. A bounce, a complaint and an unsubscription are kept apart: the
reason is that of a bounce, `complaint`, `unsubscribed`, or `operator` for what was blocked by hand,
and the note of the lock names the format.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date
from typing import Final, NamedTuple

from bouncegate.admin.lists.csvfile import CsvRow
from bouncegate.admin.lists.textform import CsvError
from bouncegate.config.taxonomy import Blame, Kind, Reason

Classify = Callable[[str], tuple[Kind, Reason, Blame]]
"""What a server's reply means."""

_BOUNCE: Final = Reason.USER_UNKNOWN
_COMPLAINT: Final = Reason.COMPLAINT
_BY_HAND: Final = Reason.OPERATOR
_UNSUBSCRIBED: Final = Reason.UNSUBSCRIBED
# Of a row that suppresses nobody, such as a member who is subscribed.
_NOTHING: Final = None
_LOOKED_UP: Final = date(2026, 11, 30)


class Format(NamedTuple):
    """One export of one service. Columns and words are folded: letters and digits, lower case."""

    name: str
    """As an option names it."""
    title: str
    columns: frozenset[str]
    """They must all be there."""
    address: str
    source: str
    """Where its columns and words stand."""
    seen: date | None
    """When they were looked up there; None: written from knowledge of the service's interface."""
    meaning: Reason | None = _NOTHING
    """The reason of rows whose word or reply does not say it."""
    word: str = ""
    """The column that says what the row means."""
    words: Mapping[str, Reason | None] = {}
    replies: tuple[str, ...] = ()
    """The columns with the server's reply."""
    exact: bool = False
    """Whether there are no other columns."""
    unclear: str = ""
    """Why rows lock nobody whose reply does not say what they mean, where `meaning` does not."""
    named: bool = False
    """Whether only an option tells it from another of the same columns."""

    def matches(self, names: Collection[str], first: Mapping[str, str]) -> bool:
        """Whether a file with these columns and this first row is one."""
        has_others = len(names) > len(self.columns)
        if self.named or not self.columns <= set(names) or (self.exact and has_others):
            return False
        return not self.words or folded(first.get(self.word, "")) in self.words


_SES_WORDS: Final = {"bounce": _BOUNCE, "complaint": _COMPLAINT}
_BREVO_WORDS: Final = {
    "hardbounce": _BOUNCE,
    "contactflaggedasspam": _COMPLAINT,
    "unsubscribedviama": _UNSUBSCRIBED,
    "unsubscribedviaemail": _UNSUBSCRIBED,
    "unsubscribedviaapi": _UNSUBSCRIBED,
    "adminblocked": _BY_HAND,
}
_POSTMARK_WORDS: Final = {
    "hardbounce": _BOUNCE,
    "spamcomplaint": _COMPLAINT,
    "manualsuppression": _BY_HAND,
}
_SPARKPOST_WORDS: Final = {
    "bouncerule": _BOUNCE,
    "spamcomplaint": _COMPLAINT,
    "listunsubscribe": _UNSUBSCRIBED,
    "unsubscribelink": _UNSUBSCRIBED,
    "manuallyadded": _BY_HAND,
    "compliance": _BY_HAND,
}
_MAILCHIMP_WORDS: Final = {
    "cleaned": _BOUNCE,
    "unsubscribed": _UNSUBSCRIBED,
    "subscribed": _NOTHING,
    "pending": _NOTHING,
    "transactional": _NOTHING,
    "archived": _NOTHING,
}


def _of(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Both exports have them: only what a service suppresses for good is a bounce, and blocks blame it.
_SENDGRID: Final = _of("email created reason status")
_SENDGRID_REPLIES: Final = ("status", "reason")

FORMATS: Final = (
    Format("ses", "an Amazon SES suppression list", _of("emailaddress reason lastupdatetime"),
        "emailaddress", "botocore 1.44.8, sesv2 SuppressedDestinationSummary", _LOOKED_UP,
        word="reason", words=_SES_WORDS),
    Format("ses-import", "an Amazon SES bulk suppression file", _of("1 2"), "1",
        "SES developer guide, account-level suppression list", None,
        word="2", words=_SES_WORDS, exact=True),
    Format("sendgrid", "SendGrid bounces or blocks", _SENDGRID, "email",
        "SendGrid API v3, /suppression/bounces and /suppression/blocks", None,
        replies=_SENDGRID_REPLIES,
        unclear="a bounce or a block? (--service sendgrid-bounces or sendgrid-blocks)"),
    Format("sendgrid-bounces", "SendGrid bounces", _SENDGRID, "email",
        "SendGrid API v3, /suppression/bounces", None, meaning=_BOUNCE,
        replies=_SENDGRID_REPLIES, named=True),
    Format("sendgrid-blocks", "SendGrid blocks", _SENDGRID, "email",
        "SendGrid API v3, /suppression/blocks", None, replies=_SENDGRID_REPLIES,
        unclear="the block blames the sender", named=True),
    Format("sendgrid-invalid", "SendGrid invalid addresses", _of("email created reason"), "email",
        "SendGrid API v3, /suppression/invalid_emails", None, meaning=Reason.INVALID, exact=True),
    Format("sendgrid-spam", "SendGrid spam reports", _of("email created ip"), "email",
        "SendGrid API v3, /suppression/spam_reports", None, meaning=_COMPLAINT),
    Format("sendgrid-unsubscribes", "SendGrid global unsubscribes", _of("email created"), "email",
        "SendGrid API v3, /suppression/unsubscribes", None, meaning=_UNSUBSCRIBED, exact=True),
    Format("sendgrid-groups", "SendGrid group unsubscribes",
        _of("email groupid groupname createdat"), "email", "SendGrid API v3, /asm/suppressions",
        None, meaning=_UNSUBSCRIBED),
    Format("mailgun-bounces", "Mailgun bounces", _of("address code error createdat"), "address",
        "mailgun 1.10.0, mailgun_bounces.csv", _LOOKED_UP, meaning=_BOUNCE,
        replies=("code", "error")),
    Format("mailgun-unsubscribes", "Mailgun unsubscribes", _of("address tags createdat"), "address",
        "mailgun 1.10.0, mailgun_unsubscribes.csv", _LOOKED_UP, meaning=_UNSUBSCRIBED),
    Format("mailgun-complaints", "Mailgun complaints", _of("address createdat"), "address",
        "mailgun 1.10.0, mailgun_complaints.csv", _LOOKED_UP, meaning=_COMPLAINT, exact=True),
    Format("postmark", "Postmark suppressions",
        _of("emailaddress suppressionreason origin createdat"), "emailaddress",
        "Postmark API, /message-streams/{id}/suppressions/dump", None,
        word="suppressionreason", words=_POSTMARK_WORDS),
    Format("sparkpost", "a SparkPost suppression list", _of("recipient type source"), "recipient",
        "SparkPost API, /suppression-list", None, word="source", words=_SPARKPOST_WORDS),
    Format("brevo", "Brevo blocked contacts", _of("email senderemail reasoncode blockedat"),
        "email", "sib-api-v3-sdk 7.6.0, GetTransacBlockedContacts", _LOOKED_UP,
        word="reasoncode", words=_BREVO_WORDS),
    Format("brevo-csv", "Brevo blocked contacts", _of("email senderemail reason blockedat"),
        "email", "sib-api-v3-sdk 7.6.0, GetTransacBlockedContacts", _LOOKED_UP,
        word="reason", words=_BREVO_WORDS),
    Format("mailchimp-unsubscribed", "Mailchimp unsubscribed contacts",
        _of("emailaddress unsubtime"), "emailaddress", "Mailchimp audience export", None,
        meaning=_UNSUBSCRIBED),
    Format("mailchimp-cleaned", "Mailchimp cleaned contacts", _of("emailaddress cleantime"),
        "emailaddress", "Mailchimp audience export", None, meaning=_BOUNCE),
    Format("mailchimp-members", "Mailchimp members", _of("emailaddress status uniqueemailid"),
        "emailaddress", "Mailchimp Marketing API, /lists/{id}/members", None,
        word="status", words=_MAILCHIMP_WORDS),
    Format("mailchimp-subscribed", "Mailchimp subscribers", _of("emailaddress memberrating leid"),
        "emailaddress", "Mailchimp audience export", None),
)  # fmt: skip
"""The known formats; of several that match a file, the first counts."""

BY_NAME: Final = {one.name: one for one in FORMATS if one.meaning or one.words or one.replies}


class Meaning(NamedTuple):
    """What a row says of its address."""

    address: str
    reason: Reason | None
    """None: nothing that locks it."""
    why: str
    """A note for the lock, or why it locks nobody."""


def folded(name: str) -> str:
    """A name of a column, or a word, as the formats have it."""
    return "".join(c for c in name.casefold() if c.isalnum())


def recognised(row: CsvRow) -> Format | None:
    """The format of a file by its columns and its first row; None if it is no known one.

    Raises CsvError for a list of subscribers.
    """
    first = _cells(row)
    names = [folded(name) for name in row.head or row]
    found = next((one for one in FORMATS if one.matches(names, first)), None)
    if found is not None and found.name not in BY_NAME:
        raise CsvError(f"this is a list of {found.title}, and suppresses nobody")
    return found


def chosen(name: str) -> Format:
    """The format that an option names; raises CsvError."""
    if name not in BY_NAME:
        raise CsvError(f"invalid service {name!r}: use none, or one of: {', '.join(BY_NAME)}")
    return BY_NAME[name]


class SuppressionReader:
    """Reads the rows of one format."""

    def __init__(self, form: Format, classify: Classify) -> None:
        self._form = form
        self._classify = classify

    def meaning(self, row: CsvRow) -> Meaning:
        """What a row says; raises ValueError for a word that the format does not have."""
        form, cells = self._form, _cells(row)
        if form.address not in cells:
            raise CsvError(
                f"no column {form.address!r} of {form.title}; there are: {', '.join(row)}"
            )
        if form.words:
            return self._by_word(cells)
        address = cells[form.address]
        reply = " ".join(_distinct(cells.get(column, "").strip() for column in form.replies))
        if not reply:
            return Meaning(address, form.meaning, form.title if form.meaning else form.unclear)
        kind, reason, blame = self._classify(reply)
        if blame is Blame.SENDER:
            return Meaning(address, None, "the bounce blames the sender")
        if kind not in (Kind.HARD, Kind.SOFT) or (
            reason is Reason.UNDEFINED and not reply.startswith("4")
        ):
            reason = form.meaning or Reason.UNDEFINED
        if form.meaning is None and reason is Reason.UNDEFINED:
            return Meaning(address, None, form.unclear)
        return Meaning(address, reason, f"{form.title}: {reply}")

    def _by_word(self, cells: Mapping[str, str]) -> Meaning:
        form = self._form
        word = cells.get(form.word, "").strip()
        if folded(word) not in form.words:
            raise ValueError(f"unknown {form.word} {word!r}")
        reason = form.words[folded(word)]
        why = f"{form.title}: {word}" if reason else "suppresses nobody"
        return Meaning(cells[form.address], reason, why)


def _cells(row: CsvRow) -> dict[str, str]:
    return {folded(name): cell for name, cell in row.items()}


def _distinct(texts: Iterable[str]) -> list[str]:
    """The texts that are not in one behind them: a status is often in the reply too."""
    given = [text for text in texts if text]
    return [text for n, text in enumerate(given) if not any(text in r for r in given[n + 1 :])]
