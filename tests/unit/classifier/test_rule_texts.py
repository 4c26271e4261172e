"""The texts of rules are searched for by their words: what is found is what RE2 finds, no less.

A word that is required wrongly would keep a rule from ever being tried: a bounce would be counted
as another kind, and nobody would see why.
"""

import pytest
import re2
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bouncegate.classifier.requiredwords import required_words
from bouncegate.classifier.ruletexts import RuleTexts
from bouncegate.config.rulepatterns import pattern_options, whole_words
from bouncegate.config.rules import load_rules

RULES = load_rules().rules
PATTERNS = [pattern for rule in RULES for pattern in rule.text]
EXAMPLES = [example.text.lower() for rule in RULES for example in rule.examples if example.text]
WORDS = sorted({word for text in EXAMPLES for word in text.split()})

ALONE = [re2.compile(whole_words(pattern), pattern_options()) for pattern in PATTERNS]
TOGETHER = RuleTexts(enumerate(PATTERNS))


def found(texts: RuleTexts, text: str) -> list[int]:
    candidates = texts.candidates(text)
    tried = texts.patterns(candidates.bits)
    return [texts.numbers[n] for n in tried if texts.matches(n, candidates)]


def agree(text: str) -> bool:
    """Whether all together find in a text what each alone finds."""
    return found(TOGETHER, text) == [n for n, p in enumerate(ALONE) if p.search(text)]


def test_what_the_examples_of_all_rules_hold_is_found() -> None:
    assert [text for text in EXAMPLES if not agree(text)] == []


@settings(deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))
def test_no_text_made_of_their_words_tells_the_two_apart(text: str) -> None:
    assert agree(text)


@settings(deadline=None)
@given(st.text(max_size=60).map(str.lower))
def test_no_text_at_all_tells_the_two_apart(text: str) -> None:
    assert agree(text)


PIECES = st.sampled_from(
    ["user", "users?", "no", "un", "known", " ", " ?", "-", "-?", "[ -]", "[ ,:.-]{0,3}", r"\.",
     ".", ".?", r"\d", "5", r"\b", r"\w*", r"\S+", r"\pL+", "[sz]", "é", "\u017f", "e?", "s+",
     "x{2}", "^", "$", "(?:is |was )?", "(?:user|mail)", "(?:no|un)", "(?:no|un) ", "(?:a|)",
     "(?: not)", "(id)", "|",
     "(?:user (?:un)?known|no user)", r"5\.1\.\d", "(?:ing){1,2}", "IS", "S?"]
)  # fmt: skip
TEXTS = st.sampled_from(
    ["user", "users", "no", "un", "known", " ", "-", ".", ",", "5", "5.1.1", "é", "\u017f", "e",
     "s", "z", "xx", "is ", "was ", "mail", "not", "id", "ing", "ed", "_", "a"]
)  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(st.lists(PIECES, max_size=6).map("".join), st.lists(TEXTS, max_size=8).map("".join))
def test_a_pattern_of_any_form_is_tried_where_it_matches(pattern: str, text: str) -> None:
    try:
        alone = re2.compile(whole_words(pattern), pattern_options())
    except re2.error:
        assume(False)
    expected = [7] if alone.search(text) else []
    assert found(RuleTexts([(7, pattern)]), text) == expected


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
        ("x{y} braces{", "x{y} braces{"),
        ("lazy??x", "lazx"),
        (r"\bwhole\b", "a whole one"),
        ("colon(?P<name>s?) here", "colons here"),
        ("(?:" * 900 + "full" + ")" * 900, "mailbox full"),
        (("[ab]full" * 500)[:4000], "bfull" * 500),
        ("straße", "straße"),
        (r"user\b", "user\u017f"),
        ("用户不存在", "550 用户不存在"),
    ],
)
def test_whatever_an_operator_may_write_is_found(pattern: str, text: str) -> None:
    assert found(RuleTexts([(7, pattern)]), text.lower()) == [7]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("mailbox (?:is )?full", [["mailbox"], ["full"]]),
        ("over ?quota|no space", [["over*"], ["no", "space"]]),
        ("(?:user|recipient) unknown", [["recipient", "user"], ["unknown"]]),
        (r"\w*transientexception", [["*transientexception"]]),
        (r"5\.7\.[1-9]", [["=5.7."]]),
        ("(?i)anything", []),
    ],
)
def test_the_words_of_a_pattern_are_known(pattern: str, words: list[list[str]]) -> None:
    needs = required_words(pattern, len)
    known = {word for alternative in needs for need in alternative for word in need}
    assert {word for several in words for word in several} <= known
    assert bool(needs) == bool(words)


def test_only_what_a_text_may_match_is_tried() -> None:
    texts = RuleTexts([(0, "mailbox full"), (1, "user unknown"), (2, r"\w*full\w*")])
    tried = texts.patterns(texts.candidates("550 the mailbox is fuller").bits)
    assert [texts.numbers[n] for n in tried] == [2]


def test_more_words_than_are_remembered_are_told_apart() -> None:
    texts = RuleTexts([(0, "mailbox full")])
    letters = "abcdefghijklmnopqrstuvwxyz"
    for n in range(10_000):
        texts.candidates("".join(letters[n // 26**k % 26] for k in range(4)))
    assert found(texts, "mailbox full") == [0]


def test_a_text_that_is_remembered_gets_the_same_answer() -> None:
    texts = RuleTexts([(0, "mailbox full"), (1, "mailbox")])
    first, again = found(texts, "mailbox full"), found(texts, "mailbox full")
    assert (first, again) == ([0, 1], [0, 1])
    assert texts.candidates("mailbox full") is texts.candidates("mailbox full")

    texts.forget_texts()
    assert not texts.candidates("mailbox full").known


def test_no_more_texts_are_remembered_than_fit() -> None:
    texts = RuleTexts([(0, "mailbox full")])
    first = texts.candidates("mailbox full")
    for n in range(1000):
        texts.candidates(f"550 {n}")
    assert texts.candidates("mailbox full") is not first

    long = "mailbox full " * 1000
    assert texts.candidates(long) is not texts.candidates(long)
