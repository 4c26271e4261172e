"""Words in English and German: each value of a record has both, with the same fields."""

import string
from collections.abc import Sequence
from typing import get_args

import pytest
from msgspec.structs import replace

from bouncegate.admin.words.causes import cause_of, scope_said, ways_to_free
from bouncegate.admin.words.reasons import _WORDS, reason_words
from bouncegate.admin.words.texts import TEXTS, say, told
from bouncegate.cli.explain import WAYS
from bouncegate.config.reasons import REASONS
from bouncegate.config.settings import PolicySettings
from bouncegate.config.taxonomy import Blame, Category, Kind, Reason, ReportedKind
from bouncegate.policy.addressstate import StateName
from bouncegate.policy.deaddomain import CHECKER
from bouncegate.policy.disposition import Disposition
from bouncegate.policy.protection import Right
from bouncegate.policy.records import NO_END, Act, Lock, Origin
from bouncegate.policy.timeline import _EFFECTS, Mark, Way

NOW = 1_790_000_000
VALUES: dict[str, Sequence[str]] = {
    "kind": list(ReportedKind),
    "category": list(Category),
    "blame": list(Blame),
    "origin": list(Origin),
    "state": [*get_args(StateName), "ended", "predicted", "invalid", "stale"],
    "frees": get_args(Way),
    "right": get_args(Right),
    "effect": [
        *_EFFECTS.values(),
        *(mark for mark in get_args(Mark) if mark),
        *(one for one in Disposition if one is not Disposition.COUNTS),
        *("locked", "counted", "needs-another-day", "locked-already", "delivered", "summarized"),
    ],
}


def fields_of(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("prefix", VALUES)
def test_words_of_each_value_of_a_record_are_there(prefix: str) -> None:
    missing = [value for value in VALUES[prefix] if f"{prefix}.{value}" not in TEXTS]
    assert not missing
    keys = {key for key in TEXTS if key.startswith(f"{prefix}.")}
    assert keys == {f"{prefix}.{value}" for value in VALUES[prefix]}, "words that nothing uses"


@pytest.mark.parametrize("key", TEXTS)
def test_words_name_the_same_fields_in_both_languages(key: str) -> None:
    text = TEXTS[key]
    assert text.en
    assert text.de
    assert fields_of(text.en) == fields_of(text.de)


def test_words_are_filled_in() -> None:
    assert say("scope.group", "en", group="news") == "Only for group news"
    assert say("scope.group", "de", group="news") == "Nur für Gruppe news"


def test_reason_words_are_there_for_each_reason_and_titles_differ() -> None:
    assert set(_WORDS) == set(Reason)
    for place in (0, 1):
        titles = [words[place] for words in _WORDS.values()]
        assert len(set(titles)) == len(titles)
    german = reason_words(Reason.MAILBOX_FULL, "de")
    assert (german.title, reason_words(Reason.MAILBOX_FULL, "en").title) == (
        "Postfach voll",
        "Mailbox full",
    )
    for reason in Reason:
        assert all(reason_words(reason, "de")), reason
        assert reason_words(reason, "de").meaning != reason_words(reason, "en").meaning


def test_ways_to_free_an_address_have_a_command_each() -> None:
    assert set(WAYS) == set(get_args(Way))


@pytest.mark.parametrize(
    ("reason", "origin", "english", "german"),
    [
        (Reason.MAILBOX_FULL, Origin.AUTOMATIC, "Locked after bounces: Mailbox full", "Postfach"),
        (Reason.COMPLAINT, Origin.AUTOMATIC, "Locked after a complaint", "Beschwerde"),
        (Reason.UNSUBSCRIBED, Origin.IMPORTED, "Locked after an unsubscription", "Abmeldung"),
        (Reason.OPERATOR, Origin.MANUAL, "Locked by hand", "Von Hand"),
        (Reason.USER_UNKNOWN, Origin.IMPORTED, "Imported as locked: No such mailbox", "importiert"),
        (Reason.STALE, Origin.AUTOMATIC, "Locked by a list: Not mailed for long", "Liste"),
    ],
)
def test_words_say_why_an_address_is_locked(
    reason: Reason, origin: Origin, english: str, german: str
) -> None:
    lock = Lock(REASONS[reason].kind, Category.UNDEFINED, reason, origin, NOW, NOW + 9, 1)
    assert told(cause_of(lock), "en") == english
    assert german in told(cause_of(lock), "de")


def test_words_say_that_a_check_of_the_domain_has_locked() -> None:
    reason = Reason.HOST_UNKNOWN
    lock = Lock(Kind.HARD, Category.ADDRESS, reason, Origin.AUTOMATIC, NOW, NOW + 9, 1)
    act = Act(("@a.test",), NOW, "lock", CHECKER)
    assert told(cause_of(lock, act), "en") == "Its domain takes no mail: No such domain"


def test_words_say_what_would_free_an_address() -> None:
    settings = PolicySettings()
    soft = Lock(Kind.SOFT, Category.MAILBOX, Reason.MAILBOX_FULL, Origin.AUTOMATIC, NOW, NOW + 9, 1)
    keys = [said.key for said in ways_to_free(soft, NOW, settings)]
    assert keys == ["frees.end", "frees.delivery", "frees.alive", "frees.unlock"]
    assert ways_to_free(soft, NOW + 9, settings) == []
    hard = replace(soft, kind=Kind.HARD, reason=Reason.USER_UNKNOWN, until=NO_END)
    assert [told(said, "de")[:6] for said in ways_to_free(hard, NOW, settings)] == ["Jemand"]


def test_words_say_which_mail_is_stopped() -> None:
    assert told(scope_said(""), "de") == "Alle Mail"
    assert told(scope_said("news"), "de") == "Nur für Gruppe news"
