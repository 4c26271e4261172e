"""A log line is classified like the DSN about the same failure."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bouncegate.classifier.classifier import Classifier
from bouncegate.classifier.parse import read
from bouncegate.classifier.report import Report

SERVERS = Path(__file__).parents[3] / "samples" / "servers"
# The notification part of a DSN has, for each recipient, the text that Postfix logs in parentheses.
NOTICE = re.compile(
    r"^<(\S+?)>(?: \(expanded from\n? *<\S+>\))?:((?: .*\n| {4}.*\n)+)", re.MULTILINE
)

# The diagnostic of local(8) for a file that became too large; the log has more detail.
UNLIKE = {"input/output error"}


def failures() -> Iterator[tuple[str, Report, str]]:
    """Name of the sample, the report of a DSN, the text of the log."""
    for path in sorted(SERVERS.glob("postfix-*.eml")):
        raw = path.read_bytes()
        text = raw.decode("utf-8", "replace").replace("\r\n", "\n")
        logged = {to: " ".join(words.split()) for to, words in NOTICE.findall(text)}
        for report in read(raw).reports:
            words = logged.get(report.final_recipient)
            if report.action == "failed" and words:
                yield path.stem, report, words


FAILURES = list(failures())


@pytest.mark.parametrize(
    ("report", "words"),
    [(report, words) for _, report, words in FAILURES],
    ids=[f"{name} {report.final_recipient}" for name, report, _ in FAILURES],
)
def test_line_and_dsn_are_classified_alike(
    classifier: Classifier, report: Report, words: str
) -> None:
    line = Report(action="failed", status=report.status, diagnostic=words)
    dsn, log = classifier.classify(report), classifier.classify(line)
    assert (log.kind, log.category) == (dsn.kind, dsn.category)
    assert report.diagnostic in UNLIKE or log.reason == dsn.reason


def test_there_are_failures_to_compare() -> None:
    assert len(FAILURES) >= 20
