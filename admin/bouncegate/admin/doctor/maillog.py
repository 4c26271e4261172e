"""Whether the file of Postfix's log can be read, and has times of our time zone."""

from collections.abc import Iterator
from typing import Final

from bouncegate.admin.doctor.findings import Finding, Severity
from bouncegate.classifier.maillog.files import LogFile
from bouncegate.classifier.maillog.line import Parser
from bouncegate.classifier.maillog.source import SourceError
from bouncegate.classifier.maillog.timestamp import in_words
from bouncegate.config.settings import Settings

_FIX: Final = "set [maillog] file to Postfix's log and syslog_name as in main.cf"


def check_maillog(settings: Settings, now: int) -> Iterator[Finding]:
    """Check the end of the log file; a journal has no settings that could be wrong."""
    log = settings.maillog
    if log.source != "file":
        return
    if not log.file.exists():
        yield Finding("maillog", Severity.ERROR, f"{log.file}: no such file", _FIX)
        return
    try:
        fault, offset = LogFile(log.file, Parser(log.syslog_name)).inspect(now)
    except SourceError as error:
        yield Finding("maillog", Severity.ERROR, f"{error}: nothing of it counts", _FIX)
        return
    if fault:
        text = f"{log.file}: {fault}: nothing of it counts"
        yield Finding("maillog", Severity.ERROR, text, _FIX)
    if offset:
        text = (
            f"{log.file} has times of a time zone that is {in_words(offset)} from that of this "
            "process: only times of messages in the ledger are corrected"
        )
        fix = "set TZ of bouncegate-maintain to that of the log, or use RFC 3339 times in syslog"
        yield Finding("maillog", Severity.WARNING, text, fix)
    if not fault and not offset:
        yield Finding("maillog", Severity.OK, f"{log.file} can be read")
