"""Words in English and German: each value of a record has both, with the same fields."""

import string
from collections.abc import Sequence
from typing import get_args

import pytest

from bouncegate.admin.words.reasons import _WORDS, reason_words
from bouncegate.admin.words.texts import TEXTS, say
from bouncegate.cli.explain import WAYS
from bouncegate.config.taxonomy import Blame, Category, Reason, ReportedKind
from bouncegate.policy.addressstate import StateName
from bouncegate.policy.disposition import Disposition
from bouncegate.policy.protection import Right
from bouncegate.policy.records import Origin
from bouncegate.policy.timeline import _EFFECTS, Mark, Way

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
