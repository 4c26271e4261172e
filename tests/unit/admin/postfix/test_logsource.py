"""`postfix enable` finds Postfix's log, and turns its reading on in our own config."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from bouncegate.admin.postfix.coverage import State, coverage
from bouncegate.admin.postfix.facts import Facts
from bouncegate.admin.postfix.logsource import LogSource, log_source
from bouncegate.admin.postfix.ownconfig import OwnConfig, log_values
from bouncegate.config.loading import load, loads

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


LEDGER = "[ledger]\nenabled = true\n"


@pytest.mark.parametrize("before", [SIGNED, LEDGER.rstrip(), LEDGER + "[milter]\n"])
def test_log_is_turned_on_by_a_drop_in_and_nothing_else_is_changed(
    before: str, tmp_path: Path
) -> None:
    config = tmp_path / "bouncegate.toml"
    config.write_text(before)
    file = Path('/var/log/odd "name".log')
    own = OwnConfig(config)
    assert own.set(log_values(LogSource("file", file, "postfix-out")))
    assert own.after is not None
    own.path.parent.mkdir()
    own.path.write_bytes(own.after)
    assert config.read_text() == before
    maillog = load(config).maillog
    assert (maillog.source, maillog.file, maillog.syslog_name) == ("file", file, "postfix-out")
    assert replace(load(config), maillog=loads(before).maillog) == loads(before)


@pytest.mark.parametrize("lines", ['[maillog]\nsource = "none"\n', "[maillog]\n"])
@pytest.mark.parametrize("name", ["bouncegate.toml", "conf.d/90-site.toml"])
def test_log_that_somebody_has_set_is_seen_in_every_file(
    lines: str, name: str, tmp_path: Path
) -> None:
    (tmp_path / "conf.d").mkdir()
    config = tmp_path / "bouncegate.toml"
    config.write_text("")
    assert not OwnConfig(config).sets("maillog")
    (tmp_path / name).write_text(lines)
    assert OwnConfig(config).sets("maillog")


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
