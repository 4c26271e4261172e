"""Content filters, and the smtpd(8) that takes mail back from them (FILTER_README).

An after-queue filter gets a message by a transport and re-injects it through an smtpd(8) of its
own. That one must not filter again: its entry in master.cf empties content_filter, or leaves out
the tables with the FILTER actions of main.cf. It listens on the loopback address, since it accepts
all mail.
"""

import re
from typing import Final

from bouncegate.admin.postfix.facts import SMTPD, Facts, Service
from bouncegate.admin.postfix.filteraction import asked

NO_MILTERS: Final = "no_milters"
"""receive_override_options (postconf(5)): the service asks no milter."""
_FILTERS: Final = ("content_filter", "smtpd_proxy_filter")
# Programs that accept mail, and may have a filter of their own in master.cf (FILTER_README).
_ACCEPTING: Final = (SMTPD, "pickup", "qmqpd")
_LOOPBACK: Final = re.compile(r"(?:127\.[0-9.]+|localhost|\[?::1\]?):[^:]+")
# A table may hold an action for each of thousands of senders.
_MOST_SHOWN: Final = 3
_LOOPBACK_ALONE: Final = {"loopback-only", "127.0.0.1", "localhost"}


def is_reinjection(facts: Facts, service: Service) -> bool:
    """Whether a filter re-injects mail through a service: only this service turns filters off."""
    own = facts.options.get(service.key, {})
    is_off = any(name in own and not own[name].strip() for name in _FILTERS)
    alone = facts.values.get("inet_interfaces", "").strip() in _LOOPBACK_ALONE
    return (is_off or _drops_actions(facts, service)) and (alone or _is_loopback(service))


def _drops_actions(facts: Facts, service: Service) -> bool:
    """Whether a service leaves out some of the FILTER actions of main.cf."""
    acting = {subject for subject in asked(facts) if facts.filters.get(subject)}
    own = [subject for subject in asked(facts, service) if facts.filters.get(subject)]
    return len(own) < len(acting)


def _is_loopback(service: Service) -> bool:
    return _LOOPBACK.fullmatch(service.name) is not None


def has_no_milters(facts: Facts, service: Service) -> bool:
    """Whether a service ignores smtpd_milters (receive_override_options)."""
    return NO_MILTERS in facts.setting(service, "receive_override_options")


def filters(facts: Facts) -> dict[str, str]:
    """The filters, by service, or by parameter of main.cf."""
    found = {name: facts.values[name] for name in _FILTERS if facts.values.get(name)}
    for service in (one for program in _ACCEPTING for one in facts.services_of(program)):
        own = facts.options.get(service.key, {})
        found |= {f"{service.key}/{name}": own[name] for name in _FILTERS if own.get(name)}
    for subject, actions in facts.filters.items():
        where = [f"{destination} (FILTER in {table})" for destination, table in actions.items()]
        found |= {subject: ", ".join(where[:_MOST_SHOWN])} if where else {}
    return found


def unknown(facts: Facts) -> dict[str, tuple[str, ...]]:
    """By parameter, tables whose FILTER actions cannot be read.

    Only where that matters: an smtpd(8) on the loopback address may take mail back from it.
    """
    smtpds = [one for one in facts.services_of(SMTPD) if _is_loopback(one)]
    if all(has_no_milters(facts, one) or is_reinjection(facts, one) for one in smtpds):
        return {}
    return dict(facts.unknown)
