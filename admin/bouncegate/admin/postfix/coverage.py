"""What of a Postfix asks Bouncegate, and what does not: by service, plane and path."""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from bouncegate.admin.postfix.contentfilter import filters, has_no_milters, is_reinjection, unknown
from bouncegate.admin.postfix.facts import ACCEPTED, SMTPD, Facts, Service
from bouncegate.admin.postfix.senders import Effect, sender_effects
from bouncegate.admin.postfix.sockets import RETURN_DOMAIN, items, mentions, spellings
from bouncegate.admin.postfix.verification import FIX, REFRESH, verify_parameters
from bouncegate.config.settings import Settings
from bouncegate.config.values import UnixSocket

KEEP_DOMAIN: Final = (
    "keep it as a [[return_path.sender_dependent]] without sender_domains while bounces to it may "
    "come ([return_path] lifetime); after that, `bouncegate postfix enable` takes it out"
)
"""What helps where a return domain was taken out of the settings."""
_ACTION: Final = re.compile(r"default_action\s*=\s*(\w+)")


class State(StrEnum):
    """How a part of Postfix stands to Bouncegate; the words are shown, and never change."""

    ATTACHED = "attached"
    FRAGILE = "fragile"
    """It is attached, and mail stops where Bouncegate does not answer."""
    NOT_COVERED = "not-covered"
    """Mail passes here that is not judged; that may be meant."""
    MISSING = "missing"
    """It is to be attached, and is not."""
    OVERRIDDEN = "overridden"
    """A service by which mail leaves has settings of its own, without ours."""
    BROKEN = "broken"
    """It is attached in a way that cannot work."""
    AFFECTED = "affected"
    """It works, and something of Postfix's works differently with it: what, the text says."""
    UNSIGNED = "unsigned"
    """Mail passes here that is judged, but neither signed nor recorded."""
    TWICE = "twice"
    """Mail that was judged before is judged and recorded again."""
    OFF = "off"
    """Not wanted by the settings."""


class Coverage(NamedTuple):
    """One line of the status."""

    plane: str
    """`milter`, `filter`, `return-path`, `sender`, `log`, `local` or `map`."""
    subject: str
    """The service, the domain or the parameter."""
    state: State
    text: str
    fix: str = ""
    """What helps, where that differs from case to case."""


_OF_EFFECT: Final = {
    Effect.LOST: State.BROKEN,
    Effect.AFFECTED: State.AFFECTED,
    Effect.UNSIGNED: State.UNSIGNED,
}


def coverage(settings: Settings, facts: Facts) -> Iterator[Coverage]:
    """Everything that can be told."""
    yield from of_milter(settings, facts)
    yield from _of_filters(facts)
    yield from _of_return_path(settings, facts)
    for subject, effect, text, fix in sender_effects(settings, facts):
        yield Coverage("sender", subject, _OF_EFFECT[effect], text, fix)
    yield _of_log(settings)
    yield _of_local(settings, facts)
    yield _of_map(settings, facts)
    if _map_is_asked(settings, facts):
        yield from _of_verification(facts)


def _of_filters(facts: Facts) -> Iterator[Coverage]:
    """What hands mail to a filter behind the queue, whose way back has to be known."""
    for subject, where in filters(facts).items():
        if not any(is_reinjection(facts, one) for one in facts.services_of(SMTPD)):
            text = f"mail goes to {where}; which smtpd takes what comes back cannot be told"
            yield Coverage("filter", subject, State.OFF, text)
    if tables := unknown(facts):
        listed = ", ".join(dict.fromkeys(table for some in tables.values() for table in some))
        text = f"FILTER actions are not known, since no text of these tables can be read: {listed}"
        yield Coverage("filter", ", ".join(tables), State.OFF, text)


def is_asked(settings: Settings, facts: Facts, milters: str) -> bool:
    """Whether a list of milters (expanded) names ours."""
    return mentions(milters, spellings(settings.milter.socket, facts.queue))


def of_milter(settings: Settings, facts: Facts) -> Iterator[Coverage]:
    """Each smtpd(8) of master.cf."""
    services = facts.services_of(SMTPD)
    if not services:
        text = "master.cf has no smtpd: there is no SMTP client to refuse"
        yield Coverage("milter", SMTPD, State.NOT_COVERED, text)
    for service in services:
        yield _of_service(settings, facts, service)
    if facts.values.get("smtpd_milter_maps"):
        text = "clients that it names meet its milters instead of those of smtpd_milters"
        yield Coverage("milter", "smtpd_milter_maps", State.NOT_COVERED, text)


def _of_service(settings: Settings, facts: Facts, service: Service) -> Coverage:
    milters = facts.setting(service, "smtpd_milters")
    own = facts.overrides(service, "smtpd_milters")
    if is_reinjection(facts, service) and not is_submission(facts, service):
        return _of_reinjection(settings, facts, service, milters)
    if has_no_milters(facts, service):
        text = "receive_override_options has no_milters: what it takes is never refused"
        return Coverage("milter", service.key, State.NOT_COVERED, text)
    if not is_asked(settings, facts, milters):
        if not own:
            text = "smtpd_milters does not name the milter: no recipient is ever refused"
            return Coverage("milter", service.key, State.MISSING, text)
        if is_submission(facts, service):
            text = "has smtpd_milters of its own, without ours: what it takes is never refused"
            return Coverage("milter", service.key, State.OVERRIDDEN, text)
        text = "has smtpd_milters of its own, without ours: what it takes is never refused"
        return Coverage("milter", service.key, State.NOT_COVERED, text)
    return Coverage("milter", service.key, *_asked(settings, facts, service, milters))


def _of_reinjection(settings: Settings, facts: Facts, service: Service, milters: str) -> Coverage:
    """What a filter hands back was judged when it came in; to ask again is needless, or worse."""
    if has_no_milters(facts, service) or not is_asked(settings, facts, milters):
        text = "the way back from a filter: what it hands back was judged before"
        return Coverage("milter", service.key, State.OFF, text)
    if settings.signs and settings.return_path.sign == "all":
        text = (
            "the way back from a filter asks again, and what is signed passes: "
            "receive_override_options=no_milters for it spares that"
        )
        return Coverage("milter", service.key, State.ATTACHED, text)
    text = (
        "the way back from a filter: what it hands back is judged and recorded twice; "
        "set receive_override_options=no_milters for it"
    )
    return Coverage("milter", service.key, State.TWICE, text)


def _asked(settings: Settings, facts: Facts, service: Service, milters: str) -> tuple[State, str]:
    socket = settings.milter.socket
    relative = {one for one in spellings(socket, facts.queue) if not one.startswith("unix:/")}
    if service.chroot and isinstance(socket, UnixSocket) and not mentions(milters, relative):
        return State.BROKEN, f"in a chroot, where {socket.path} is out of sight"
    action = default_action(facts, milters, spellings(socket, facts.queue))
    if action != "accept":
        text = f"while the milter does not answer no mail is taken: default_action is {action}"
        return State.FRAGILE, text
    return State.ATTACHED, "asks the milter, and mails where it does not answer"


def default_action(facts: Facts, milters: str, ours: Iterable[str]) -> str:
    """What Postfix does where our milter does not answer."""
    mine = next((item for item in items(milters) or [] if mentions(item, ours)), "")
    found = _ACTION.search(mine)
    return found[1] if found else facts.values.get("milter_default_action") or "tempfail"


def is_submission(facts: Facts, service: Service) -> bool:
    """Whether mail that leaves comes in by a service, as far as its settings tell."""
    return (
        service.name.rpartition(":")[2] in ("submission", "submissions", "smtps", "587", "465")
        or facts.setting(service, "milter_macro_daemon_name") == "ORIGINATING"
        or facts.options.get(service.key, {}).get("smtpd_sasl_auth_enable") == "yes"
    )


def _of_return_path(settings: Settings, facts: Facts) -> Iterator[Coverage]:
    """Each return domain, and those that Postfix still takes mail for."""
    domains = settings.return_path.domains
    if not domains:
        text = "[return_path] domain is not set: no bounce comes back to where it is counted"
        yield Coverage("return-path", "", State.OFF, text)
    for domain in domains.names:
        yield _of_return_domain(settings, facts, domain)
    for domain in removed_domains(settings, facts):
        text = "Postfix routes it here, but [return_path] does not list it: no bounce counts"
        yield Coverage("return-path", domain, State.BROKEN, text, KEEP_DOMAIN)


def removed_domains(settings: Settings, facts: Facts) -> list[str]:
    """The domains that `postfix enable` has attached and that are no return domains any more."""
    domains = settings.return_path.domains
    if not domains or RETURN_DOMAIN not in facts.explicit:
        return []
    named = items(facts.values.get(RETURN_DOMAIN, "")) or []
    return [one for one in named if not domains.holds(one)]


def _of_return_domain(settings: Settings, facts: Facts, domain: str) -> Coverage:
    if not is_routed(settings, facts, domain):
        text = f"transport_maps does not show that {domain} goes to the return path"
        return Coverage("return-path", domain, State.MISSING, text)
    if not is_accepted(facts, domain):
        text = "in no list of domains that Postfix takes mail for: bounces are refused"
        return Coverage("return-path", domain, State.MISSING, text)
    catches = facts.tables_of(domain).catches
    if table := next(iter(catches), ""):
        found = catches[table]
        if not mentions(found, spellings(settings.return_path.socket, facts.queue)):
            text = f"{table} answers for whole addresses below it, with {found}"
            return Coverage("return-path", domain, State.BROKEN, text)
    chrooted = [one.key for one in facts.services_of("lmtp") if one.chroot]
    socket = settings.return_path.socket
    if chrooted and isinstance(socket, UnixSocket) and not socket.path.is_relative_to(facts.queue):
        text = f"{', '.join(chrooted)}: in a chroot, where {socket.path} is out of sight"
        return Coverage("return-path", domain, State.BROKEN, text)
    return Coverage("return-path", domain, State.ATTACHED, "its mail goes to the return path")


def is_routed(settings: Settings, facts: Facts, domain: str) -> bool:
    """Whether a return domain's mail goes to our socket."""
    ours = spellings(settings.return_path.socket, facts.queue)
    maps = facts.values.get("transport_maps", "")
    answer = facts.tables_of(domain).answers.get("transport_maps", "")
    return (mentions(maps, {domain}) and mentions(maps, ours)) or mentions(answer, ours)


def is_accepted(facts: Facts, domain: str) -> bool:
    """Whether Postfix takes mail for a domain."""
    return any(
        mentions(facts.values.get(name, ""), {domain}) or name in facts.tables_of(domain).answers
        for name in ACCEPTED
    )


def _of_log(settings: Settings) -> Coverage:
    """Whether Postfix's log is read, and what is not known without it."""
    log = settings.maillog
    subject = str(log.file) if log.source == "file" else log.source
    if log.source == "none":
        text = "not read: what Postfix took is not known, and that no bounce came lifts no lock"
        return Coverage("log", "", State.OFF, text)
    if not settings.log_proves:
        text = "shows what waits; as evidence it counts if nobody else can write there (trust_file)"
        return Coverage("log", subject, State.OFF, text)
    return Coverage("log", subject, State.ATTACHED, "tells what Postfix took and what became of it")


def _of_local(settings: Settings, facts: Facts) -> Coverage:
    if _map_is_asked(settings, facts):
        return Coverage("local", "transport_maps", State.ATTACHED, "the map judges it")
    text = "mail from sendmail(1), from aliases, and what is queued already is not judged (--map)"
    return Coverage("local", "transport_maps", State.NOT_COVERED, text)


def _of_verification(facts: Facts) -> Iterator[Coverage]:
    """Where address verification stands before the map."""
    for subject in verify_parameters(facts):
        text = (
            "asks verify(8) before the map: locked recipients are answered 450, and refused from "
            f"its memory after an unlock, for {facts.values.get(REFRESH) or '3h'}"
        )
        yield Coverage("map", subject, State.AFFECTED, text, FIX)


def _map_is_asked(settings: Settings, facts: Facts) -> bool:
    """Whether transport_maps names the map."""
    ours = {f"socketmap:{name}" for name in spellings(settings.map.socket, facts.queue)}
    return any(
        item.rpartition(":")[0] in ours
        for item in items(facts.values.get("transport_maps", "")) or []
    )


def _of_map(settings: Settings, facts: Facts) -> Coverage:
    if _map_is_asked(settings, facts):
        return Coverage("map", "transport_maps", State.ATTACHED, "every routed recipient is judged")
    return Coverage("map", "transport_maps", State.OFF, "not asked for (--map)")
