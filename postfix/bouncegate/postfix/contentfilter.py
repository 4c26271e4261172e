"""Content filters and the way back from them (postconf(5): content_filter, smtpd_proxy_filter).

A filter behind the queue gets a message by a transport and hands it back to an smtpd(8) of its own.
That one must not filter again, so its entry in master.cf sets content_filter to nothing, and it
listens on the loopback address, since it takes whatever comes.
"""

import re
from typing import Final

from bouncegate.postfix.running import SMTPD, Running, Service

NO_MILTERS: Final = "no_milters"
"""receive_override_options (postconf(5)): the service asks no milter."""
_FILTERS: Final = ("content_filter", "smtpd_proxy_filter")
_LOOPBACK: Final = re.compile(r"(?:127\.[0-9.]+|localhost|\[?::1\]?):[^:]+")
_LOOPBACK_ALONE: Final = {"loopback-only", "127.0.0.1", "localhost"}


def is_way_back(running: Running, service: Service) -> bool:
    """Whether a filter hands mail back to a service: it turns filters off for itself alone."""
    own = running.options.get(service.key, {})
    is_off = any(name in own and not own[name].strip() for name in _FILTERS)
    alone = running.values.get("inet_interfaces", "").strip() in _LOOPBACK_ALONE
    return is_off and (alone or _LOOPBACK.fullmatch(service.name) is not None)


def asks_no_milter(running: Running, service: Service) -> bool:
    """Whether a service asks no milter, whatever smtpd_milters says."""
    return NO_MILTERS in running.setting(service, "receive_override_options")


def filters(running: Running) -> dict[str, str]:
    """What hands mail to a filter: by service, or by the name of a parameter of main.cf."""
    found = {name: running.values[name] for name in _FILTERS if running.values.get(name)}
    for service in running.running(SMTPD):
        own = running.options.get(service.key, {})
        found |= {f"{service.key}/{name}": own[name] for name in _FILTERS if own.get(name)}
    return found
