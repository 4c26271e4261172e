"""The settings of a Postfix, as postconf(1) prints them: what plans and checks are based on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

SMTPD: Final = "smtpd"
ACCEPTED: Final = ("relay_domains", "virtual_mailbox_domains", "mydestination")
"""The lists of domains that Postfix accepts mail for; they may be tables."""
# In master.cf a chroot of "-" is the built-in default, which is "n" from this level on
# (postconf(5), compatibility_level; master(5)).
_NO_CHROOT_SINCE: Final = 1
_PARTS_OF_VERSION: Final = 2


class Service(NamedTuple):
    """One entry of master.cf (master(5))."""

    name: str
    type: str
    chroot: bool
    command: str
    """The program, without its arguments."""

    @property
    def key(self) -> str:
        """How postconf(1) calls it."""
        return f"{self.name}/{self.type}"


class TableAnswers(NamedTuple):
    """What the lookup tables of a Postfix say of one return domain."""

    answers: Mapping[str, str] = MappingProxyType({})
    """By parameter, for the domain."""
    catches: Mapping[str, str] = MappingProxyType({})
    """By table of transport_maps, for a whole address below the domain."""
    signed: Mapping[str, str | None] = MappingProxyType({})
    """By subject of `senders.lookups`, for a sender signed below the domain.

    Empty: not found. None: the tables cannot be asked.
    """


_NO_ANSWERS: Final = TableAnswers()


@dataclass(frozen=True)
class Facts:
    """The settings of one Postfix."""

    folder: Path
    """Its config_directory."""
    raw: Mapping[str, str]
    """Parameters as written, or their defaults."""
    values: Mapping[str, str]
    """The same with every $name expanded."""
    explicit: frozenset[str]
    """Those that main.cf sets."""
    services: tuple[Service, ...]
    raw_options: Mapping[str, Mapping[str, str]]
    """By service (`name/type`), its -o options in master.cf as written."""
    options: Mapping[str, Mapping[str, str]]
    """The same, expanded."""
    undefined: frozenset[str] = frozenset()
    """Names used with a $ and set nowhere."""
    tables: Mapping[str, TableAnswers] = field(default_factory=dict)
    """By return domain."""
    filters: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By subject of `filteraction.actions`: where its FILTER actions lead, with the table."""
    unknown: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By the same subjects, tables whose actions cannot be read."""

    def tables_of(self, domain: str) -> TableAnswers:
        """What the tables say of a return domain; nothing if they were not asked."""
        return self.tables.get(domain, _NO_ANSWERS)

    def without(self, name: str, ours: str) -> "Facts":
        """The settings if a list did not refer to a parameter of ours."""
        text = self.values.get(ours, "") if ours in self.explicit else ""
        if not text:
            return self
        rest = self.values.get(name, "").replace(text, "", 1)
        return replace(self, values={**self.values, name: rest})

    @property
    def queue(self) -> Path:
        """The folder that a service in a chroot sees as the root."""
        return Path(self.values.get("queue_directory") or "/var/spool/postfix")

    @property
    def version(self) -> tuple[int, int]:
        """Postfix's major and minor version, such as (3, 7); (0, 0) if unknown."""
        words = self.values.get("mail_version", "").split(".")[:_PARTS_OF_VERSION]
        digits = [int(word) for word in words if word.isascii() and word.isdigit()]
        return (digits[0], digits[1]) if len(digits) == _PARTS_OF_VERSION else (0, 0)

    def services_of(self, command: str) -> tuple[Service, ...]:
        """The services that run a program."""
        return tuple(one for one in self.services if one.command == command)

    def setting(self, service: Service, name: str) -> str:
        """The expanded value of a parameter for a service."""
        own = self.options.get(service.key, {})
        return own[name] if name in own else self.values.get(name, "")

    def overrides(self, service: Service, name: str) -> bool:
        """Whether master.cf sets a parameter for a service alone."""
        return name in self.raw_options.get(service.key, {})


def chroot_by_default(compatibility_level: str) -> bool:
    """Whether "-" in the chroot column of master.cf means yes."""
    level = compatibility_level.partition(".")[0].strip()
    return not (level.isascii() and level.isdigit() and int(level) >= _NO_CHROOT_SINCE)
