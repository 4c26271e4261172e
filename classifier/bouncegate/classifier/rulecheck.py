"""What only matching can tell about rules: examples that they do not take, or another takes first.

`load_rules` sees each rule for itself; here they are tried on their examples, as they would be
on the replies of servers.
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
        _, held = classifier.matching(_report(example))
        text = _fault(rule, example, held)
        if text:
            yield Problem(rule.file, rule.line, f"{rule.id}.examples", text)


def _fault(rule: Rule, example: Example, held: list[Rule]) -> str:
    """What is wrong with an example, `""` if the rule takes it."""
    if held and held[0].id == rule.id:
        return ""
    shown = example.text or " ".join(filter(None, (example.code, example.status)))
    if not any(other.id == rule.id for other in held):
        found = f" (rule {held[0].id} does)" if held else ""
        return f"the rule does not take its own example {shown!r}{found}: mend one of the two"
    first = held[0]
    if rule.shipped and not first.shipped:
        # To know better than a shipped rule is what rules of one's own are for.
        return ""
    return (
        f"the rule can never take its example {shown!r}, because {first.id} ({first.file}, line "
        f"{first.line}) stands before it: put it before that rule, or narrow that one"
    )


def _report(example: Example) -> Report:
    return Report(
        diagnostic=example.text,
        status=example.status,
        reply_code=example.code,
        phase=example.phase,
        remote_mta=example.mta,
    )
