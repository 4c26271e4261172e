"""Words, numbers and days of the page in English and in German.

The English text is the key (as with gettext); `german.toml` has the others. A text with a number
in it has two forms, `one` and `many`, which both languages tell apart in the same way.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Final, get_args

from bouncegate.admin.words.language import Language as Code
from bouncegate.admin.words.reasons import ReasonWords, reason_words
from bouncegate.admin.words.texts import say
from bouncegate.config.durations import Duration
from bouncegate.config.taxonomy import Reason
from bouncegate.policy.records import NO_END

CODES: Final[tuple[Code, ...]] = get_args(Code)

NO_VALUE: Final = "\N{EN DASH}"
_DAY: Final = 86_400
_MONTHS: Final[Mapping[Code, Sequence[str]]] = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    # As DIN 1355-1 shortens them: those of more than four letters, with a full stop.
    "de": (
        *("Jan.", "Feb.", "März", "Apr.", "Mai", "Juni"),
        *("Juli", "Aug.", "Sep.", "Okt.", "Nov.", "Dez."),
    ),
}


@dataclass(frozen=True)
class Language:
    """One of the two, with what templates need of it."""

    code: Code
    texts: Mapping[str, str]
    """German by English; empty for English itself."""

    @property
    def other(self) -> Code:
        """The one that a reader may want instead."""
        return "de" if self.code == "en" else "en"

    def text(self, english: str, /, **values: object) -> str:
        """A text in this language; `{name}` in it stands for a value."""
        words = self.texts.get(english, english)
        return words.format(**values) if values else words

    def plural(self, one: str, many: str, number: int, /, **values: object) -> str:
        """`one` for 1, else `many`; `{n}` in it is the number as people write it."""
        return self.text(one if number == 1 else many, n=self.number(number), **values)

    def say(self, key: str, **values: object) -> str:
        """What a value of a record means: `kind.soft`, `effect.held` (`bouncegate.admin.words`)."""
        return say(key, self.code, **values)

    def reason(self, reason: Reason | str) -> ReasonWords:
        """Title, meaning and advice of a reason."""
        return reason_words(Reason(reason), self.code)

    def number(self, value: int) -> str:
        """With separators of thousands: 9,635 or 9.635."""
        written = f"{value:,}"
        return written.replace(",", ".") if self.code == "de" else written

    def duration(self, span: Duration) -> str:
        """How long: 1 year, 30 days; without end."""
        if span.endless:
            return self.text("without end")
        if span.months and not span.months % 12:
            return self.plural("1 year", "{n} years", span.months // 12)
        if span.months:
            return self.plural("1 month", "{n} months", span.months)
        if not span.seconds % _DAY:
            return self.plural("1 day", "{n} days", span.seconds // _DAY)
        return self.plural("1 hour", "{n} hours", -(-span.seconds // 3600))

    def percent(self, share: float) -> str:
        """A share of 0 to 1 as 2.4 % or 2,4 %."""
        written = f"{100 * share:.1f}"
        return f"{written.replace('.', ',') if self.code == 'de' else written}\N{NO-BREAK SPACE}%"

    def day(self, seconds: int | None) -> str:
        """30 Nov 2026, or 30. Nov. 2026 (UTC); a dash where there is none."""
        if seconds is None:
            return NO_VALUE
        moment = datetime.fromtimestamp(seconds, UTC)
        stop = "." if self.code == "de" else ""
        return f"{moment.day}{stop} {_MONTHS[self.code][moment.month - 1]} {moment.year}"

    def end(self, seconds: int) -> str:
        """The day on which a lock ends, or that it never does."""
        return self.text("never") if seconds == NO_END else self.day(seconds)

    def short_day(self, seconds: int) -> str:
        """The day without its year, for the axis of a chart."""
        return self.day(seconds).rpartition(" ")[0]

    def clock(self, seconds: int | None) -> str:
        """Day, hour and minute (UTC)."""
        if seconds is None:
            return NO_VALUE
        return f"{self.day(seconds)}, {datetime.fromtimestamp(seconds, UTC):%H:%M} UTC"

    def distance(self, seconds: int | None, now: int) -> str:
        """How many days away a moment lies: today, tomorrow, in 30 days, 3 days ago."""
        if seconds is None:
            return ""
        days = seconds // _DAY - now // _DAY
        near = {0: "today", 1: "tomorrow", -1: "yesterday"}.get(days)
        if near is not None:
            return self.text(near)
        many = "in {n} days" if days > 0 else "{n} days ago"
        return self.text(many, n=self.number(abs(days)))


@cache
def language(code: Code) -> Language:
    """The words of a language, read once."""
    return Language(code, german() if code == "de" else {})


@cache
def german() -> Mapping[str, str]:
    """German texts by their English ones."""
    folder = resources.files("bouncegate.web.page") / "words"
    found: dict[str, str] = {}
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        if file.name.endswith(".toml"):
            found |= tomllib.loads(file.read_text("utf-8"))
    return found


def preferred(accept_language: str) -> Code:
    """What a browser's Accept-Language asks for first (RFC 9110, 12.5.4); English if neither."""
    ranked: list[tuple[float, Code]] = []
    for item in accept_language[:500].split(","):
        name, _, weight = item.partition(";")
        code = name.strip().lower()[:2]
        quality = _quality(weight)
        if code in CODES and quality > 0:
            ranked.append((quality, code))
    return max(ranked, key=lambda pair: pair[0], default=(0.0, CODES[0]))[1]


def _quality(weight: str) -> float:
    _, _, number = weight.partition("q=")
    try:
        return float(number) if number else 1.0
    except ValueError:
        return 0.0


def seconds_of(iso: str | None) -> int | None:
    """Seconds since 1970 of a time as records show it."""
    return None if iso is None else int(datetime.fromisoformat(iso).timestamp())
