"""`postfix enable` finds Postfix's log, and turns its reading on in our own config."""

from pathlib import Path

import pytest

from bouncegate.admin.postfix.coverage import State, coverage
from bouncegate.admin.postfix.facts import Facts
from bouncegate.admin.postfix.logsource import LogSource, log_source
from bouncegate.admin.postfix.ownconfig import with_log
from bouncegate.config.loading import loads

SIGNED = '[return_path]\ndomain = "return.example.com"\n'


def facts(**values: str) -> Facts:
    return Facts(Path("/etc/postfix"), values, values, frozenset(), (), {}, {})


def test_log_of_postlogd_is_the_one_that_main_cf_names(tmp_path: Path) -> None:
    log = tmp_path / "maillog"
    found = facts(maillog_file=str(log), syslog_name="postfix-out")
    assert log_source(found, tmp_path) is None, "there is none yet"
    log.touch()
    journal = tmp_path / "journal"
    journal.touch()
    expected = LogSource("file", log, "postfix-out")
    assert log_source(found, tmp_path, (), journal) == expected


def test_log_of_syslogd_is_the_first_file_that_is_there(tmp_path: Path) -> None:
    files = [tmp_path / "mail.log", tmp_path / "maillog"]
    nowhere = tmp_path / "journal"
    assert log_source(facts(), tmp_path, files, nowhere) is None
    files[1].touch()
    assert log_source(facts(), tmp_path, files, nowhere) == LogSource("file", files[1], "postfix")
    files[0].mkdir()
    assert log_source(facts(), tmp_path, files, nowhere) == LogSource("file", files[1], "postfix")


LEDGER = b"[ledger]\nenabled = true\n"


@pytest.mark.parametrize("before", [SIGNED.encode(), LEDGER.rstrip(), LEDGER + b"[milter]\n"])
def test_log_is_turned_on_and_nothing_else_is_changed(before: bytes) -> None:
    file = Path('/var/log/odd "name".log')
    after = with_log(before, LogSource("file", file, "postfix-out"))
    assert after is not None
    assert after.startswith(before)
    maillog = loads(after.decode()).maillog
    assert (maillog.source, maillog.file, maillog.syslog_name) == ("file", file, "postfix-out")


@pytest.mark.parametrize("before", [b'[maillog]\nsource = "none"\n', b"[maillog]\n", b"\xff", b"["])
def test_log_stays_as_somebody_has_set_it(before: bytes) -> None:
    assert with_log(before, LogSource("journal", Path("/x"), "postfix")) is None


@pytest.mark.parametrize(
    ("toml", "state", "text"),
    [
        ("", State.OFF, "lifts no lock"),
        ('[maillog]\nsource = "file"\n', State.OFF, "trust_file"),
        ('[maillog]\nsource = "file"\ntrust_file = true\n', State.ATTACHED, "accepted"),
        ('[maillog]\nsource = "journal"\n', State.ATTACHED, "accepted"),
    ],
)
def test_log_that_is_not_evidence_is_told_by_the_status(toml: str, state: State, text: str) -> None:
    found = coverage(loads(SIGNED + toml), facts(queue_directory="/var/spool/postfix"))
    (log,) = [one for one in found if one.plane == "log"]
    assert log.state is state
    assert text in log.text
