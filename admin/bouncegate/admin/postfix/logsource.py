"""Where a Postfix logs, as far as `bouncegate maintain` can read it.

postlogd(8) writes a file of its own (maillog_file, 3.4); otherwise syslog has the log. The journal
is preferred to a file of syslogd: it records who wrote a line, so that its lines are evidence.
"""

import grp
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from bouncegate.admin.postfix.facts import Facts

_FILES: Final = (Path("/var/log/mail.log"), Path("/var/log/maillog"))
_JOURNAL: Final = Path("/run/systemd/journal/socket")
_GROUP: Final = "adm"
"""That of the unit, which may read the files of syslogd and the journal on Debian."""


class LogSource(NamedTuple):
    """The values for `[maillog]`."""

    source: Literal["file", "journal"]
    file: Path
    syslog_name: str

    @property
    def name(self) -> str:
        """For people."""
        return "the journal" if self.source == "journal" else str(self.file)


def log_source(
    facts: Facts, store: Path, files: Sequence[Path] = _FILES, journal: Path = _JOURNAL
) -> LogSource | None:
    """The log of a Postfix; None if no readable one is found.

    The owner of the store's folder reads it.
    """
    name = facts.values.get("syslog_name") or "postfix"
    own = facts.values.get("maillog_file", "")
    if not own and journal.exists() and shutil.which("journalctl"):
        return LogSource("journal", files[0], name)
    candidates = [Path(own)] if own else files
    found = (one for one in candidates if _is_readable(one, store))
    return next((LogSource("file", one, name) for one in found), None)


def _is_readable(path: Path, store: Path) -> bool:
    """Whether the owner of the store may read a file, by itself or by the unit's group."""
    try:
        found, reader = path.stat(), store.stat().st_uid
    except OSError:
        return False
    bits = found.st_mode
    return stat.S_ISREG(bits) and bool(
        reader == 0
        or (found.st_uid == reader and bits & stat.S_IRUSR)
        or (_is_of_group(found.st_gid) and bits & stat.S_IRGRP)
        or bits & stat.S_IROTH
    )


def _is_of_group(number: int) -> bool:
    try:
        return grp.getgrnam(_GROUP).gr_gid == number
    except KeyError:
        return False
