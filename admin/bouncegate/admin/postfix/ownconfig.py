"""The lines of bouncegate.toml that `postfix enable` changes: `[milter] mode` and `[maillog]`."""

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from bouncegate.admin.postfix.logsource import LogSource
from bouncegate.config.loading import loads
from bouncegate.config.problems import ConfigError

_NEXT: Final = re.compile(r"^[ \t]*\[", re.MULTILINE)


def with_mode(octets: bytes | None, mode: str) -> bytes | None:
    """The config file with this mode and no other change; None if that cannot be done safely."""
    try:
        text = (octets or b"").decode("utf-8")
        changed = _changed(text, "milter", {"mode": mode})
        wanted = loads(text)
        wanted = replace(wanted, milter=replace(wanted.milter, mode=mode))
        return changed.encode() if loads(changed) == wanted else None
    except (UnicodeDecodeError, ConfigError):
        return None


def with_log(octets: bytes | None, log: LogSource) -> bytes | None:
    """The config file with a log source; None if that cannot be done safely.

    Also None if the file has a [maillog] already.
    """
    try:
        text = (octets or b"").decode("utf-8")
        if "maillog" in tomllib.loads(text):
            return None
        values = {"source": log.source, "syslog_name": log.syslog_name}
        if log.source == "file":
            values["file"] = str(log.file)
        changed = _changed(text, "maillog", values)
        wanted = loads(text)
        maillog = replace(wanted.maillog, source=log.source, syslog_name=log.syslog_name)
        if log.source == "file":
            maillog = replace(maillog, file=log.file)
        wanted = replace(wanted, maillog=maillog)
        return changed.encode() if loads(changed) == wanted else None
    except (UnicodeDecodeError, ConfigError, tomllib.TOMLDecodeError):
        return None


def _changed(text: str, table: str, values: Mapping[str, str]) -> str:
    head = re.compile(rf"^[ \t]*\[[ \t]*{table}[ \t]*\][ \t]*(?:#.*)?$", re.MULTILINE)
    section = head.search(text)
    if section is None:
        gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
        return f"{text}{gap}[{table}]\n{lines}"
    following = _NEXT.search(text, section.end())
    end = following.start() if following else len(text)
    body = text[section.end() : end]
    for key, value in values.items():
        known = re.compile(rf"""^([ \t]*{key}[ \t]*=[ \t]*)(["'])[^"'\n]*\2""", re.MULTILINE)
        literal = json.dumps(value)
        if known.search(body):
            escaped = literal.replace("\\", r"\\")
            body = known.sub(rf"\g<1>{escaped}", body, count=1)
        else:
            body = f"\n{key} = {literal}{body}"
    return text[: section.end()] + body + text[end:]
