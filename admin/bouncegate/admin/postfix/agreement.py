"""What does not fit among the settings, or between them and Postfix's parameters."""

import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv6Network, collapse_addresses, ip_address, ip_network
from typing import Final, NamedTuple

from bouncegate.admin.postfix.facts import Facts
from bouncegate.admin.postfix.senders import sender_effects
from bouncegate.config.endpoints import InetSocket
from bouncegate.config.settings import Settings
from bouncegate.config.values import Network

PARAMETERS: Final = ("maximal_queue_lifetime", "bounce_queue_lifetime", "mynetworks")
"""The parameters of Postfix that `with_postfix` reads."""

_QUEUE_TIMES: Final = PARAMETERS[:2]
# Units of postconf(5); both parameters are in days without one.
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400, "": 86_400}
_TIME: Final = re.compile(r"(\d+)([smhdw]?)")
_LOCAL: Final = (ip_network("127.0.0.0/8"), ip_network("::1"))


class Disagreement(NamedTuple):
    """Two things that do not fit, what that means for mail, and what to do."""

    text: str
    fix: str


def of_settings(settings: Settings) -> Iterator[Disagreement]:
    """What does not fit in the config file alone."""
    own = settings.return_path
    if own.domain and own.sign == "own" and not (own.own_domains or own.sender_dependent):
        text = '[return_path] sign is "own", but own_domains is empty: no sender is signed'
        yield Disagreement(text, 'list your domains in own_domains, or set sign = "all"')
    sockets = (
        ("milter", settings.milter.socket, "learn which addresses are locked"),
        ("return_path", own.socket, "hand in bounces past Postfix"),
        ("map", settings.map.socket, "learn which addresses are locked"),
    )
    for name, socket, harm in sockets:
        if isinstance(socket, InetSocket) and not ip_address(socket.host.strip("[]")).is_loopback:
            text = f"[{name}] socket is {socket}: other machines that reach it can {harm}"
            yield Disagreement(text, "use a unix: socket, or let only your mail servers reach it")


def with_postfix(settings: Settings, values: Mapping[str, str]) -> Iterator[Disagreement]:
    """What does not fit between the settings and Postfix's parameters."""
    if settings.signs:
        yield from _too_short(settings, values)
    theirs = _networks(values.get("mynetworks", ""))
    if theirs is None:  # tables, whose content postconf(1) does not show
        return
    ours = settings.outbound.networks
    if lacking := _outside(theirs, ours):
        text = f"[outbound] networks lacks {lacking}, of mynetworks: mail from there is not checked"
        yield Disagreement(text, "add it to networks, if its clients send without login")
    if more := _outside(ours, theirs):
        text = f"mynetworks lacks {more}, of [outbound] networks: strangers' mail is checked too"
        yield Disagreement(text, "remove it from networks, unless mail from there is yours")


def with_tables(settings: Settings, facts: Facts) -> Iterator[Disagreement]:
    """What Postfix's tables do to signed senders, and to the bounces that come back."""
    for effect in sender_effects(settings, facts):
        yield Disagreement(f"{effect.subject} {effect.text}", effect.fix)


def _too_short(settings: Settings, values: Mapping[str, str]) -> Iterator[Disagreement]:
    lifetime = settings.return_path.lifetime
    for name in _QUEUE_TIMES:
        found = _TIME.fullmatch(values.get(name, ""))
        if found and int(found[1]) * _SECONDS[found[2]] > lifetime.after(0):
            text = (
                f"{name} is {found[0]}, longer than [return_path] lifetime, {lifetime}: bounces of "
                "mail that waits as long are refused"
            )
            yield Disagreement(text, f"set lifetime to more than {name}")


def _networks(value: str) -> list[Network] | None:
    """The networks of mynetworks; None if it has others than literal ones."""
    try:
        found = [
            ip_network(re.sub(r"[\[\]]", "", one)) for one in re.split(r"[\s,]+", value) if one
        ]
    except ValueError:
        return None
    # ::ffff:0:0/96 are IPv4 addresses once more.
    return [one for one in found if not _is_mapped(one)]


def _is_mapped(network: Network) -> bool:
    return isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None


def _outside(some: Iterable[Network], others: Iterable[Network]) -> str:
    """Those that none of the others contains, as text; this machine's own are never meant."""
    merged: list[Network] = [
        *collapse_addresses(one for one in others if one.version == 4),
        *collapse_addresses(one for one in others if one.version == 6),
        *_LOCAL,
    ]
    return ", ".join(str(one) for one in some if not any(_contains(big, one) for big in merged))


def _contains(big: Network, small: Network) -> bool:
    if big.version != small.version or big.prefixlen > small.prefixlen:
        return False
    return small.network_address in big
