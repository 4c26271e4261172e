"""Setting values that are more than a TOML type: sizes, networks, patterns, names.

Each parser takes what the TOML file holds and returns the typed value, or raises
ValueError with a text that says what would be right.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from bouncegate.config.durations import Duration, parse_duration, parse_lock_duration
from bouncegate.config.endpoints import (
    Endpoint,
    InetSocket,
    LocalSocket,
    NameServer,
    parse_endpoint,
    parse_inet_socket,
    parse_local_socket,
    parse_name_server,
)
from bouncegate.config.replies import (
    HeaderName,
    ReplyText,
    ReplyUrl,
    parse_header_name,
    parse_reply_text,
    parse_reply_url,
)
from bouncegate.config.text import text_of

Network = IPv4Network | IPv6Network

_T = TypeVar("_T")
ONE_OR_MORE: Final = "one or more"
OneOrMore = Annotated[tuple[_T, ...], ONE_OR_MORE]
"""A list that may be written as its only item."""

_SIZE: Final = re.compile(r"(\d{1,12})\s*(B|KiB|MiB|GiB|TiB)?")
_SIZE_UNITS: Final = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_ENHANCED_STATUS: Final = re.compile(r"[45]\.\d{1,3}\.\d{1,3}")
# RFC 1035, 2.3.4 for labels. A return path has 58 octets before the @ and must fit into the 254
# of an address (RFC 5321, 4.5.3.1.3).
_DOMAIN: Final = re.compile(r"(?:(?!-)[a-z0-9-]{1,63}(?<!-)\.)+(?!-)[a-z0-9-]{1,63}(?<!-)")
_LONGEST_DOMAIN: Final = 195
# RFC 3986; with a host, and neither user nor fragment.
_WEB_URL: Final = re.compile(
    r"https?://(?:[\w.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?(?:/[^\s<>\"\\^`|#]*)?"
)
# RFC 5321, 4.1.2 without quotes and address literals; it is passed to Postfix unchanged.
_MAILBOX: Final = re.compile(r"[\w.+=~^'*/?{}|$&#`-]{1,64}(?:@(?:[\w-]{1,63}\.)*[\w-]{1,63})?")


@dataclass(frozen=True, slots=True)
class FileName:
    """The absolute path of a file, or none."""

    path: Path | None = None

    def __str__(self) -> str:
        """As the config file writes it."""
        return "" if self.path is None else str(self.path)


@dataclass(frozen=True, slots=True)
class Size:
    """A number of octets."""

    octets: int

    def __str__(self) -> str:
        """In the largest unit that divides it."""
        for unit, factor in reversed(_SIZE_UNITS.items()):
            if self.octets and self.octets % factor == 0:
                return f"{self.octets // factor} {unit}"
        return f"{self.octets} B"


def readable(octets: int) -> str:
    """A size for people, in the largest unit of which there is one."""
    for unit, factor in reversed(_SIZE_UNITS.items()):
        if octets >= factor > 1:
            return f"{octets / factor:.1f} {unit}"
    return f"{octets} B"


@dataclass(frozen=True, slots=True)
class Terms:
    """How long locks last: the first, the second and so on; the last one for all further ones."""

    spans: tuple[Duration, ...] = ()
    """Each no shorter than the one before; none: nothing is ever locked."""

    def __str__(self) -> str:
        """As people say it."""
        return ", then ".join(map(str, self.spans)) or "never"

    def __bool__(self) -> bool:
        """Whether there is any lock at all."""
        return bool(self.spans)

    def after(self, start: int, earlier: int) -> int:
        """The end of a lock from `start` on (seconds since 1970) that follows so many others."""
        return self.spans[min(earlier, len(self.spans) - 1)].after(start)


@dataclass(frozen=True, slots=True)
class EnhancedStatus:
    """An enhanced mail system status code (RFC 3463) of class 4 or 5; empty for one that fits."""

    code: str

    def __str__(self) -> str:
        """The code itself."""
        return self.code


@dataclass(frozen=True, slots=True)
class AddressPattern:
    """Which addresses are meant: `local@`, `@domain` or `local@domain`; an empty part is any."""

    local: str
    domain: str

    def __str__(self) -> str:
        """As the config file writes it."""
        return f"{self.local}@{self.domain}"


class Mailbox(str):
    """An address, or a local part alone, which Postfix completes by its own domain; or none."""

    __slots__ = ()


class WebUrl(str):
    """An http or https URL, without the slash at its end; empty where none is set."""

    __slots__ = ()


class HookUrl(str):
    """An http or https URL exactly as it is written; empty where none is set."""

    __slots__ = ()


class DomainName(str):
    """A domain name in lower case, as A-labels; empty where none is set."""

    __slots__ = ()


def parse_file_name(value: object) -> FileName:
    """Read an absolute path, or the empty text for none."""
    text = text_of(value, 'write an absolute path, or "" for none')
    if text and (not text.startswith("/") or text.endswith("/")):
        raise ValueError(f'invalid file path {text!r}: write an absolute path, or "" for none')
    return FileName(Path(text) if text else None)


def parse_size(value: object) -> Size:
    """Read `64 GiB`, `50 MiB` or a plain number of octets."""
    hint = 'write a number and a unit, such as "64 GiB" or "512 KiB"'
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return Size(value)
    match = _SIZE.fullmatch(text_of(value, hint).strip())
    if match is None:
        raise ValueError(f"invalid size {value!r}: {hint}")
    return Size(int(match[1]) * _SIZE_UNITS[match[2] or "B"])


def parse_network(value: object) -> Network:
    """Read an IP address or a network in CIDR notation; host bits must be zero."""
    hint = 'write an address or a network, such as "10.0.0.0/8" or "::1"'
    text = text_of(value, hint)
    try:
        return ip_network(text)
    except ValueError:
        try:
            loose = ip_network(text, strict=False)
        except ValueError:
            raise ValueError(f"invalid network {text!r}: {hint}") from None
        raise ValueError(f'{text!r} has host bits set: write "{loose}"') from None


def parse_pattern(value: object) -> AddressPattern:
    """Read `postmaster@`, `@example.com` or `someone@example.com`."""
    hint = 'write "postmaster@", "@example.com" or "someone@example.com"'
    text = text_of(value, hint)
    local, at, domain = text.rpartition("@")
    if not at or not (local or domain) or any(c.isspace() for c in text):
        raise ValueError(f"invalid address pattern {text!r}: {hint}")
    if "*" in text or not domain.strip(".") == domain:
        raise ValueError(f"invalid address pattern {text!r}: {hint}")
    return AddressPattern(local, domain)


def parse_mailbox(value: object) -> Mailbox:
    """Read `postmaster` or `someone@example.com`."""
    hint = 'write an address such as "someone@example.com", or "postmaster" for this machine\'s'
    text = text_of(value, hint)
    if text and _MAILBOX.fullmatch(text) is None:
        raise ValueError(f"invalid mailbox {text!r}: {hint}")
    return Mailbox(text)


def parse_web_url(value: object) -> WebUrl:
    """Read `https://host[:port][/path]`, or the empty text for none."""
    hint = 'write one such as "https://bouncegate.example.com"'
    return WebUrl(_url(text_of(value, hint), hint).removesuffix("/"))


def parse_hook_url(value: object) -> HookUrl:
    """Read `https://host[:port][/path]`, or the empty text for none; a slash at its end stays."""
    hint = 'write one such as "https://www.example.com/hooks/bouncegate"'
    return HookUrl(_url(text_of(value, hint), hint))


def _url(text: str, hint: str) -> str:
    if text and not (text.isascii() and _WEB_URL.fullmatch(text)):
        raise ValueError(f"invalid URL {text!r}: {hint}")
    return text


def parse_domain(value: object) -> DomainName:
    """Read a domain name in ASCII, or the empty text for none."""
    hint = 'write a domain name such as "return.example.com", IDNs as A-labels ("xn--...")'
    text = text_of(value, hint).lower().removesuffix(".")
    if text and (len(text) > _LONGEST_DOMAIN or not _DOMAIN.fullmatch(text)):
        raise ValueError(f"invalid domain name {text!r}: {hint}")
    return DomainName(text)


def parse_status(value: object) -> EnhancedStatus:
    """Read an enhanced status code such as `5.1.1`, or the empty text: one that fits the lock."""
    hint = 'write an enhanced status code such as "5.1.1"'
    text = text_of(value, hint)
    if text and _ENHANCED_STATUS.fullmatch(text) is None:
        raise ValueError(f"invalid status code {text!r}: {hint}")
    return EnhancedStatus(text)


def parse_terms(value: object) -> Terms:
    """Read `1 year`, a list of durations that grow, or `never`."""
    hint = (
        'write a duration such as "1 year" or "without end", a list of them for repeated locks, or '
        '"never"'
    )
    if value == "never":
        return Terms()
    texts = value if isinstance(value, list) else [value]
    spans = tuple(parse_lock_duration(text_of(text, hint)) for text in texts)
    if not spans:
        raise ValueError(f"no duration: {hint}")
    ends = [span.after(0) for span in spans]
    if not ends[0]:
        raise ValueError(f"lock duration must be positive: {hint}")
    if ends != sorted(ends):
        raise ValueError(f"a repeated lock must not be shorter than the one before: {hint}")
    return Terms(spans)


def _parse_duration(value: object) -> Duration:
    return parse_duration(text_of(value, 'write a duration such as "1 year"'))


class GroupBy(str):
    """What names the group of a message: `sender-domain`, `login`, `list-id` or `header:NAME`."""

    __slots__ = ()


def parse_group_by(value: object) -> GroupBy:
    """Read what names the group of a message."""
    hint = 'write "sender-domain", "login", "list-id" or "header:X-Group"'
    text = text_of(value, hint)
    if text.startswith("header:"):
        return GroupBy(f"header:{parse_header_name(text.removeprefix('header:'))}")
    if text not in ("sender-domain", "login", "list-id"):
        raise ValueError(f"invalid value {text!r}: {hint}")
    return GroupBy(text)


PARSERS: Final[dict[Any, Callable[[object], Any]]] = {
    Duration: _parse_duration,
    Terms: parse_terms,
    Endpoint: parse_endpoint,
    Size: parse_size,
    NameServer: parse_name_server,
    Network: parse_network,
    AddressPattern: parse_pattern,
    DomainName: parse_domain,
    Mailbox: parse_mailbox,
    EnhancedStatus: parse_status,
    ReplyText: parse_reply_text,
    ReplyUrl: parse_reply_url,
    HeaderName: parse_header_name,
    GroupBy: parse_group_by,
    WebUrl: parse_web_url,
    HookUrl: parse_hook_url,
    InetSocket: parse_inet_socket,
    LocalSocket: parse_local_socket,
    FileName: parse_file_name,
}
