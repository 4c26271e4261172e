"""Which services of a Postfix use Bouncegate, and which do not: the lines of `postfix status`."""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from bouncegate.admin.postfix.contentfilter import filters, has_no_milters, is_reinjection, unknown
from bouncegate.admin.postfix.facts import ACCEPTED, SMTPD, Facts, Service
from bouncegate.admin.postfix.senders import Effect, sender_effects
from bouncegate.admin.postfix.sockets import RETURN_DOMAIN, items, mentions, spellings
from bouncegate.admin.postfix.verification import FIX, REFRESH, verify_parameters
from bouncegate.config.endpoints import UnixSocket
from bouncegate.config.settings import Settings

KEEP_DOMAIN: Final = (
    "keep it as a [[return_path.sender_dependent]] without sender_domains while bounces to it may "
    "come ([return_path] lifetime); after that, `bouncegate postfix enable` removes it"
)
"""The advice where a return domain was removed from the settings."""
_ACTION: Final = re.compile(r"default_action\s*=\s*(\w+)")


class State(StrEnum):
    """Whether a part of Postfix uses Bouncegate. Scripts read these words: they never change."""

    ATTACHED = "attached"
    FRAGILE = "fragile"
    """It is attached, but no mail is accepted while Bouncegate does not answer."""
    NOT_COVERED = "not-covered"
    """Mail passes here unchecked; that may be intended."""
    MISSING = "missing"
    """The settings ask for it, and it is not attached."""
    OVERRIDDEN = "overridden"
    """A submission service has settings of its own, without ours."""
    BROKEN = "broken"
    """It is attached, but cannot work."""
    AFFECTED = "affected"
    """It works, but changes how Postfix works; the text says how."""
    UNSIGNED = "unsigned"
    """Mail that passes here is checked, but neither signed nor recorded."""
    TWICE = "twice"
    """Mail that was checked before is checked and recorded again."""
    OFF = "off"
    """The settings do not ask for it."""


class Coverage(NamedTuple):
    """One line of the status."""

    plane: str
    """`milter`, `filter`, `return-path`, `sender`, `log`, `local` or `map`."""
    subject: str
    """The service, the domain or the parameter."""
    state: State
    text: str
    fix: str = ""
    """What to do, where the state alone does not say."""


_OF_EFFECT: Final = {
    Effect.LOST: State.BROKEN,
    Effect.AFFECTED: State.AFFECTED,
    Effect.UNSIGNED: State.UNSIGNED,
}


def coverage(settings: Settings, facts: Facts) -> Iterator[Coverage]:
    """All lines of the status."""
    yield from of_milter(settings, facts)
    yield from _of_filters(facts)
    yield from _of_return_path(settings, facts)
    for subject, effect, text, fix in sender_effects(settings, facts):
        yield Coverage("sender", subject, _OF_EFFECT[effect], text, fix)
    yield _of_log(settings)
    yield _of_local(settings, facts)
    yield _of_map(settings, facts)
    if is_map_asked(settings, facts):
        yield from _of_verification(facts)


def _of_filters(facts: Facts) -> Iterator[Coverage]:
    """After-queue filters whose re-injection service is unknown."""
    for subject, where in filters(facts).items():
        if not any(is_reinjection(facts, one) for one in facts.services_of(SMTPD)):
            text = f"mail goes to {where}; no smtpd is known that takes it back"
            yield Coverage("filter", subject, State.OFF, text)
    if tables := unknown(facts):
        listed = ", ".join(dict.fromkeys(table for some in tables.values() for table in some))
        text = f"FILTER actions are unknown: cannot read the text of these tables: {listed}"
        yield Coverage("filter", ", ".join(tables), State.OFF, text)


def is_asked(settings: Settings, facts: Facts, milters: str) -> bool:
    """Whether an expanded list of milters names ours."""
    return mentions(milters, spellings(settings.milter.socket, facts.queue))


def of_milter(settings: Settings, facts: Facts) -> Iterator[Coverage]:
    """Each smtpd(8) of master.cf."""
    services = facts.services_of(SMTPD)
    if not services:
        text = "master.cf has no smtpd: no SMTP client can be refused"
        yield Coverage("milter", SMTPD, State.NOT_COVERED, text)
    for service in services:
        yield _of_service(settings, facts, service)
    if facts.values.get("smtpd_milter_maps"):
        text = "clients that it lists use its milters instead of smtpd_milters"
        yield Coverage("milter", "smtpd_milter_maps", State.NOT_COVERED, text)


def _of_service(settings: Settings, facts: Facts, service: Service) -> Coverage:
    milters = facts.setting(service, "smtpd_milters")
    own = facts.overrides(service, "smtpd_milters")
    if is_reinjection(facts, service) and not is_submission(facts, service):
        return _of_reinjection(settings, facts, service, milters)
    if has_no_milters(facts, service):
        text = "receive_override_options has no_milters: its mail is never refused"
        return Coverage("milter", service.key, State.NOT_COVERED, text)
    if not is_asked(settings, facts, milters):
        if not own:
            text = "smtpd_milters does not name the milter: no recipient is ever refused"
            return Coverage("milter", service.key, State.MISSING, text)
        text = "has smtpd_milters of its own, without ours: its mail is never refused"
        state = State.OVERRIDDEN if is_submission(facts, service) else State.NOT_COVERED
        return Coverage("milter", service.key, state, text)
    return Coverage("milter", service.key, *_asked(settings, facts, service, milters))


def _of_reinjection(settings: Settings, facts: Facts, service: Service, milters: str) -> Coverage:
    """Mail that a filter re-injects was checked when it came in: to check it again is needless."""
    if has_no_milters(facts, service) or not is_asked(settings, facts, milters):
        text = "takes mail back from a filter; it was checked before"
        return Coverage("milter", service.key, State.OFF, text)
    if settings.signs and settings.return_path.sign == "all":
        text = (
            "takes mail back from a filter and asks the milter again, which lets signed mail pass: "
            "receive_override_options=no_milters for this service saves that"
        )
        return Coverage("milter", service.key, State.ATTACHED, text)
    text = (
        "takes mail back from a filter, which is checked and recorded twice; "
        "set receive_override_options=no_milters for this service"
    )
    return Coverage("milter", service.key, State.TWICE, text)


def _asked(settings: Settings, facts: Facts, service: Service, milters: str) -> tuple[State, str]:
    socket = settings.milter.socket
    relative = {one for one in spellings(socket, facts.queue) if not one.startswith("unix:/")}
    if service.chroot and isinstance(socket, UnixSocket) and not mentions(milters, relative):
        return State.BROKEN, f"runs in a chroot and cannot reach {socket.path}"
    action = default_action(facts, milters, spellings(socket, facts.queue))
    if action != "accept":
        text = f"no mail is accepted while the milter does not answer: default_action is {action}"
        return State.FRAGILE, text
    return State.ATTACHED, "asks the milter; mail passes while it does not answer"


def default_action(facts: Facts, milters: str, ours: Iterable[str]) -> str:
    """What Postfix does while our milter does not answer."""
    mine = next((item for item in items(milters) or [] if mentions(item, ours)), "")
    found = _ACTION.search(mine)
    return found[1] if found else facts.values.get("milter_default_action") or "tempfail"


def is_submission(facts: Facts, service: Service) -> bool:
    """Whether a service takes outbound mail, as far as its settings show."""
    return (
        service.name.rpartition(":")[2] in ("submission", "submissions", "smtps", "587", "465")
        or facts.setting(service, "milter_macro_daemon_name") == "ORIGINATING"
        or facts.options.get(service.key, {}).get("smtpd_sasl_auth_enable") == "yes"
    )


def _of_return_path(settings: Settings, facts: Facts) -> Iterator[Coverage]:
    """Each return domain, and removed ones that Postfix still routes here."""
    domains = settings.return_path.domains
    if not domains:
        text = "[return_path] domain is not set: bounces do not come back here to be counted"
        yield Coverage("return-path", "", State.OFF, text)
    for domain in domains.names:
        yield _of_return_domain(settings, facts, domain)
    for domain in removed_domains(settings, facts):
        text = (
            "Postfix routes it here, but [return_path] does not list it: its bounces do not count"
        )
        yield Coverage("return-path", domain, State.BROKEN, text, KEEP_DOMAIN)


def removed_domains(settings: Settings, facts: Facts) -> list[str]:
    """The domains that `postfix enable` has attached and that are return domains no longer."""
    domains = settings.return_path.domains
    if not domains or RETURN_DOMAIN not in facts.explicit:
        return []
    named = items(facts.values.get(RETURN_DOMAIN, "")) or []
    return [one for one in named if not domains.holds(one)]


def _of_return_domain(settings: Settings, facts: Facts, domain: str) -> Coverage:
    if not is_routed(settings, facts, domain):
        text = f"transport_maps does not route {domain} to the return path"
        return Coverage("return-path", domain, State.MISSING, text)
    if not is_accepted(facts, domain):
        text = f"Postfix does not accept mail for it ({', '.join(ACCEPTED)}): bounces are refused"
        return Coverage("return-path", domain, State.MISSING, text)
    catches = facts.tables_of(domain).catches
    if table := next(iter(catches), ""):
        found = catches[table]
        if not mentions(found, spellings(settings.return_path.socket, facts.queue)):
            text = f"{table} routes whole addresses below it to {found}"
            return Coverage("return-path", domain, State.BROKEN, text)
    chrooted = [one.key for one in facts.services_of("lmtp") if one.chroot]
    socket = settings.return_path.socket
    if chrooted and isinstance(socket, UnixSocket) and not socket.path.is_relative_to(facts.queue):
        text = f"{', '.join(chrooted)} in a chroot cannot reach {socket.path}"
        return Coverage("return-path", domain, State.BROKEN, text)
    return Coverage("return-path", domain, State.ATTACHED, "its mail goes to the return path")


def is_routed(settings: Settings, facts: Facts, domain: str) -> bool:
    """Whether a return domain's mail goes to our socket."""
    ours = spellings(settings.return_path.socket, facts.queue)
    maps = facts.values.get("transport_maps", "")
    answer = facts.tables_of(domain).answers.get("transport_maps", "")
    return (mentions(maps, {domain}) and mentions(maps, ours)) or mentions(answer, ours)


def is_accepted(facts: Facts, domain: str) -> bool:
    """Whether Postfix accepts mail for a domain."""
    return any(
        mentions(facts.values.get(name, ""), {domain}) or name in facts.tables_of(domain).answers
        for name in ACCEPTED
    )


def _of_log(settings: Settings) -> Coverage:
    """Whether Postfix's log is read, and what is unknown without it."""
    log = settings.maillog
    subject = str(log.file) if log.source == "file" else log.source
    if log.source == "none":
        text = "not read: which messages Postfix accepted is unknown, so silence lifts no lock"
        return Coverage("log", "", State.OFF, text)
    if not settings.log_proves:
        text = "shows waiting messages; it counts as evidence only with trust_file"
        return Coverage("log", subject, State.OFF, text)
    return Coverage("log", subject, State.ATTACHED, "shows what Postfix accepted and delivered")


def _of_local(settings: Settings, facts: Facts) -> Coverage:
    if is_map_asked(settings, facts):
        return Coverage("local", "transport_maps", State.ATTACHED, "the map judges it")
    text = "mail from sendmail(1), from aliases, and what is queued already is not judged (--map)"
    return Coverage("local", "transport_maps", State.NOT_COVERED, text)


def _of_verification(facts: Facts) -> Iterator[Coverage]:
    """Restrictions that ask verify(8) before the map."""
    for subject in verify_parameters(facts):
        text = (
            "asks verify(8) before the map: locked recipients get 450, and after an unlock its "
            f"cache refuses them for {facts.values.get(REFRESH) or '3h'}"
        )
        yield Coverage("map", subject, State.AFFECTED, text, FIX)


def is_map_asked(settings: Settings, facts: Facts) -> bool:
    """Whether the transport_maps of a Postfix name the map."""
    return names_map(settings, facts.values.get("transport_maps", ""), facts.queue)


def names_map(settings: Settings, transport_maps: str, queue: Path) -> bool:
    """Whether a value of transport_maps names the map; `queue` is Postfix's queue_directory."""
    ours = {f"socketmap:{name}" for name in spellings(settings.map.socket, queue)}
    return any(item.rpartition(":")[0] in ours for item in items(transport_maps) or [])


def _of_map(settings: Settings, facts: Facts) -> Coverage:
    if is_map_asked(settings, facts):
        return Coverage("map", "transport_maps", State.ATTACHED, "checks every routed recipient")
    return Coverage("map", "transport_maps", State.OFF, "not enabled (--map)")
