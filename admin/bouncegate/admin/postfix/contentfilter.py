"""Content filters and the way back from them (postconf(5): content_filter, smtpd_proxy_filter).

A filter behind the queue gets a message by a transport and hands it back to an smtpd(8) of its own.
That one must not filter again, so its entry in master.cf sets content_filter to nothing, or does
without the tables whose FILTER actions main.cf has, and it listens on the loopback address, since
it takes whatever comes.
"""

import re
from typing import Final

from bouncegate.admin.postfix.facts import SMTPD, Facts, Service
from bouncegate.admin.postfix.filteraction import asked

NO_MILTERS: Final = "no_milters"
"""receive_override_options (postconf(5)): the service asks no milter."""
_FILTERS: Final = ("content_filter", "smtpd_proxy_filter")
# What takes mail, and hands it to a filter of its own where master.cf says so (FILTER_README).
_ACCEPTING: Final = (SMTPD, "pickup", "qmqpd")
_LOOPBACK: Final = re.compile(r"(?:127\.[0-9.]+|localhost|\[?::1\]?):[^:]+")
# A table may hold an action for each of thousands of senders.
_MOST_SHOWN: Final = 3
_LOOPBACK_ALONE: Final = {"loopback-only", "127.0.0.1", "localhost"}


def is_reinjection(facts: Facts, service: Service) -> bool:
    """Whether a filter hands mail back to a service: it turns filters off for itself alone."""
    own = facts.options.get(service.key, {})
    is_off = any(name in own and not own[name].strip() for name in _FILTERS)
    alone = facts.values.get("inet_interfaces", "").strip() in _LOOPBACK_ALONE
    return (is_off or _drops_actions(facts, service)) and (alone or _is_loopback(service))


def _drops_actions(facts: Facts, service: Service) -> bool:
    """Whether a service does without some of the FILTER actions that main.cf has."""
    acting = {subject for subject in asked(facts) if facts.filters.get(subject)}
    own = [subject for subject in asked(facts, service) if facts.filters.get(subject)]
    return len(own) < len(acting)


def _is_loopback(service: Service) -> bool:
    return _LOOPBACK.fullmatch(service.name) is not None


def has_no_milters(facts: Facts, service: Service) -> bool:
    """Whether a service asks no milter, whatever smtpd_milters says."""
    return NO_MILTERS in facts.setting(service, "receive_override_options")


def filters(facts: Facts) -> dict[str, str]:
    """What hands mail to a filter: by service, or by the name of a parameter of main.cf."""
    found = {name: facts.values[name] for name in _FILTERS if facts.values.get(name)}
    for service in (one for program in _ACCEPTING for one in facts.services_of(program)):
        own = facts.options.get(service.key, {})
        found |= {f"{service.key}/{name}": own[name] for name in _FILTERS if own.get(name)}
    for subject, actions in facts.filters.items():
        where = [f"{destination} (FILTER in {table})" for destination, table in actions.items()]
        found |= {subject: ", ".join(where[:_MOST_SHOWN])} if where else {}
    return found


def unknown(facts: Facts) -> dict[str, tuple[str, ...]]:
    """Tables that may hand mail to a filter which cannot be known, by parameter.

    Only where that may matter: an smtpd(8) on the loopback address may be the way back from it.
    """
    smtpds = [one for one in facts.services_of(SMTPD) if _is_loopback(one)]
    if all(has_no_milters(facts, one) or is_reinjection(facts, one) for one in smtpds):
        return {}
    return dict(facts.unknown)
