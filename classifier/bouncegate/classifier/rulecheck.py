"""Checks that each rule matches its own examples, and that no earlier rule matches them first.

`load_rules` checks each rule alone; here all rules are tried on the examples, as on replies of
servers.
"""

from collections.abc import Iterator

from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.report import Report
from bouncegate.config.problems import Problem
from bouncegate.config.rules import Example, Rule, Rules


def check_rules(rules: Rules, classifier: Classifier | None = None) -> tuple[Problem, ...]:
    """Every problem with the examples of the rules."""
    classifier = classifier or Classifier(rules)
    return tuple(problem for rule in rules.rules for problem in _of_rule(rule, classifier))


def _of_rule(rule: Rule, classifier: Classifier) -> Iterator[Problem]:
    for example in rule.examples:
        report = _report(example)
        _, matching = classifier.matching(report)
        if rule.refines:
            matching = classifier.refining(report) or matching
        text = _fault(rule, example, matching)
        if text:
            yield Problem(rule.file, rule.line, f"{rule.id}.examples", text)


def _fault(rule: Rule, example: Example, matching: list[Rule]) -> str:
    """The problem with an example, `""` if the rule matches it."""
    if matching and matching[0].id == rule.id:
        return ""
    if rule.shipped and matching and not matching[0].shipped:
        # Your own rules may override a shipped rule.
        return ""
    shown = example.text or " ".join(filter(None, (example.code, example.status)))
    if not any(other.id == rule.id for other in matching):
        found = f" (rule {matching[0].id} does)" if matching else ""
        return f"the rule does not match its own example {shown!r}{found}: correct one of the two"
    first = matching[0]
    return (
        f"the rule can never match its example {shown!r}, because {first.id} ({first.file}, line "
        f"{first.line}) comes first: move it before that rule, or make that one narrower"
    )


def _report(example: Example) -> Report:
    return Report(
        diagnostic=example.text,
        status=example.status,
        reply_code=example.code,
        phase=example.phase,
        remote_mta=example.mta,
    )
