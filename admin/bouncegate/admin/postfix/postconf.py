"""Reading the settings of a Postfix with postconf(1)."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from bouncegate.admin.postfix.command import ask, run
from bouncegate.admin.postfix.facts import Facts, Service, chroot_by_default
from bouncegate.admin.postfix.filteraction import (
    CHECKS,
    CLASSES,
    LISTS,
    actions,
    classes,
    is_filter,
)
from bouncegate.admin.postfix.lookuptable import Results, results
from bouncegate.admin.postfix.postmap import table_answers
from bouncegate.admin.postfix.sockets import OURS
from bouncegate.admin.postfix.verification import REFRESH

# Tables that are read for FILTER actions: far more than any machine has.
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
_UNDEFINED: Final = re.compile(r"undefined parameter: (\S+)")
_UNKNOWN: Final = re.compile(r"warning: (\S+): unknown parameter")
# Columns of master.cf (master(5)).
_CHROOT: Final = 4
_COMMAND: Final = 7


def pairs(text: str) -> dict[str, str]:
    """Lines of `name = value`."""
    split = (line.partition("=") for line in text.splitlines())
    return {name.strip(): value.strip() for name, _, value in split}


def parameters(folder: Path | None, *names: str) -> dict[str, str]:
    """Parameters of a Postfix, with every $name expanded; raises PostfixError."""
    return pairs(ask(folder, "postconf", "-x", *names))


def read(folder: Path | None, domains: Iterable[str] = ()) -> Facts:
    """The settings of a Postfix, and what its tables say of return domains; raises PostfixError.

    `folder` is its config_directory; None: that of this machine.
    """
    names = (*_ASKED, *OURS)
    raw, complaints = run(folder, "postconf", *names)
    values = parameters(folder, *names)
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
    return replace(found, tables=table_answers(found, tuple(domains)))


def _with_filters(facts: Facts, folder: Path | None) -> Facts:
    """The same, with restriction classes and FILTER actions."""
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


def _service(entry: list[str], chrooted: bool) -> Service:
    chroot = chrooted if entry[_CHROOT] == "-" else entry[_CHROOT] == "y"
    return Service(entry[0], entry[1], chroot, entry[_COMMAND])


def _by_service(text: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for path, value in pairs(text).items():
        service, _, name = path.rpartition("/")
        found[service][name] = value
    return dict(found)
