"""The change that makes a Postfix ask Bouncegate: settings and facts in, a list of edits out.

Our milter comes before all others: a recipient that is refused at RCPT TO then costs the other
filters nothing, and none greylists, counts or signs for it. Our table comes first in
transport_maps, since the first table with a key wins. The previous value follows as written,
references included.
"""

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from bouncegate.admin.postfix import sockets
from bouncegate.admin.postfix.coverage import (
    KEEP_DOMAIN,
    Coverage,
    State,
    coverage,
    is_accepted,
    is_map_asked,
    is_routed,
)
from bouncegate.admin.postfix.facts import SMTPD, Facts
from bouncegate.admin.postfix.sockets import (
    Unreachable,
    address_for,
    compact,
    inline,
    is_milter,
    items,
    mentions,
    spellings,
)
from bouncegate.admin.postfix.verification import UNLISTED, verify_parameters
from bouncegate.config.endpoints import Endpoint
from bouncegate.config.settings import Settings

MAIN: Final = "main.cf"
MASTER: Final = "master.cf"
OLDEST: Final = (3, 5)
"""The oldest version of Postfix that is supported."""
_MILTER_SETTINGS: Final = "default_action=accept, connect_timeout=3s, command_timeout=10s"
_REFERENCE: Final = re.compile(r"\$[({]?(\w+)")
# smtpd(8) disconnects a client after so many errors; a refusal is one (docs/send-path.md).
_ENOUGH_ERRORS: Final = 1000


class Edit(NamedTuple):
    """A new value for one parameter."""

    file: Literal["main.cf", "master.cf"]
    name: str
    """The parameter; in master.cf `service/type/parameter`."""
    value: str

    @property
    def command(self) -> str:
        """The shell command that does the same."""
        option = "-e" if self.file == MAIN else "-P"
        return f"postconf {option} {shlex.quote(f'{self.name}={self.value}')}"


class Conflict(NamedTuple):
    """A setting of Postfix that prevents the change, and what to do about it."""

    text: str
    fix: str


class Tables(NamedTuple):
    """Which tables of the map are attached too."""

    transport: bool = False
    return_to_sender: bool = False


class Plan(NamedTuple):
    """The change to a Postfix."""

    edits: tuple[Edit, ...]
    """In order; empty if there is nothing to change."""
    conflicts: tuple[Conflict, ...]
    """If there is one, nothing is changed."""
    notes: tuple[str, ...]


NO_TABLES: Final = Tables()


class _Draft:
    """A plan in the making."""

    def __init__(self, settings: Settings, facts: Facts) -> None:
        self.settings = settings
        self.facts = facts
        self._edits: dict[tuple[str, str], Edit] = {}
        self.conflicts: list[Conflict] = []

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The edits so far."""
        return tuple(self._edits.values())

    def define(self, name: str, value: str) -> None:
        """Set a parameter of our own."""
        if self.facts.raw.get(name) != value or name not in self.facts.explicit:
            self._edits[MAIN, name] = Edit(MAIN, name, value)

    def put_first(self, name: str, *ours: str) -> None:
        """Put our parameters first in a list of main.cf, except those that it has already."""
        if undefined := self._undefined(name, self.facts.raw.get(name, "")):
            self.conflicts.append(undefined)
            return
        planned = self._edits.get((MAIN, name))
        before = planned.value if planned else self._before(name)
        new = [f"${one}" for one in ours if not mentions(before, {f"${one}"})]
        if new:
            self._edits[MAIN, name] = Edit(MAIN, name, ", ".join([*new, *filter(None, [before])]))

    def put_first_of(self, service: str, name: str, ours: str) -> None:
        """The same for a service with a list of its own in master.cf."""
        raw = self.facts.raw_options[service][name]
        if undefined := self._undefined(f"{service}/{name}", raw):
            self.conflicts.append(undefined)
        elif mentions(raw, {f"${ours}"}):
            return
        elif (rest := compact(raw)) is None:
            edit = Edit(MASTER, f"{service}/{name}", "")
            text = f"{edit.name} in master.cf cannot be parsed: {raw}"
            self.conflicts.append(Conflict(text, f"put ${ours} before it, by hand"))
        else:
            value = ",".join(filter(None, [f"${ours}", rest]))
            path = f"{service}/{name}"
            self._edits[MASTER, path] = Edit(MASTER, path, value)

    def reach(self, endpoint: Endpoint, programs: Iterable[str], setting: str) -> str | None:
        """The address of an endpoint for these services; None, and a conflict, if unreachable."""
        services = [one for program in programs for one in self.facts.services_of(program)]
        chrooted = [one.key for one in services if one.chroot]
        found = address_for(endpoint, self.facts.queue, chrooted, setting)
        if isinstance(found, Unreachable):
            self.conflicts.append(Conflict(found.text, found.fix))
            return None
        return found

    def _before(self, name: str) -> str:
        """The current value of a list; empty if it is a default that expands to nothing."""
        if name not in self.facts.explicit and not self.facts.values.get(name):
            return ""
        return self.facts.raw.get(name, "")

    def _undefined(self, name: str, raw: str) -> Conflict | None:
        used = set(_REFERENCE.findall(raw)) & self.facts.undefined - set(sockets.OURS)
        if not used:
            return None
        text = f"{name} refers to {', '.join(f'${one}' for one in sorted(used))}, which is not set"
        return Conflict(text, "set it, or remove the reference")


def plan(settings: Settings, facts: Facts, tables: Tables = NO_TABLES) -> Plan:
    """The change."""
    draft = _Draft(settings, facts)
    if facts.version < OLDEST:
        version = facts.values.get("mail_version", "unknown")
        text = f"Postfix {version} is not supported: 3.5 or newer is needed"
        draft.conflicts.append(Conflict(text, "see docs/postfix.md"))
    found = list(coverage(settings, facts))
    draft.conflicts += [
        Conflict(f"{one.subject} {one.text}", one.fix)
        for one in found
        if one.plane == "sender" and one.state is State.BROKEN
    ]
    _plan_milter(draft, [one for one in found if one.plane == "milter"])
    if settings.return_path.domains:
        _plan_return_path(draft)
    if tables.transport:
        _plan_map(draft)
        _plan_verification(draft)
    if tables.return_to_sender:
        _plan_return_to_sender(draft)
    return Plan(draft.edits, tuple(draft.conflicts), tuple(_notes(facts, found)))


def _plan_milter(draft: _Draft, found: Sequence[Coverage]) -> None:
    states = {one.subject: one.state for one in found}
    overridden = [service for service, state in states.items() if state is State.OVERRIDDEN]
    own = [service for service in overridden if not _is_understood(draft, service)]
    for service in own:
        raw = draft.facts.raw_options[service]["smtpd_milters"]
        text = f"{service}/smtpd_milters in master.cf cannot be parsed: {raw}"
        fix = f"put {_definition(draft)} before it"
        draft.conflicts.append(Conflict(text, fix))
    if own or not _needs_milter(draft, states):
        return
    _plan_list(draft, "smtpd_milters", (SMTPD,), State.MISSING in states.values())
    for service in overridden:
        draft.put_first_of(service, "smtpd_milters", sockets.MILTER)


def _needs_milter(draft: _Draft, states: Mapping[str, State]) -> bool:
    """Whether the milter must be added; a list that names it by hand is not changed."""
    ours = sockets.MILTER in draft.facts.explicit
    for service, state in states.items():
        if state is State.BROKEN and not ours:
            text = f"{service} runs in a chroot and names the milter by a path outside"
            fix = f"replace that item by {_definition(draft)}"
            draft.conflicts.append(Conflict(text, fix))
            return False
    return ours or bool({State.MISSING, State.OVERRIDDEN} & set(states.values()))


def _plan_list(draft: _Draft, name: str, programs: Sequence[str], put: bool = True) -> None:
    """Define our milter, and put it first in a list of milters."""
    address = draft.reach(draft.settings.milter.socket, programs, "[milter] socket")
    if address is None:
        return
    listed = items(draft.facts.values.get(name, ""))
    if put and (listed is None or not all(map(is_milter, listed))):
        text = f"{name} cannot be parsed: {draft.facts.raw.get(name, '')}"
        draft.conflicts.append(Conflict(text, f"put {_definition(draft)} before it"))
        return
    draft.define(sockets.MILTER, f"{{ {address}, {_MILTER_SETTINGS} }}")
    if put:
        draft.put_first(name, sockets.MILTER)


def _definition(draft: _Draft) -> str:
    queue = draft.facts.queue
    addresses = sorted(spellings(draft.settings.milter.socket, queue))
    return f"{{ {addresses[-1]}, {_MILTER_SETTINGS} }}"


def _is_understood(draft: _Draft, service: str) -> bool:
    listed = items(draft.facts.options[service]["smtpd_milters"])
    return listed is not None and all(map(is_milter, listed))


def _plan_return_path(draft: _Draft) -> None:
    facts = draft.facts
    domains = draft.settings.return_path.domains.names
    address = draft.reach(draft.settings.return_path.socket, ("lmtp",), "[return_path] socket")
    if not any(one.name == "lmtp" for one in facts.services):
        text = "master.cf has no service lmtp"
        draft.conflicts.append(Conflict(text, "add it, as in the master.cf of your distribution"))
    for domain in domains:
        draft.conflicts.extend(_conflicts(draft, domain, address or ""))
    if address is None:
        return
    _name_domains(
        draft,
        ("transport_maps", sockets.RETURN_PATH),
        lambda facts, one: is_routed(draft.settings, facts, one),
        lambda some: inline((one, f"lmtp:{address}") for one in some),
    )
    _name_domains(draft, ("relay_domains", sockets.RETURN_DOMAIN), is_accepted, ", ".join)
    if facts.values.get("relay_recipient_maps"):
        _name_domains(
            draft,
            ("relay_recipient_maps", sockets.RETURN_RECIPIENTS),
            lambda facts, one: mentions(facts.values["relay_recipient_maps"], {f"@{one}"}),
            lambda some: inline((f"@{one}", "bouncegate") for one in some),
        )


def _name_domains(
    draft: _Draft,
    place: tuple[str, str],
    is_known: Callable[[Facts, str], bool],
    written: Callable[[Iterable[str]], str],
) -> None:
    """Add the return domains to a list of Postfix, except those that it has by hand."""
    name, ours = place
    names = draft.settings.return_path.domains.names
    by_hand = draft.facts.without(name, ours)
    left = [one for one in names if not is_known(by_hand, one)]
    if left or ours in draft.facts.explicit:
        draft.define(ours, written(left or names))
        draft.put_first(name, ours)


def _conflicts(draft: _Draft, domain: str, address: str) -> Iterator[Conflict]:
    facts = draft.facts
    for table, answer in facts.tables_of(domain).catches.items():
        if not mentions(answer, spellings(draft.settings.return_path.socket, facts.queue)):
            text = f"{table} routes whole addresses below {domain} to {answer}"
            pattern = f"/@{re.escape(domain)}$/".replace(r"\-", "-")
            yield Conflict(text, f"put this first in it: {pattern} lmtp:{address}")
    known = (
        ("mydestination", "local_recipient_maps"),
        ("virtual_mailbox_domains", "virtual_mailbox_maps"),
        ("virtual_alias_domains", "mydestination"),
    )
    for name, recipients in known:
        listed = (
            mentions(facts.values.get(name, ""), {domain})
            or name in facts.tables_of(domain).answers
        )
        if listed and facts.values.get(recipients):
            text = f"{domain} is in {name}: Postfix accepts only its listed recipients"
            yield Conflict(text, f"remove it from {name}")


def _plan_map(draft: _Draft) -> None:
    address = draft.reach(draft.settings.map.socket, ("trivial-rewrite",), "[map] socket")
    if address is None:
        return
    if is_map_asked(draft.settings, draft.facts) and sockets.MAP not in draft.facts.explicit:
        return
    draft.define(sockets.MAP, f"socketmap:{address}:transport")
    draft.put_first("transport_maps", sockets.MAP)


def _plan_return_to_sender(draft: _Draft) -> None:
    name = "virtual_alias_maps"
    address = draft.reach(draft.settings.map.socket, (SMTPD, "cleanup"), "[map] socket")
    if address is None:
        return
    by_hand = draft.facts.without(name, sockets.RETURN_TO_SENDER).values.get(name, "")
    ours = {f"socketmap:{one}:return" for one in _spellings(draft)}
    if mentions(by_hand, ours):
        return
    draft.define(sockets.RETURN_TO_SENDER, f"socketmap:{address}:return")
    draft.put_first(name, sockets.RETURN_TO_SENDER)


def _spellings(draft: _Draft) -> frozenset[str]:
    return spellings(draft.settings.map.socket, draft.facts.queue)


def _plan_verification(draft: _Draft) -> None:
    """Make smtpd(8) ask the map before verify(8)."""
    for subject in verify_parameters(draft.facts):
        draft.define(sockets.RESTRICTIONS, UNLISTED)
        service, _, name = subject.rpartition("/")
        if service:
            draft.put_first_of(service, name, sockets.RESTRICTIONS)
        else:
            draft.put_first(name, sockets.RESTRICTIONS)


def _notes(facts: Facts, found: Sequence[Coverage]) -> Iterator[str]:
    for one in found:
        if one.state in (State.NOT_COVERED, State.FRAGILE, State.TWICE):
            yield f"{one.subject}: {one.text}"
        if one.fix == KEEP_DOMAIN:
            text = "is removed from Postfix, which then refuses bounces to it"
            yield f"{one.subject} {text}; to avoid this, {one.fix}"
        if one.state in (State.AFFECTED, State.UNSIGNED):
            yield f"{one.subject} {one.text}; to fix it: {one.fix}"
    limit = facts.values.get("smtpd_hard_error_limit", "")
    if not (limit.isascii() and limit.isdigit() and int(limit) > _ENOUGH_ERRORS):
        yield (
            "Postfix slows down, then disconnects a client that names many locked recipients in "
            'one session: see "Many refusals in one session" in docs/send-path.md'
        )
