"""Many patterns are searched for by their words: what is found is what RE2 finds, and no less.

A word that is asked for wrongly would keep a rule from ever being tried: a bounce would be
counted as another kind, and nobody would see why.
"""

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from bouncegate.classifier.needs import alternatives
from bouncegate.classifier.phrases import Vocabulary
from bouncegate.classifier.readers.phrases import NOT_DELIVERED
from bouncegate.config.rulepatterns import pattern_options
from bouncegate.config.rules import load_rules

RULES = load_rules().rules
PATTERNS = [pattern for rule in RULES for pattern in rule.text]
PATTERNS += [phrase for phrases in NOT_DELIVERED.values() for phrase in phrases]
EXAMPLES = [example.text for rule in RULES for example in rule.examples if example.text]
WORDS = sorted({word for text in EXAMPLES for word in text.split()})

ALONE = [re2.compile(pattern, pattern_options()) for pattern in PATTERNS]
TOGETHER = Vocabulary(enumerate(PATTERNS))


def agree(text: str) -> bool:
    """Whether all together find in a text what each alone finds."""
    return list(TOGETHER.found(text)) == [n for n, p in enumerate(ALONE) if p.search(text)]


def test_what_the_examples_of_all_rules_hold_is_found() -> None:
    assert [text for text in EXAMPLES if not agree(text)] == []


@settings(deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))
def test_no_text_made_of_their_words_tells_the_two_apart(text: str) -> None:
    assert agree(text)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_no_text_at_all_tells_the_two_apart(text: str) -> None:
    assert agree(text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("mail ?box(?:es)? full", "MAILBOX FULL"),
        ("a[ei]{1,2}?ou+ |zz", "aeiouu "),
        (r"no such\s+user", "no such  user"),
        ("(?s)begin.*end|other", "the other"),
        ("(?:(?:one|two)(?:three|four)+)?five", "five"),
        ("[[:digit:]]{3} nope", "550 nope"),
        (r"\x41\101 code", "AA code"),
        (r"\Q(a|b)\E!", "(a|b)!"),
        (r"[^\]a]x|[]b]y", "]y"),
        ("stra(?:ß|ss)e", "STRASSE"),
        (r"\pL\p{Greek} δρόμος", "aδ δρόμοσ"),
        ("|empty", ""),
        ("x{y} braces{", "x{y} braces{"),
        ("lazy??x", "lazx"),
        (r"\bwhole\b", "a whole one"),
        ("colon(?P<name>s?) here", "colons here"),
    ],
)
def test_whatever_an_operator_may_write_is_found(pattern: str, text: str) -> None:
    assert re2.compile(pattern, pattern_options()).search(text)

    assert list(Vocabulary([(7, pattern)]).found(text)) == [7]


def test_part_of_a_word_is_no_proof_of_a_whole_one() -> None:
    assert not Vocabulary([(0, r"\bspam\b")]).occur("antispamming")


def test_a_long_s_is_told_from_what_only_looks_like_it() -> None:
    """Case is folded as Unicode has it, where one letter may become two."""
    assert not Vocabulary([(0, "strasse")]).occur("straße")


def test_a_pattern_too_deep_to_follow_is_tried_all_the_same() -> None:
    deep = "(?:" * 900 + "full" + ")" * 900

    assert alternatives(deep)[0].needs in {(), (frozenset({"full"}),)}
    assert Vocabulary([(0, deep)]).occur("mailbox full")


def test_a_pattern_of_any_length_is_followed() -> None:
    words = "[ab]full" * 20_000

    assert Vocabulary([(0, words[:4000])]).occur(words[:4000].replace("[ab]", "b"))
    assert max(map(len, alternatives(words)[0].needs[0])) < 100
