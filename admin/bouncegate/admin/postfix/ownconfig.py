"""Our own settings that `postfix enable` makes: a drop-in beside bouncegate.toml.

bouncegate.toml is the administrator's, and a conffile of the package: a program that edits it makes
dpkg ask at the next upgrade. So a change goes into a file of its own, which is read after it.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bouncegate.admin.postfix.install import content_of
from bouncegate.admin.postfix.logsource import LogSource
from bouncegate.admin.postfix.sharing import with_instance
from bouncegate.config.loading import settings_of
from bouncegate.config.problems import ConfigError
from bouncegate.config.settings import Settings
from bouncegate.config.sources import Source, drop_in_folder, merged, sources_of

NAME: Final = "50-postfix-enable.toml"
"""Before the drop-ins of an administrator who names them 90-site.toml."""
Values = Mapping[str, Mapping[str, object]]
"""By table, then by key."""

_HEADING: Final = """\
# Written by "bouncegate postfix enable", removed by "bouncegate postfix disable". These settings
# replace those of bouncegate.toml; a file of a later name in this folder replaces them.
"""
_NEXT: Final = re.compile(r"^[ \t]*\[", re.MULTILINE)
_WANTED: Final = "postfix enable"


class OwnConfig:
    """The files of our configuration, and the drop-in that is to be written."""

    def __init__(self, config: Path) -> None:
        """Read the files; raises ConfigError and OSError."""
        own = drop_in_of(config)
        self.path: Final = own.resolve()
        self.before: Final = content_of(self.path)
        self.after = self.before
        self._text = ""
        self._earlier: list[Source] = []
        self._later: list[Source] = []
        for source in sources_of(config, optional=True):
            path = Path(source.name)
            if path == own:
                self._text = source.text
            elif path.parent == own.parent and path.name > own.name:
                self._later.append(source)
            else:
                self._earlier.append(source)

    @property
    def settings(self) -> Settings:
        """The settings with the drop-in as it is now; raises ConfigError."""
        return settings_of(self._with(self._text))

    def wanted(self, values: Values) -> Settings:
        """The settings with these values; raises ConfigError."""
        lines = "".join(f"[{table}]\n{_lines(keys)}" for table, keys in values.items())
        return settings_of([*self._with(self._text), Source(_WANTED, lines)])

    def sets(self, table: str) -> bool:
        """Whether a file has this table; raises ConfigError."""
        return table in merged(self._with(self._text)).table

    def set(self, values: Values) -> bool:
        """Change the drop-in; False, without a change, if another file prevents it."""
        text = self._text or _HEADING
        for table, keys in values.items():
            text = changed(text, table, keys)
        try:
            if settings_of(self._with(text)) != self.wanted(values):
                return False
        except ConfigError:
            return False
        self._text = text
        self.after = text.encode()
        return True

    def attach(self, folder: Path) -> None:
        """Name a configuration of Postfix in the drop-in, if there is one."""
        if self._text:
            self._text = with_instance(self._text, folder)
            self.after = self._text.encode()

    def _with(self, text: str) -> list[Source]:
        return [*self._earlier, Source(str(self.path), text), *self._later]


def drop_in_of(config: Path) -> Path:
    """The drop-in that belongs to a config file."""
    return drop_in_folder(config) / NAME


def log_values(log: LogSource) -> Values:
    """`[maillog]` for a log."""
    file = {"file": str(log.file)} if log.source == "file" else {}
    return {"maillog": {"source": log.source, "syslog_name": log.syslog_name, **file}}


def _lines(values: Mapping[str, object]) -> str:
    # What JSON writes of text, numbers, truth and lists of them is TOML too.
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())


def changed(text: str, table: str, values: Mapping[str, object]) -> str:
    """A TOML text with these keys of a table; values that stand on one line are replaced."""
    head = re.compile(rf"^[ \t]*\[[ \t]*{table}[ \t]*\][ \t]*(?:#.*)?$", re.MULTILINE)
    section = head.search(text)
    if section is None:
        gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
        return f"{text}{gap}[{table}]\n{_lines(values)}"
    following = _NEXT.search(text, section.end())
    end = following.start() if following else len(text)
    body = text[section.end() : end]
    for key, value in values.items():
        known = re.compile(rf"^([ \t]*{key}[ \t]*=[ \t]*)[^\n]*", re.MULTILINE)
        literal = json.dumps(value)
        if known.search(body):
            escaped = literal.replace("\\", r"\\")
            body = known.sub(rf"\g<1>{escaped}", body, count=1)
        else:
            body = f"\n{key} = {literal}{body}"
    return text[: section.end()] + body + text[end:]
