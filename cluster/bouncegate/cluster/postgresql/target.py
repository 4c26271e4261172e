"""Where the engine is: the setting `[cluster] database`, checked and completed.

A connection that leaves the machine is encrypted, and the server's certificate is checked against
its name: who could read or answer it would see when machines have bounces, and could keep them from
others. Sealing hides only what entries say.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from itertools import zip_longest
from typing import Final

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bouncegate.cluster.errors import EngineRefused

CONNECT_TIMEOUT: Final = 5
"""Seconds for each host."""

# A peer that is gone is noticed within 10 s with data under way, and within 25 s without.
_NETWORK: Final = {
    "connect_timeout": str(CONNECT_TIMEOUT),
    "tcp_user_timeout": "10000",
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
}
_PRIMARY: Final = "read-write"
_CHECKED: Final = "verify-full"


class Target:
    """One or several servers; the first that takes writes is used."""

    def __init__(self, database: str, *, application: str = "bouncegate") -> None:
        """Take what libpq takes, `host=... dbname=...` or `postgresql://...`; raises
        EngineRefused for what is not safe.
        """
        given = _parsed(database)
        self.is_local: Final = all(map(is_local, _hosts(given)))
        """Whether no connection leaves this machine."""
        self.conninfo: Final = make_conninfo(**_completed(given, application, self.is_local))

    def __str__(self) -> str:
        """As messages name it, without a password."""
        given = _parsed(self.conninfo)
        hosts = " or ".join(_hosts(given)) or "the local socket"
        return f"{given.get('dbname', given.get('user', 'database'))} at {hosts}"


def _parsed(database: str) -> dict[str, str]:
    try:
        given = {k: str(v) for k, v in conninfo_to_dict(database).items() if v is not None}
    except psycopg.ProgrammingError as error:
        raise EngineRefused(f"invalid database: {error}".strip()) from None
    if "service" in given:
        raise EngineRefused("invalid database: write host and dbname in place of a service")
    return given


def _completed(given: Mapping[str, str], application: str, is_local: bool) -> dict[str, str]:
    attrs = given.get("target_session_attrs", _PRIMARY)
    if attrs not in {_PRIMARY, "primary"}:
        raise EngineRefused(
            f"invalid target_session_attrs '{attrs}': only the primary tells where the log ends; "
            "leave it out"
        )
    whole = {**_NETWORK, "application_name": application, **given, "target_session_attrs": _PRIMARY}
    if not is_local:
        mode = given.get("sslmode") or _default("sslmode")
        if mode != _CHECKED:
            raise EngineRefused(
                f"sslmode '{mode}' is not safe over a network: write sslmode=verify-full and "
                "sslrootcert=FILE with the authority of the server's certificate"
            )
        # Kerberos's own encryption would come first, and not be checked by a certificate.
        whole |= {"sslmode": mode, "gssencmode": "disable"}
    return whole


def _hosts(given: Mapping[str, str]) -> list[str]:
    """What libpq will connect to: of each server its hostaddr, or else its host."""
    addresses, hosts = (
        (given.get(keyword) or _default(keyword)).split(",") for keyword in ("hostaddr", "host")
    )
    pairs = zip_longest(addresses, hosts, fillvalue="")
    return [address.strip() or host.strip() for address, host in pairs]


def _default(keyword: str) -> str:
    """What libpq takes from the environment, or by itself."""
    found = {one.keyword.decode(): one.val for one in pq.Conninfo.get_defaults()}
    return (found.get(keyword) or b"").decode()


def is_local(host: str) -> bool:
    """Whether a host is a unix socket (libpq: "", /path, @abstract) or the loopback interface."""
    if host in {"", "localhost"} or host.startswith(("/", "@")):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
