"""The journal as a source: a real journalctl reads a real journal; only Postfix's units count."""

import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path

import pytest
from tests.unit.classifier.maillog.site import ANN, BOB, DAY, HOUR, NOW, UNKNOWN, Site, line

from bouncegate.classifier.maillog.journal import Journal
from bouncegate.classifier.maillog.line import Parser
from bouncegate.classifier.maillog.source import SourceError

# Converts a text to a journal file (for the format, see systemd.journal-fields(7)).
REMOTE = Path("/usr/lib/systemd/systemd-journal-remote")
PARSER = Parser("postfix", UTC)
UNIT = "postfix@-.service"
MAIL_OWNER = 109

needs_journal = pytest.mark.skipif(
    shutil.which("journalctl") is None or not REMOTE.exists(),
    reason="journalctl or systemd-journal-remote is not installed; ./run test installs them",
)


def entry(said: str, number: int = 1, unit: str = UNIT, user: str | None = "0") -> bytes:
    """One entry in journald's export format."""
    fields = {
        "__REALTIME_TIMESTAMP": str((NOW + number) * 1_000_000),
        "__MONOTONIC_TIMESTAMP": str(number * 1_000_000),
        "_BOOT_ID": "0123456789abcdef0123456789abcdef",
        "SYSLOG_FACILITY": "2",
        "SYSLOG_IDENTIFIER": "postfix/smtp",
        "_SYSTEMD_UNIT": unit,
        **({"_UID": user} if user is not None else {}),
    }
    text = "".join(f"{name}={value}\n" for name, value in fields.items()).encode()
    octets = said.encode("utf-8", "surrogateescape")
    return text + b"MESSAGE\n" + len(octets).to_bytes(8, "little") + octets + b"\n\n"


def said(text: str) -> str:
    """The text of a log line after its tag."""
    return text.split("]: ", 1)[1]


def journal(folder: Path, entries: Sequence[bytes]) -> Journal:
    """The journal in a folder, with these entries appended."""
    path = folder / "test.journal"
    subprocess.run(
        [REMOTE, "-o", path, "-"], input=b"".join(entries), check=True, capture_output=True
    )
    return Journal(PARSER, ("journalctl", f"--file={path}"), frozenset({0, MAIL_OWNER}))


@needs_journal
def test_what_postfix_said_counts_and_is_read_once(site: Site, tmp_path: Path) -> None:
    sent = site.sent(1, ANN, BOB)
    source = journal(tmp_path, [entry(said(line(sent, "bounced", UNKNOWN)))])
    assert site.run(NOW + HOUR, source=source).lines == 1
    assert site.state().hard == 1
    source = journal(tmp_path, [entry(said(line(sent, "bounced", UNKNOWN, BOB)), 2)])
    assert site.run(NOW + HOUR, source=source).lines == 1
    assert site.run(NOW + HOUR, source=source).lines == 0
    assert site.state(BOB).hard == 1
    assert len(site.entries()) == 1


@needs_journal
@pytest.mark.parametrize(
    "unit",
    [
        *("user@1000.service", "session-3.scope", "shop.service", "postfixadmin.service"),
        *("postfix.scope", "postfix@x/shop.service", "app-postfix.service", "postfix"),
    ],
)
def test_who_only_logs_under_the_name_of_postfix_is_not_believed(
    site: Site, tmp_path: Path, unit: str
) -> None:
    """Any user may run logger(1) with any tag."""
    forged = entry(said(line(site.sent(1, ANN), "bounced", UNKNOWN)), unit=unit)
    assert site.run(NOW + HOUR, source=journal(tmp_path, [forged])).lines == 1
    assert site.entries() == []


@needs_journal
@pytest.mark.parametrize("user", ["1000", "65534", "", None])
def test_programs_that_postfix_runs_for_users_are_not_believed(
    site: Site, tmp_path: Path, user: str | None
) -> None:
    """`|logger -t postfix/smtp` in a .forward file runs within the unit of Postfix."""
    forged = entry(said(line(site.sent(1, ANN), "bounced", UNKNOWN)), user=user)
    source = journal(tmp_path, [forged])
    assert site.run(NOW + HOUR, source=source).lines == 1
    assert site.entries() == []
    assert list(source.search(lambda _: True, NOW - DAY, NOW)) == []


@needs_journal
@pytest.mark.parametrize("unit", ["postfix.service", "postfix@out.service", "postfix-2.service"])
@pytest.mark.parametrize("user", ["0", str(MAIL_OWNER)])
def test_each_instance_of_postfix_is_believed(
    site: Site, tmp_path: Path, unit: str, user: str
) -> None:
    told = entry(said(line(site.sent(1, ANN), "bounced", UNKNOWN)), unit=unit, user=user)
    site.run(NOW + HOUR, source=journal(tmp_path, [told]))
    assert site.state().hard == 1


@needs_journal
def test_octets_that_are_no_text_are_no_end_of_it(site: Site, tmp_path: Path) -> None:
    sent = site.sent(1, ANN)
    strange = said(line(sent, "bounced", "550 5.1.1 no such user \udcff\udcfe\nto=<x>"))
    entries = [entry("\udcff\udcfe", 1), entry(strange, 2), entry("x" * 100_000, 3)]
    entries.append(entry(said(line(site.sent(2, BOB), "bounced", UNKNOWN, BOB)), 4))
    assert site.run(NOW + HOUR, source=journal(tmp_path, entries)).lines == 4
    assert site.state().hard == 1
    assert site.state(BOB).hard == 1


@needs_journal
def test_a_journal_that_is_no_longer_what_it_was_stops_nothing(site: Site, tmp_path: Path) -> None:
    """journald deletes old entries, and with them the entry of a cursor."""
    sent = site.sent(1, ANN, BOB)
    site.run(NOW + HOUR, source=journal(tmp_path, [entry(said(line(sent, "deferred")))]))
    (tmp_path / "test.journal").unlink()
    later = [entry(said(line(sent, "bounced", UNKNOWN, BOB)), 7)]
    assert site.run(NOW + HOUR, source=journal(tmp_path, later)).lines == 1
    assert site.state(BOB).hard == 1


def test_a_machine_without_a_journal_is_reported(site: Site) -> None:
    with pytest.raises(SourceError, match="install systemd, or set"):
        site.run(NOW + DAY, source=Journal(PARSER, ("/nonexistent/journalctl",)))


def test_a_journalctl_that_fails_is_reported_with_its_error_text(site: Site) -> None:
    failing = ("sh", "-c", "echo No journal files were found. >&2; exit 1")
    with pytest.raises(SourceError, match="No journal files were found"):
        site.run(NOW + DAY, source=Journal(PARSER, failing))
