"""A pattern of a rule is found as whole words, in any script that sets words apart."""

import pytest
import re2
from tests.unit.config.alternatives import texts_of

from bouncegate.config.rulepatterns import pattern_options, whole_words
from bouncegate.config.rules import Rule, load_rules

RULES = [rule for rule in load_rules().rules if rule.text]
LETTERS = ("q", "ж", "ő")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_no_alternative_of_a_rule_is_found_behind_or_before_a_letter(rule: Rule) -> None:
    within = []
    for pattern in rule.text:
        compiled = re2.compile(whole_words(pattern), pattern_options())
        for text in texts_of(pattern):
            within += [
                f"{before}{text}{behind}"
                for letter in LETTERS
                for before, behind in ((letter, ""), ("", letter))
                if _glued(before, text, behind)
                and (found := compiled.search(f"{before}{text}{behind}"))
                and found.group(1) == text
            ]
    assert within == []


def _glued(before: str, text: str, behind: str) -> bool:
    """Whether a letter of a script that sets words apart meets another one."""
    met = text[:1] if before else text[-1:] if behind else ""
    return met.isalpha() and met < "\u0530"


def test_every_alternative_of_a_pattern_is_tried() -> None:
    assert texts_of("(?:no|any) (?:such )?user|gone") == [
        "no user",
        "any user",
        "no such user",
        "gone",
    ]


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("locked", "550 blocked", ""),
        ("locked", "550 locked", "locked"),
        ("reject", "it rejects", "rejects"),
        ("reject", "rejecting", "rejecting"),
        ("reject", "rejection", ""),
        (r"reject\w*", "rejection", "rejection"),
        ("full", "fully", ""),
        ("full", "mailbox_full_now", "full"),
        ("voll", "überfüllvoll", ""),
        ("нет", "планета нет", "нет"),
        ("нет", "планетный", ""),
        (r"удал\pL*", "удалён", "удалён"),
        ("不存在", "用户不存在的", "不存在"),
        ("^no$", "no", "no"),
    ],
)
def test_a_pattern_is_found_as_whole_words(pattern: str, text: str, found: str) -> None:
    match = re2.compile(whole_words(pattern), pattern_options()).search(text)
    assert (match.group(1) if match else "") == found
