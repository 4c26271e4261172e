"""Asking Postfix's programs: the edge of this part where settings are read."""

import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from bouncegate.admin.postfix.facts import Facts, Service, TableAnswers, chroot_by_default
from bouncegate.admin.postfix.filteraction import (
    CHECKS,
    CLASSES,
    LISTS,
    actions,
    classes,
    is_filter,
)
from bouncegate.admin.postfix.lookuptable import Results, results
from bouncegate.admin.postfix.senders import lookups
from bouncegate.admin.postfix.sockets import OURS, items
from bouncegate.admin.postfix.verification import REFRESH
from bouncegate.config.probe import ASKED, SIGNED

_TIMEOUT: Final = 60.0
_PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin"
# What postmap(1) can ask. A socketmap is a daemon of somebody's, and ours knows no domains.
_TABLE: Final = re.compile(r"(?:proxy:)?(?:hash|btree|cdb|lmdb|texthash|regexp|pcre):[^\s,{}]+")
# These are asked for whole addresses alone (regexp_table(5), pcre_table(5)).
_PATTERNS: Final = re.compile(r"(?:regexp|pcre):")
# For a table that a daemon answers, such as a database: one that is down is tried again for long.
_TABLE_TIMEOUT: Final = 10.0
# Tables that are looked through for FILTER actions: far more than any machine has.
_MOST_TABLES: Final = 200
_ASKED: Final = (
    "mail_version", "config_directory", "queue_directory", "compatibility_level",
    "smtpd_milters", "non_smtpd_milters", "milter_default_action", "smtpd_milter_maps",
    "transport_maps", "relay_domains", "relay_recipient_maps", "mydestination",
    "virtual_mailbox_domains", "virtual_alias_domains", "inet_interfaces", "smtpd_hard_error_limit",
    "receive_override_options", "virtual_alias_maps", "milter_macro_daemon_name",
    "myhostname", "local_recipient_maps", "virtual_mailbox_maps", "myorigin",
    "masquerade_domains", "masquerade_classes", "sender_canonical_maps",
    "sender_canonical_classes", "recipient_canonical_maps", "recipient_canonical_classes",
    "canonical_maps", "canonical_classes", "smtp_generic_maps",
    "sender_dependent_relayhost_maps", "sender_dependent_default_transport_maps",
    "smtp_sender_dependent_authentication", "smtp_sasl_password_maps", "smtpd_proxy_filter",
    "content_filter", "maillog_file", "syslog_name",
    "smtpd_authorized_verp_clients", REFRESH, "cleanup_service_name", CLASSES, *LISTS, *CHECKS,
)  # fmt: skip
TAKEN: Final = ("relay_domains", "virtual_mailbox_domains", "mydestination")
"""The lists of domains that Postfix takes mail for, which may be tables as well."""
_UNDEFINED: Final = re.compile(r"undefined parameter: (\S+)")
_UNKNOWN: Final = re.compile(r"warning: (\S+): unknown parameter")
# Columns of master.cf (master(5)).
_CHROOT: Final = 4
_COMMAND: Final = 7


class PostfixError(OSError):
    """A program of Postfix failed, or is not there; the text says which and why."""


class NotFound(PostfixError):
    """It failed without a word, which is how postmap(1) says that a key is not there."""


def is_installed() -> bool:
    """Whether this machine has a Postfix."""
    return shutil.which("postconf", path=_PATH) is not None


def ask(folder: Path | None, program: str, *arguments: str) -> str:
    """What a program of Postfix prints; raises PostfixError."""
    return run(folder, program, *arguments)[0]


def run(
    folder: Path | None,
    program: str,
    *arguments: str,
    seconds: float = _TIMEOUT,
    place: Path | None = None,
) -> tuple[str, str]:
    """What a program of Postfix, run in a `place`, prints and complains of; raises PostfixError."""
    argv = [program, *(("-c", str(folder)) if folder else ()), *arguments]
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=seconds,
            check=False,
            env={"PATH": _PATH, "LC_ALL": "C"},
            cwd=place,
        )
    except FileNotFoundError:
        raise PostfixError(f"there is no {program} on this machine") from None
    except subprocess.TimeoutExpired:
        raise PostfixError(f"{program} has not answered for {seconds:.0f} seconds") from None
    if done.returncode:
        kind = PostfixError if done.stderr.strip() else NotFound
        raise kind(f"{program} fails: {done.stderr.strip()[-300:]}")
    return done.stdout, done.stderr


def pairs(text: str) -> dict[str, str]:
    """Lines of `name = value`."""
    split = (line.partition("=") for line in text.splitlines())
    return {name.strip(): value.strip() for name, _, value in split}


def parameters(folder: Path | None, *wanted: str) -> dict[str, str]:
    """Settings of a Postfix with all their $names expanded; raises PostfixError."""
    return pairs(ask(folder, "postconf", "-x", *wanted))


def read(folder: Path | None, domains: Iterable[str] = ()) -> Facts:
    """The settings of a Postfix; None is the machine's own. Raises PostfixError.

    `domains` are the return domains, which tables are asked for.
    """
    wanted = (*_ASKED, *OURS)
    raw, complaints = run(folder, "postconf", *wanted)
    values = parameters(folder, *wanted)
    explicit = pairs(ask(folder, "postconf", "-n"))
    entries = [line.split() for line in ask(folder, "postconf", "-M").splitlines()]
    own, more = run(folder, "postconf", "-P")
    chrooted = chroot_by_default(values.get("compatibility_level", ""))
    found = Facts(
        folder=(folder or Path(values["config_directory"])).absolute(),
        raw=pairs(raw),
        values=values,
        explicit=frozenset(explicit) - {"config_directory"},
        services=tuple(_service(entry, chrooted) for entry in entries if len(entry) > _COMMAND),
        raw_options=_by_service(own),
        options=_by_service(ask(folder, "postconf", "-xP")),
        undefined=frozenset(_UNDEFINED.findall(complaints + more))
        - frozenset(_UNKNOWN.findall(complaints)),
    )
    found = _with_filters(found, folder)
    down = set[str]()
    return replace(found, told={one: _told(found, folder, one, down) for one in domains})


def _with_filters(facts: Facts, folder: Path | None) -> Facts:
    """The same, with the restriction classes and where FILTER actions lead."""
    if names := classes(facts):
        facts = replace(facts, values={**parameters(folder, *names), **facts.values})
    known: dict[str, Results | None] = {}

    def read_once(table: str) -> Results | None:
        if table not in known:
            known[table] = results(table, facts.queue) if len(known) < _MOST_TABLES else None
        return known[table]

    found = actions(facts, read_once)
    return replace(
        facts,
        filters={
            subject: {to: table for to, table in one.filters.items() if is_filter(facts, to)}
            for subject, one in found.items()
        },
        unknown={subject: one.unknown for subject, one in found.items() if one.unknown},
    )


def _told(facts: Facts, folder: Path | None, domain: str, down: set[str]) -> TableAnswers:
    """What the tables say of a return domain; `down` gets those that cannot be asked."""

    def told(name: str, key: str) -> dict[str, str]:
        found = {table: _answer(folder, table, key) for table in _tables(facts, name)}
        return {table: text for table, text in found.items() if text}

    answers = {name: " ".join(told(name, domain).values()) for name in ("transport_maps", *TAKEN)}
    return TableAnswers(
        answers={name: text for name, text in answers.items() if text},
        catches=told("transport_maps", f"{ASKED}@{domain}"),
        signed={one.subject: _of_sender(facts, one.tables, domain, down) for one in lookups(facts)},
    )


def _of_sender(facts: Facts, tables: str, domain: str, down: set[str]) -> str | None:
    """What the first table that knows a signed sender, or else its domain, says of it.

    None where one before it cannot be asked. Such a table is not asked again for other domains:
    each time would take long.
    """
    # Paths of sockets are taken from there on, as by the daemons of Postfix.
    place = facts.queue if facts.queue.is_dir() else None
    listed = [one.removeprefix("proxy:") for one in items(tables) or [tables]]
    keyed = [(f"{SIGNED}@{domain}", table) for table in listed]
    keyed += [(f"@{domain}", table) for table in listed if not _PATTERNS.match(table)]
    for key, table in keyed:
        if table in down:
            return None
        try:
            found, _ = run(
                facts.folder, "postmap", "-q", key, table, seconds=_TABLE_TIMEOUT, place=place
            )
        except NotFound:
            continue
        except PostfixError:
            down.add(table)
            return None
        return found.strip()
    return ""


def _tables(facts: Facts, name: str) -> list[str]:
    return [one for one in items(facts.values.get(name, "")) or [] if _TABLE.fullmatch(one)]


def _answer(folder: Path | None, table: str, key: str) -> str:
    """What postmap(1) finds; nothing where it ends with 1, or where the table cannot be read."""
    with suppress(PostfixError):
        return ask(folder, "postmap", "-q", key, table).strip()
    return ""


def _service(entry: list[str], chrooted: bool) -> Service:
    chroot = chrooted if entry[_CHROOT] == "-" else entry[_CHROOT] == "y"
    return Service(entry[0], entry[1], chroot, entry[_COMMAND])


def _by_service(text: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for path, value in pairs(text).items():
        service, _, name = path.rpartition("/")
        found[service][name] = value
    return dict(found)
