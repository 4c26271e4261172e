"""Whether a Postfix is wired to the daemons: read by postconf(1), changed by nobody here."""

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from bouncegate.config.settings import Settings
from bouncegate.config.values import Endpoint, UnixSocket
from bouncegate.doctor.finding import Finding, Severity

_NAME: Final = "postfix"
_PATIENCE: Final = 20.0
_PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin"
# What postmap(1) can ask; a socketmap is a daemon of somebody's, and ours knows no domains.
_TABLE: Final = re.compile(r"\b(?:hash|btree|cdb|lmdb|texthash|regexp|pcre):[^\s,{}]+")
_ASKED: Final = (
    "mail_version", "queue_directory", "smtpd_milters", "non_smtpd_milters", "transport_maps",
    "milter_default_action", "relay_domains", "virtual_mailbox_domains", "mydestination",
)  # fmt: skip
# The lists of domains that Postfix takes mail for, which may be tables as well.
_TAKEN: Final = ("relay_domains", "virtual_mailbox_domains", "mydestination")
_ACTION: Final = re.compile(r"default_action\s*=\s*(\w+)")
# An item of smtpd_milters: a bare endpoint, or one in braces with settings of its own (3.0).
_ITEM: Final = re.compile(r"\{[^}]*\}|[^\s,]+")
_HOW: Final = 'see "Attach it to Postfix" in the README'


def check_postfix(settings: Settings, folder: Path | None) -> Iterator[Finding]:
    """The Postfix of a configuration folder; None: the machine's own."""
    if shutil.which("postconf", path=_PATH) is None:
        text = "postconf is not here: whether Postfix is attached cannot be seen"
        yield Finding(_NAME, Severity.NOTE, text, "run this on the mail server")
        return
    try:
        values = parameters(folder, *_ASKED)
        overrides = _pairs(_told(folder, "postconf", "-xP", "*/*/smtpd_milters"))
        services = [line.split() for line in _told(folder, "postconf", "-M").splitlines()]
    except OSError as error:
        mend = "mend main.cf, or name its folder with --postfix"
        yield Finding(_NAME, Severity.ERROR, str(error), mend)
        return
    for name in ("transport_maps", *_TAKEN):
        values[name] = _resolved(folder, settings, values.get(name, ""))
    yield from wiring(settings, values)
    yield from of_services(settings, values, overrides, services)


def parameters(folder: Path | None, *names: str) -> dict[str, str]:
    """Settings of a Postfix with all their $names expanded; raises OSError."""
    return _pairs(_told(folder, "postconf", "-x", *names))


def _told(folder: Path | None, program: str, *arguments: str) -> str:
    """What a program of Postfix prints; raises OSError."""
    argv = [program, *(("-c", str(folder)) if folder else ()), *arguments]
    done = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_PATIENCE,
        check=False,
        env={"PATH": _PATH, "LC_ALL": "C"},
    )
    if done.returncode:
        raise OSError(f"{program} fails: {done.stderr.strip()[:200]}")
    return done.stdout


def _pairs(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _resolved(folder: Path | None, settings: Settings, maps: str) -> str:
    """A parameter with what its tables say of the return domain, where only they know."""
    domain = str(settings.return_path.domain)
    if not domain:
        return maps
    found = []
    for table in _TABLE.findall(maps):
        with suppress(OSError):  # postmap(1) ends with 1 where the table does not know it
            found.append(f"{domain}={_told(folder, 'postmap', '-q', domain, table).strip()}")
    return " ".join([maps, *found])


def of_services(
    settings: Settings,
    values: Mapping[str, str],
    overrides: Mapping[str, str],
    services: Sequence[Sequence[str]],
) -> Iterator[Finding]:
    """What master.cf says: services with milters of their own, and those in a chroot.

    `overrides` maps `service/type/smtpd_milters` to a value, `services` are the fields of
    master(5), the chroot's "y" or "n" the fifth of them and the program the eighth.
    """
    queue = Path(values.get("queue_directory", "/var/spool/postfix"))
    ours = _names(settings.milter.socket, queue)
    for name, value in overrides.items():
        if not _names_any(value, ours):
            service = name.removesuffix("/smtpd_milters")
            text = f"{service} has smtpd_milters of its own: what it takes is never refused"
            mend = f"add the milter to -o smtpd_milters of {service} in master.cf, or let it be"
            yield Finding(_NAME, Severity.WARNING, text, mend)
    caged = [one[0] for one in services if one[4:5] == ["y"] and one[7:8] == ["smtpd"]]
    socket = settings.milter.socket
    if caged and isinstance(socket, UnixSocket):
        below = f"unix:{socket.path.relative_to(queue)}" if len(ours) > 1 else ""
        milters = values.get("smtpd_milters", "")
        if f"unix:{socket.path}" in milters and not (below and below in milters):
            text = f"{', '.join(caged)}: in a chroot, where {socket.path} is out of sight"
            mend = f"put the socket below {queue}, and name it from there on, without the first /"
            yield Finding(_NAME, Severity.ERROR, text, mend)


def wiring(settings: Settings, values: Mapping[str, str]) -> Iterator[Finding]:
    """What the parameters of a Postfix say about both paths."""
    queue = Path(values.get("queue_directory", "/var/spool/postfix"))
    ours = _names(settings.milter.socket, queue)
    milters = _ITEM.findall(values.get("smtpd_milters", ""))
    table = {f"socketmap:{name}" for name in _names(settings.map.socket, queue)}
    mine = next((item for item in milters if _names_any(item, ours)), None)
    if mine is None and _names_any(values.get("transport_maps", ""), table):
        text = "the milter is not in smtpd_milters, but the map is in transport_maps, and refuses"
        yield Finding(_NAME, Severity.NOTE, text, "docs/send-path.md says what each of them sees")
    elif mine is None:
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
    ours = _names(settings.return_path.socket, queue)
    if _names_any(maps, {domain}) and _names_any(maps, ours):
        yield Finding(_NAME, Severity.OK, f"mail to {domain} goes to the return path")
    else:
        text = f"transport_maps does not show that {domain} goes to the return path"
        mend = f"{_HOW}; if a table says so, postmap -q {domain} TABLE shows it"
        yield Finding(_NAME, Severity.WARNING, text, mend)
    if not any(_names_any(values.get(name, ""), {domain}) for name in _TAKEN):
        text = f"{domain} is in no list of domains that Postfix takes mail for: bounces are refused"
        yield Finding(_NAME, Severity.WARNING, text, f"add {domain} to relay_domains")


def _names_any(text: str, names: Iterable[str]) -> bool:
    """Whether any of the names stands in a parameter, as a whole."""
    return any(re.search(rf"(?<![\w./-]){re.escape(name)}(?![\w./-])", text) for name in names)


def _names(endpoint: Endpoint, queue: Path) -> set[str]:
    """How Postfix may write an endpoint: a path below the queue folder also from there on."""
    if not isinstance(endpoint, UnixSocket):
        return {str(endpoint)}
    names = {f"unix:{endpoint.path}"}
    if endpoint.path.is_relative_to(queue):
        names.add(f"unix:{endpoint.path.relative_to(queue)}")
    return names
