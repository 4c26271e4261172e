"""Where daemons listen, and whom they ask: sockets, and name servers.

Each parser takes what the TOML file holds and returns the typed value, or raises ValueError with a
text that says what would be right.
"""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final

from bouncegate.config.text import text_of

# sun_path holds 108 octets with its NUL (unix(7)).
_LONGEST_SOCKET_PATH: Final = 107


@dataclass(frozen=True, slots=True)
class UnixSocket:
    """A socket in the file system."""

    path: Path

    def __str__(self) -> str:
        """As the config file writes it."""
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class InetSocket:
    """A TCP socket; the host is a literal address, never a name that DNS could change."""

    host: str
    port: int

    def __str__(self) -> str:
        """As the config file writes it."""
        return f"inet:{self.host}:{self.port}"


Endpoint = UnixSocket | InetSocket


@dataclass(frozen=True, slots=True)
class LocalSocket:
    """A socket that only this machine can reach, or none."""

    endpoint: Endpoint | None = None

    def __str__(self) -> str:
        """As the config file writes it."""
        return "" if self.endpoint is None else str(self.endpoint)


@dataclass(frozen=True, slots=True)
class NameServer:
    """A recursive resolver; a literal address, since a name would need one to be found."""

    host: str
    port: int = 53

    def __str__(self) -> str:
        """As the config file writes it."""
        host = f"[{self.host}]" if ":" in self.host and self.port != 53 else self.host
        return host if self.port == 53 else f"{host}:{self.port}"


def parse_endpoint(value: object) -> Endpoint:
    """Read `unix:/path` or `inet:address:port`."""
    hint = 'write "unix:/run/bouncegate/milter.sock" or "inet:127.0.0.1:8892"'
    text = text_of(value, hint)
    scheme, _, rest = text.partition(":")
    if scheme == "unix" and rest.startswith("/"):
        if len(rest.encode()) > _LONGEST_SOCKET_PATH:
            raise ValueError(f"path too long: at most {_LONGEST_SOCKET_PATH} octets")
        return UnixSocket(Path(rest))
    host, _, port = rest.rpartition(":")
    if scheme == "inet" and port.isdecimal() and 0 < int(port) < 65536:
        host = host.strip("[]")
        try:
            network = ip_network(host)
        except ValueError:
            raise ValueError(f"invalid IP address {host!r}: {hint}") from None
        if network.num_addresses == 1:
            return InetSocket(str(network.network_address), int(port))
    raise ValueError(f"invalid socket {text!r}: {hint}")


def parse_inet_socket(value: object) -> InetSocket:
    """Read `inet:address:port` where no other kind of socket will do."""
    endpoint = parse_endpoint(value)
    if not isinstance(endpoint, InetSocket):
        raise ValueError(f'expected a TCP socket, got {endpoint}: write "inet:127.0.0.1:25"')
    return endpoint


def parse_local_socket(value: object) -> LocalSocket:
    """Read `unix:/path`, `inet:127.0.0.1:port` or the empty text for none."""
    if value == "":
        return LocalSocket()
    endpoint = parse_endpoint(value)
    if isinstance(endpoint, InetSocket) and not ip_address(endpoint.host).is_loopback:
        raise ValueError(f'{endpoint} is reachable from outside: write "inet:127.0.0.1:9184"')
    return LocalSocket(endpoint)


def parse_name_server(value: object) -> NameServer:
    """Read `127.0.0.1`, `::1`, `127.0.0.1:5353` or `[::1]:5353`."""
    hint = 'write an address, with a port where it is not 53: "127.0.0.1", "::1" or "[::1]:5353"'
    text = text_of(value, hint)
    host, port = text, "53"
    if not text.endswith("]") and (text.startswith("[") or text.count(":") == 1):
        host, _, port = text.rpartition(":")
    try:
        address = str(ip_address(host.removeprefix("[").removesuffix("]")))
    except ValueError:
        raise ValueError(f"invalid name server {text!r}: {hint}") from None
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"invalid name server {text!r}: {hint}")
    return NameServer(address, int(port))
