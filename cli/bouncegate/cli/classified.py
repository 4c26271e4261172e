"""How `classify` shows what it found: JSON for scripts, rows for people, or the reasons."""

from typing import Final, Protocol

from bouncegate.classifier import (
    ClassifiedMessage,
    ClassifiedReport,
    Classifier,
    Explanation,
    Report,
    classify,
    classify_reply,
)
from bouncegate.classifier.newaddress import new_address
from bouncegate.classifier.verdict import Verdict
from bouncegate.cli.inputfiles import MessageFile
from bouncegate.config.counting import COUNTING, counts_by_default, why
from bouncegate.config.reasons import REASONS
from bouncegate.config.taxonomy import Kind, Reason
from bouncegate.config.text import printable
from bouncegate.config.vocabularies import Vocabulary, answer

Record = dict[str, object]
Row = tuple[object, ...]

_REPORTED: Final = (
    "recipient",
    "kind",
    "category",
    "reason",
    "detail",
    "status",
    "action",
    "rule",
)
_EXPLAINED: Final = ("status", "reply_code", "phase", "reporting_mta", "remote_mta", "reader")


class View(Protocol):
    """One kind of input, shown in three ways."""

    columns: tuple[str, ...]

    def record(self, item: MessageFile, *, explain: bool) -> Record:
        """What `--json` writes."""
        ...

    def rows(self, item: MessageFile) -> list[Row]:
        """The rows of the table."""
        ...

    def account(self, item: MessageFile) -> str:
        """What `--explain` writes."""
        ...


class Messages:
    """Whole messages."""

    columns: tuple[str, ...] = (
        "file",
        "recipient",
        "kind",
        "category",
        "reason",
        "status",
        "action",
        "rule",
    )

    def __init__(self, classifier: Classifier, vocabulary: Vocabulary | None = None) -> None:
        self._classifier = classifier
        self._vocabulary = vocabulary

    def record(self, item: MessageFile, *, explain: bool) -> Record:
        """`{"file", "reports": [...]}`; no report for what is no bounce."""
        message = classify(item.octets, self._classifier)
        record: Record = {
            "file": item.name,
            "reports": [self._report(report, explain=explain) for report in message.reports],
        }
        if explain:
            record |= {"type": message.type, "reader": message.reading.reader}
        return record

    def _report(self, classified: ClassifiedReport, *, explain: bool) -> Record:
        record: Record = {name: getattr(classified, name) for name in _REPORTED}
        record |= _in_words_of(self._vocabulary, classified.verdict)
        if not explain:
            return record
        report = classified.report
        return record | _explained(self._classifier.explain(report), report)

    def rows(self, item: MessageFile) -> list[Row]:
        """A row for each recipient; one for a message that names none."""
        message = classify(item.octets, self._classifier)
        if not message.reports:
            return [(item.name, f"({message.type})", *[""] * 6)]
        records = (self._report(report, explain=False) for report in message.reports)
        return [
            _row({"file": item.name} | record, self.columns, self._vocabulary) for record in records
        ]

    def account(self, item: MessageFile) -> str:
        """Paragraphs: what the message is, then each recipient with the reasons."""
        message = classify(item.octets, self._classifier)
        paragraphs = [_heading(item, message)]
        for report, _ in message.reports:
            fields = {name: getattr(report, name) for name in _EXPLAINED}
            facts = {"action": report.action, **fields, "diagnostic": report.diagnostic}
            explanation = self._classifier.explain(report)
            facts["suggestion"] = _suggestion(explanation, report)
            paragraphs.append(_account(report.recipient, facts, explanation, self._vocabulary))
        return "\n".join(paragraphs) + "\n"


class DiagnosticLines:
    """Replies of servers, one a line."""

    columns: tuple[str, ...] = ("text", "kind", "category", "reason", "rule")

    def __init__(self, classifier: Classifier, vocabulary: Vocabulary | None = None) -> None:
        self._classifier = classifier
        self._vocabulary = vocabulary

    def record(self, item: MessageFile, *, explain: bool) -> Record:
        """`{"text", "kind", "category", "reason", "detail", "rule"}`."""
        text = _text(item)
        verdict = classify_reply(text, self._classifier)
        record: Record = {
            "text": text,
            "kind": verdict.kind,
            "category": verdict.category,
            "reason": verdict.reason,
            "detail": verdict.detail,
            "rule": verdict.rule,
        }
        record |= _in_words_of(self._vocabulary, verdict)
        if not explain:
            return record
        report = Report(diagnostic=text)
        return record | _explained(self._classifier.explain(report), report)

    def rows(self, item: MessageFile) -> list[Row]:
        """One row."""
        return [_row(self.record(item, explain=False), self.columns, self._vocabulary)]

    def account(self, item: MessageFile) -> str:
        """A paragraph."""
        text = _text(item)
        report = Report(diagnostic=text)
        explanation = self._classifier.explain(report)
        facts = {"suggestion": _suggestion(explanation, report)}
        return _account(text, facts, explanation, self._vocabulary) + "\n"


def _in_words_of(vocabulary: Vocabulary | None, verdict: Verdict) -> Record:
    """What a vocabulary has in place of our kind and reason; the detail stays ours."""
    if vocabulary is None:
        return {}
    theirs = answer(vocabulary, verdict.kind, verdict.detail)
    return {"kind": theirs.kind, "reason": theirs.reason}


def _row(record: Record, columns: tuple[str, ...], vocabulary: Vocabulary | None) -> Row:
    """A row for people, who are shown the finest reason, or the one of the vocabulary."""
    finest = "reason" if vocabulary else "detail"
    return tuple(record[finest if column == "reason" else column] for column in columns)


def _text(item: MessageFile) -> str:
    return item.octets.decode("utf-8", "replace").strip()


def _heading(item: MessageFile, message: ClassifiedMessage) -> str:
    name = message.reading.reader
    reader = f", recognised by the reader {name}" if name else ""
    return f"{printable(item.name)}: {message.type}{reader}"


def _explained(explanation: Explanation, report: Report) -> Record:
    rule = explanation.rule
    return {
        "original_recipient": report.original_recipient,
        "final_recipient": report.final_recipient,
        "phase": report.phase,
        "diagnostic": report.diagnostic,
        "evidence": explanation.evidence,
        "matched": explanation.matched,
        "where": f"{rule.file}:{rule.line}" if rule else "",
        "source": rule.source if rule else "",
        "date": rule.date if rule else None,
        "runners_up": explanation.runners_up,
        "refined_by": explanation.refined_by,
        "suggestion": _suggestion(explanation, report),
        "advice": REASONS[explanation.verdict.detail].advice,
    }


def _suggestion(explanation: Explanation, report: Report) -> str:
    """The new address of a recipient who has moved, if the reply or the notice names one."""
    if explanation.verdict.reason is not Reason.MAILBOX_MOVED:
        return ""
    texts = (report.diagnostic, report.notice)
    return next(filter(None, (new_address(text, report.recipient) for text in texts)), "")


def _account(
    name: str, facts: dict[str, str], explanation: Explanation, vocabulary: Vocabulary | None
) -> str:
    verdict, rule = explanation.verdict, explanation.rule
    place = f" ({rule.file}, line {rule.line})" if rule else ""
    lines = [f"  {name}: {verdict.kind}/{verdict.category}, {verdict.detail}"]
    lines += [f"    {key.replace('_', ' ')}: {value}" for key, value in facts.items() if value]
    lines.append(f"    decided by: {verdict.rule}{place}, from the {explanation.evidence}")
    if rule and rule.source:
        lines.append(f"    source: {rule.citation}")
    if explanation.refined_by:
        lines.append(f"    refined by: {explanation.refined_by}, from {verdict.reason}")
    if explanation.matched:
        lines.append(f"    matched: {explanation.matched}")
    if explanation.runners_up:
        lines.append(f"    would also match: {', '.join(explanation.runners_up)}")
    if vocabulary is not None:
        theirs = answer(vocabulary, verdict.kind, verdict.detail)
        lines.append(f"    {vocabulary} says: {theirs.kind}, {theirs.reason}")
    definition = REASONS[verdict.detail]
    lines.append(f"    meaning: {definition.meaning}")
    lines.append(f"    advice: {definition.advice}")
    if verdict.kind in (Kind.HARD, Kind.SOFT):
        lines.append(f"    counts by default: {_counting(verdict)}")
    return "\n".join(map(printable, lines))


def _counting(verdict: Verdict) -> str:
    """Whether such a bounce counts against the recipient if no row of the policy decides."""
    counts = verdict.blamed in COUNTING
    reason = verdict.detail
    by_rule = counts is not counts_by_default(reason)
    because = f"its rule blames the {verdict.blamed}" if by_rule else why(reason)
    return f"{'yes' if counts else 'no'}, because {because}"
