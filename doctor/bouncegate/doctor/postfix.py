"""Whether a Postfix is wired to the daemons: read by postconf(1), changed by nobody here."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from bouncegate.config.settings import Settings
from bouncegate.config.values import Endpoint, UnixSocket
from bouncegate.doctor.finding import Finding, Severity

_NAME: Final = "postfix"
_PATIENCE: Final = 20.0
_ASKED: Final = (
    "mail_version", "queue_directory", "smtpd_milters", "non_smtpd_milters", "transport_maps",
    "milter_default_action", "relay_domains", "virtual_mailbox_domains", "mydestination",
)  # fmt: skip
_ACTION: Final = re.compile(r"default_action\s*=\s*(\w+)")
# An item of smtpd_milters: a bare endpoint, or one in braces with settings of its own (3.0).
_ITEM: Final = re.compile(r"\{[^}]*\}|[^\s,]+")
_HOW: Final = 'see "Attach it to Postfix" in the README'


def check_postfix(settings: Settings, folder: Path | None) -> Iterator[Finding]:
    """The Postfix of a configuration folder; None: the machine's own."""
    if shutil.which("postconf") is None:
        text = "postconf is not here: whether Postfix is attached cannot be seen"
        yield Finding(_NAME, Severity.NOTE, text, "run this on the mail server")
        return
    argv = ["postconf", *(("-c", str(folder)) if folder else ()), *_ASKED]
    done = subprocess.run(
        argv, capture_output=True, text=True, errors="replace", timeout=_PATIENCE, check=False
    )
    if done.returncode:
        text = f"postconf fails: {done.stderr.strip()[:200]}"
        mend = "mend main.cf, or name its folder with --postfix"
        yield Finding(_NAME, Severity.ERROR, text, mend)
        return
    pairs = (line.partition(" = ") for line in done.stdout.splitlines())
    values = {name.rstrip(" ="): value.strip() for name, _, value in pairs}
    yield from wiring(settings, values)


def wiring(settings: Settings, values: Mapping[str, str]) -> Iterator[Finding]:
    """What the parameters of a Postfix say about both paths."""
    queue = Path(values.get("queue_directory", "/var/spool/postfix"))
    ours = _names(settings.milter.socket, queue)
    milters = _ITEM.findall(values.get("smtpd_milters", ""))
    mine = next((item for item in milters if any(name in item for name in ours)), None)
    if mine is None:
        where = " or ".join(sorted(ours))
        text = f"smtpd_milters does not name {where}: no recipient is ever refused"
        yield Finding(_NAME, Severity.ERROR, text, _HOW)
    else:
        yield from _default_action(mine, values)
    if settings.return_path.domain:
        yield from _return_path(settings, values, queue)


def _default_action(item: str, values: Mapping[str, str]) -> Iterator[Finding]:
    own = _ACTION.search(item)
    action = own[1] if own else values.get("milter_default_action", "tempfail")
    version = values.get("mail_version", "")
    if action == "accept":
        text = f"Postfix {version} asks the milter, and mails where it does not answer"
        yield Finding(_NAME, Severity.OK, text)
    else:
        text = f"default_action is {action}: while the milter does not answer, no mail is taken"
        yield Finding(_NAME, Severity.WARNING, text, "put default_action=accept into its braces")


def _return_path(settings: Settings, values: Mapping[str, str], queue: Path) -> Iterator[Finding]:
    domain = str(settings.return_path.domain)
    maps = values.get("transport_maps", "")
    known = (values.get(name, "") for name in ("relay_domains", "virtual_mailbox_domains"))
    if domain in maps and any(name in maps for name in _names(settings.return_path.socket, queue)):
        yield Finding(_NAME, Severity.OK, f"mail to {domain} goes to the return path")
    else:
        text = f"transport_maps does not show that {domain} goes to the return path"
        mend = f"{_HOW}; if a table says so, postmap -q {domain} TABLE shows it"
        yield Finding(_NAME, Severity.WARNING, text, mend)
    if not any(domain in value for value in (*known, values.get("mydestination", ""))):
        text = f"{domain} is in no list of domains that Postfix takes mail for: bounces are refused"
        yield Finding(_NAME, Severity.WARNING, text, f"add {domain} to relay_domains")


def _names(endpoint: Endpoint, queue: Path) -> set[str]:
    """How Postfix may write an endpoint: a path below the queue folder also from there on."""
    if not isinstance(endpoint, UnixSocket):
        return {str(endpoint)}
    names = {f"unix:{endpoint.path}"}
    if endpoint.path.is_relative_to(queue):
        names.add(f"unix:{endpoint.path.relative_to(queue)}")
    return names
