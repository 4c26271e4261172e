"""From a report to a verdict: kind, category and reason, by the first rule that matches.

Text takes precedence over codes: servers write text for people, and choose codes by habit. So each
rule is tried on the server's reply, then on the text of the notice, and only then the `weak` rules
on codes alone. A permanent reason becomes soft if the server itself reports a temporary failure
(RFC 5321, 4.2.1: 4yz).

A rule that gives a general reason decides that one alone. Then the rules that `refine` are tried on
the same evidence: those that give a finer member of this reason.

All patterns are matched at once (RE2), so a thousand rules cost little more than a hundred, and
matching takes linear time.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

import re2

from bouncegate.classifier import limits
from bouncegate.classifier.phrases import Vocabulary
from bouncegate.classifier.reply import dissect, searchable
from bouncegate.classifier.report import COMPLAINED, NOT_FAILURES, Report
from bouncegate.classifier.ruletexts import Candidates, RuleTexts
from bouncegate.classifier.verdict import Explanation, Verdict
from bouncegate.config.reasons import REASONS
from bouncegate.config.rulepatterns import pattern_options, whole_words
from bouncegate.config.rules import Rule, Rules
from bouncegate.config.taxonomy import Category, Kind, Reason

# Subject and detail of statuses that clearly name the recipient as the cause.
_SPECIFIC: Final = frozenset({".1.1", ".1.2", ".1.3", ".1.6", ".1.10", ".2.2"})
_NO_RULE: Final = "none"
_ACCEPTED: Final = re.compile(r"2[0-5]\d[ -]")
_REFUSED: Final = re.compile(r"(?<![\d.])[45][0-5]\d[ -]")


class Evidence(NamedTuple):
    """The texts and codes that the conditions of a rule are compared with."""

    name: str
    text: str
    code: str
    statuses: tuple[str, ...]
    phase: str
    mta: str
    lasting: bool
    """False if the server reports a temporary failure."""
    page: str = ""
    """The URLs that the reply names."""


class Classifier:
    """Shared by all threads of a process; built once from the rules, which do not change."""

    def __init__(self, rules: Rules, own_mark: str = "") -> None:
        """Compile the rules. `load_rules` has checked their patterns.

        `own_mark` ends our own refusals, which prove nothing new when they come back. Without one
        they are classified like any reply, as those of other installations are.
        """
        self._own_mark: Final = own_mark
        self._rules: Final = rules.rules
        deciding = [(n, r) for n, r in enumerate(rules.rules) if not r.refines]
        self._texts: Final = RuleTexts((n, p) for n, r in enumerate(rules.rules) for p in r.text)
        self._no_text: Final = self._texts.candidates("")
        strong = [(n, r) for n, r in deciding if not (r.weak or r.vague)]
        self._strong: Final = _Index(strong, self._texts)
        vague = [(n, r) for n, r in deciding if r.vague and not r.weak]
        self._vague: Final = _Index(vague, self._texts)
        self._weak: Final = _Index([(n, r) for n, r in deciding if r.weak], self._texts)
        self._refining: Final = _refining(rules.rules, self._texts)

    def classify(self, report: Report) -> Verdict:
        """The verdict on the report about one recipient."""
        settled = self._settled(report)
        if settled:
            return settled
        reply = _reply_of(report)
        candidates = self._no_text
        for index, evidence in self._order(report, reply):
            if evidence.text != candidates.text:
                candidates = self._texts.candidates(evidence.text)
            number = index.first(evidence, candidates)
            if number is not None:
                rule = self._rules[number]
                return _verdict(rule, self._finer(rule, evidence, candidates), evidence)
        return _undefined(reply)

    def _finer(self, rule: Rule, evidence: Evidence, candidates: Candidates) -> Rule:
        """The rule that gives the finest reason: the one that decided, or one that refines it."""
        index = self._refining.get(rule.reason)
        number = index.first(evidence, candidates) if index else None
        return rule if number is None else self._rules[number]

    def forget_texts(self) -> None:
        """Remember no text of those classified: for measurements."""
        self._texts.forget_texts()

    def classify_reply(self, diagnostic: str) -> Verdict:
        """The verdict on a reply or diagnostic alone."""
        return self.classify(Report(diagnostic=diagnostic[: limits.DIAGNOSTIC]))

    def explain(self, report: Report) -> Explanation:
        """The verdict with its reasons."""
        settled = self._settled(report)
        if settled:
            return Explanation(settled, "action", report.diagnostic, "")
        evidence, rules = self.matching(report)
        if not rules:
            return Explanation(_undefined(evidence), "codes", evidence.text, "")
        rule = rules[0]
        finer = self._finer(rule, evidence, self._texts.candidates(evidence.text))
        return Explanation(
            _verdict(rule, finer, evidence),
            evidence.name if rule.text else "codes",
            evidence.text,
            _matched(rule, evidence),
            rule,
            tuple(later.id for later in rules[1:]),
            "" if finer is rule else finer.id,
        )

    def matching(self, report: Report) -> tuple[Evidence, list[Rule]]:
        """The evidence that decides, and all rules that match it, in order."""
        reply = _reply_of(report)
        for index, evidence in self._order(report, reply):
            numbers = index.all(evidence)
            if numbers:
                return evidence, [self._rules[number] for number in numbers]
        return reply, []

    def refining(self, report: Report) -> list[Rule]:
        """The rules that refine the reason which the first matching rule gives, in order."""
        evidence, rules = self.matching(report)
        index = self._refining.get(rules[0].reason) if rules else None
        return [self._rules[number] for number in index.all(evidence)] if index else []

    def _settled(self, report: Report) -> Verdict | None:
        """The verdict, where it needs no rule."""
        if self._is_own_refusal(report.diagnostic):
            return _of_reason(Reason.OWN_REFUSAL)
        if report.action in NOT_FAILURES or _accepted(report):
            return _of_reason(Reason.NOT_A_FAILURE)
        return _of_reason(Reason.COMPLAINT) if report.action == COMPLAINED else None

    def _is_own_refusal(self, diagnostic: str) -> bool:
        # If a line is folded within the mark, its white space differs.
        return (
            bool(self._own_mark)
            and "[bouncegate" in diagnostic
            and self._own_mark in " ".join(diagnostic.split())
        )

    def _order(self, report: Report, reply: Evidence) -> Iterator[tuple["_Index", Evidence]]:
        """The rules to try on each piece of evidence, in order; the notice is used only if the
        reply's text matches no rule.

        A status about the address or the mailbox itself (RFC 3463: x.1.x and x.2.x) is more precise
        than a page that explains many replies, words that any refusal has, and the text of a
        notice, which may be about anything.
        """
        yield self._strong, reply
        specific = any(status[1:] in _SPECIFIC for status in reply.statuses)
        if specific:
            yield self._weak, reply
        if reply.page:
            yield self._strong, reply._replace(text=reply.page)
        yield self._vague, reply
        if report.notice:
            notice = _notice_of(report, reply)
            yield self._strong, notice
            yield self._vague, notice
            yield self._weak, notice
        if not specific:
            yield self._weak, reply


def _refining(rules: tuple[Rule, ...], texts: RuleTexts) -> dict[Reason, "_Index"]:
    """The rules that refine, by the general reason that they refine."""
    of_general: dict[Reason, list[tuple[int, Rule]]] = defaultdict(list)
    for number, rule in enumerate(rules):
        if rule.refines:
            of_general[rule.reason.general].append((number, rule))
    return {general: _Index(found, texts) for general, found in of_general.items()}


class _Index:
    """Rules indexed by what they need to match: a text, a code, or a server's name."""

    def __init__(self, rules: list[tuple[int, Rule]], texts: RuleTexts) -> None:
        self._rules: Final = dict(rules)
        self._texts: Final = texts
        self._bits: Final = texts.bits_of(self._rules)
        self._mta: Final = Vocabulary(
            (n, p) for n, r in rules if not (r.text or r.status or r.code) for p in r.mta
        )
        self._codes: Final[dict[str, list[int]]] = defaultdict(list)
        for n, rule in rules:
            if not rule.text:
                for code in rule.status or rule.code:
                    self._codes[code].append(n)
        self._others: Final = [n for n, r in rules if not (r.text or r.status or r.code or r.mta)]
        self._text_alone: Final = frozenset(
            n for n, r in rules if not (r.status or r.code or r.phase or r.mta)
        )
        self._mta_of: Final = {
            n: [re2.compile(p, pattern_options()) for p in r.mta] for n, r in rules if r.mta
        }

    def first(self, evidence: Evidence, candidates: Candidates) -> int | None:
        """The number of the first rule that matches; `candidates`: those for the text."""
        other = self._first_without_text(evidence)
        for pattern in self._texts.patterns(candidates.bits & self._bits):
            number = self._texts.numbers[pattern]
            if other is not None and other < number:
                return other
            # The conditions first: they cost less than the search for a pattern.
            meets_others = number in self._text_alone or self._matches(number, evidence)
            if meets_others and self._texts.matches(pattern, candidates):
                return number
        return other

    def _first_without_text(self, evidence: Evidence) -> int | None:
        others = self._without_text(evidence)
        for number in sorted(others) if others else ():
            if self._matches(number, evidence):
                return number
        return None

    def all(self, evidence: Evidence) -> list[int]:
        """The numbers of all rules that match, in order."""
        candidates = self._texts.candidates(evidence.text)
        found = self._without_text(evidence)
        for pattern in self._texts.patterns(candidates.bits & self._bits):
            if self._texts.matches(pattern, candidates):
                found.add(self._texts.numbers[pattern])
        return [number for number in sorted(found) if self._matches(number, evidence)]

    def _without_text(self, evidence: Evidence) -> set[int]:
        """The numbers of the rules that may match any text."""
        numbers = set(self._others)
        for code in _beginnings(evidence.code, evidence.statuses):
            numbers.update(self._codes.get(code, ()))
        if evidence.mta and self._mta:
            numbers.update(self._mta.found(evidence.mta))
        return numbers

    def _matches(self, number: int, evidence: Evidence) -> bool:
        rule = self._rules[number]
        return (
            (not rule.status or any(_begins(s, rule.status) for s in evidence.statuses))
            and (not rule.code or evidence.code.startswith(rule.code))
            and (not rule.phase or evidence.phase in rule.phase)
            and (not rule.mta or any(p.search(evidence.mta) for p in self._mta_of[number]))
        )


def _reply_of(report: Report) -> Evidence:
    """The evidence in the server's reply."""
    reply = dissect(report.diagnostic)
    code = report.reply_code or reply.code
    phase = report.phase or reply.phase
    mta = f"{report.remote_mta or reply.host} {report.reporting_mta}".strip().lower()
    lasting = not reply.temporary and _lasting(code, reply.status, report.status)
    statuses = tuple(status for status in (reply.status, report.status) if status)
    return Evidence("diagnostic", reply.text, code, statuses, phase, mta, lasting, reply.page)


def _notice_of(report: Report, reply: Evidence) -> Evidence:
    """The evidence in the notice, with the codes of the reply if the notice has none."""
    if reply.code or len(reply.statuses) > 1:
        return reply._replace(name="notice", text=searchable(report.notice))
    notice = dissect(report.notice)
    return Evidence(
        "notice",
        notice.text,
        notice.code,
        tuple(status for status in (notice.status, *reply.statuses) if status),
        reply.phase or notice.phase,
        reply.mta,
        not notice.temporary and _lasting(notice.code, notice.status, report.status),
    )


def _lasting(code: str, reply_status: str, status: str) -> bool:
    """Whether a failure is permanent. A report that calls it temporary knows more than the reply
    that it quotes: Postfix retries after a 554 greeting, and finally reports 4.0.0.
    """
    return not (status.startswith("4") or (code or reply_status or status).startswith("4"))


def _accepted(report: Report) -> bool:
    """Whether all that is told is that the server took the message (RFC 5321, 4.2.1: 2yz)."""
    text = report.diagnostic
    return not report.status and bool(_ACCEPTED.match(text) and not _REFUSED.search(text))


def _of_reason(reason: Reason) -> Verdict:
    definition = REASONS[reason]
    return Verdict(definition.kind, definition.category, reason, str(reason))


def _verdict(rule: Rule, finer: Rule, evidence: Evidence) -> Verdict:
    """What the rule that decided names counts, then what the finer reason stands for."""
    definition = REASONS[finer.reason]
    kind, category = rule.kind or definition.kind, rule.category or definition.category
    if rule.kind is None and kind is Kind.HARD and not evidence.lasting:
        kind, category = Kind.SOFT, Category.UNDEFINED
    return Verdict(kind, category, finer.reason, rule.id, rule.blame)


def _undefined(evidence: Evidence) -> Verdict:
    """The verdict if no rule matches: by the class of the code (RFC 5321, 4.2.1)."""
    code = evidence.code or "".join(evidence.statuses[:1])
    kind = Kind.HARD if code.startswith("5") and evidence.lasting else Kind.SOFT
    return Verdict(kind, Category.UNDEFINED, Reason.UNDEFINED, _NO_RULE)


@lru_cache(maxsize=1024)
def _beginnings(code: str, statuses: tuple[str, ...]) -> tuple[str, ...]:
    """All prefixes by which a rule may name these codes."""
    keys = [code[:n] for n in (3, 2, 1)] if code else []
    for status in statuses:
        whole = status.split(".")
        keys += [".".join(whole[:n]) for n in (3, 2, 1)]
    return tuple(keys)


def _begins(status: str, prefixes: tuple[str, ...]) -> bool:
    return any(status == p or status.startswith(f"{p}.") for p in prefixes)


def _matched(rule: Rule, evidence: Evidence) -> str:
    for pattern in rule.text:
        match = re2.search(whole_words(pattern), evidence.text, pattern_options())
        if match:
            return str(match.group(1))
    return " ".join((evidence.code, *evidence.statuses)).strip()
