"""Many patterns are searched for by their words: what is found is what RE2 finds, and no less.

A word that is asked for wrongly would keep a rule from ever being tried: a bounce would be
counted as another kind, and nobody would see why.
"""

import random
import string

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from bouncegate.classifier.phrases import Vocabulary
from bouncegate.classifier.readers.phrases import NOT_DELIVERED
from bouncegate.config.rulepatterns import pattern_options, whole_words
from bouncegate.config.rules import load_rules

RULES = load_rules().rules
PATTERNS = [whole_words(pattern) for rule in RULES for pattern in rule.text]
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


def test_a_pattern_that_nests_deep_is_tried_all_the_same() -> None:
    deep = "(?:" * 900 + "full" + ")" * 900
    assert Vocabulary([(0, deep)]).occur("mailbox full")


def test_a_pattern_of_any_length_is_tried() -> None:
    words = ("[ab]full" * 20_000)[:4000]
    assert Vocabulary([(0, words)]).occur(words.replace("[ab]", "b"))


def test_no_pattern_at_all_finds_nothing() -> None:
    nothing = Vocabulary(())
    assert (bool(nothing), list(nothing.found("text")), nothing.occur("")) == (False, [], False)


def rare(count: int, length: int) -> list[str]:
    """Words of which no two have anything in common."""
    maker = random.Random(1)
    return ["".join(maker.choices(string.ascii_lowercase, k=length)) for _ in range(count)]


def test_more_patterns_than_fit_into_one_filter_are_all_tried() -> None:
    """RE2 refuses the words of some thousand patterns together (`Options.max_mem`)."""
    patterns = rare(5000, 60)
    many = Vocabulary(enumerate(patterns))

    for n in (0, 2499, 2500, 4999):
        assert list(many.found(f"550 {patterns[n]}.")) == [n]
    assert many.occur(f"{patterns[4000]}")


def test_a_pattern_with_more_words_than_fit_into_a_filter_is_tried() -> None:
    words = rare(3100, 25)
    found = Vocabulary([(5, "|".join(words)), (5, "quota"), (6, "full")])

    assert list(found.found(f"{words[-1]} full")) == [5, 6]
    assert list(found.found("quota")) == [5]
