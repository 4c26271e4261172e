"""What of a Postfix asks Bouncegate, and what does not: by service, plane and path."""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from bouncegate.admin.postfix.contentfilter import asks_no_milter, filters, is_way_back, unknown
from bouncegate.admin.postfix.facts import SMTPD, Running, Service
from bouncegate.admin.postfix.postconf import TAKEN
from bouncegate.admin.postfix.senders import Effect, findings
from bouncegate.admin.postfix.sockets import RETURN_DOMAIN, items, names, names_any
from bouncegate.admin.postfix.verification import MEND, REFRESH, verifying
from bouncegate.config.settings import Settings
from bouncegate.config.values import UnixSocket

REMEMBER: Final = (
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


class Cover(NamedTuple):
    """One line of the status."""

    plane: str
    """`milter`, `filter`, `return-path`, `sender`, `log`, `local` or `map`."""
    subject: str
    """The service, the domain or the parameter."""
    state: State
    text: str
    mend: str = ""
    """What helps, where that differs from case to case."""


_OF_EFFECT: Final = {
    Effect.LOST: State.BROKEN,
    Effect.AFFECTED: State.AFFECTED,
    Effect.UNSIGNED: State.UNSIGNED,
}


def covers(settings: Settings, running: Running) -> Iterator[Cover]:
    """Everything that can be told."""
    yield from of_milter(settings, running)
    yield from _of_filters(running)
    yield from _of_return_path(settings, running)
    for subject, effect, text, mend in findings(settings, running):
        yield Cover("sender", subject, _OF_EFFECT[effect], text, mend)
    yield _of_log(settings)
    yield _of_local(settings, running)
    yield _of_map(settings, running)
    if _map_is_asked(settings, running):
        yield from _of_verification(running)


def _of_filters(running: Running) -> Iterator[Cover]:
    """What hands mail to a filter behind the queue, whose way back has to be known."""
    for subject, where in filters(running).items():
        if not any(is_way_back(running, one) for one in running.running(SMTPD)):
            text = f"mail goes to {where}; which smtpd takes what comes back cannot be told"
            yield Cover("filter", subject, State.OFF, text)
    if tables := unknown(running):
        listed = ", ".join(dict.fromkeys(table for some in tables.values() for table in some))
        text = f"FILTER actions are not known, since no text of these tables can be read: {listed}"
        yield Cover("filter", ", ".join(tables), State.OFF, text)


def is_asked(settings: Settings, running: Running, milters: str) -> bool:
    """Whether a list of milters (expanded) names ours."""
    return names_any(milters, names(settings.milter.socket, running.queue))


def of_milter(settings: Settings, running: Running) -> Iterator[Cover]:
    """Each smtpd(8) of master.cf."""
    services = running.running(SMTPD)
    if not services:
        text = "master.cf has no smtpd: there is no SMTP client to refuse"
        yield Cover("milter", SMTPD, State.NOT_COVERED, text)
    for service in services:
        yield _of_service(settings, running, service)
    if running.values.get("smtpd_milter_maps"):
        text = "clients that it names meet its milters instead of those of smtpd_milters"
        yield Cover("milter", "smtpd_milter_maps", State.NOT_COVERED, text)


def _of_service(settings: Settings, running: Running, service: Service) -> Cover:
    milters = running.setting(service, "smtpd_milters")
    own = running.overrides(service, "smtpd_milters")
    if is_way_back(running, service) and not is_submission(running, service):
        return _of_way_back(settings, running, service, milters)
    if asks_no_milter(running, service):
        text = "receive_override_options has no_milters: what it takes is never refused"
        return Cover("milter", service.key, State.NOT_COVERED, text)
    if not is_asked(settings, running, milters):
        if not own:
            text = "smtpd_milters does not name the milter: no recipient is ever refused"
            return Cover("milter", service.key, State.MISSING, text)
        if is_submission(running, service):
            text = "has smtpd_milters of its own, without ours: what it takes is never refused"
            return Cover("milter", service.key, State.OVERRIDDEN, text)
        text = "has smtpd_milters of its own, without ours: what it takes is never refused"
        return Cover("milter", service.key, State.NOT_COVERED, text)
    return Cover("milter", service.key, *_asked(settings, running, service, milters))


def _of_way_back(settings: Settings, running: Running, service: Service, milters: str) -> Cover:
    """What a filter hands back was judged when it came in; to ask again is needless, or worse."""
    if asks_no_milter(running, service) or not is_asked(settings, running, milters):
        text = "the way back from a filter: what it hands back was judged before"
        return Cover("milter", service.key, State.OFF, text)
    if settings.signs and settings.return_path.sign == "all":
        text = (
            "the way back from a filter asks again, and what is signed passes: "
            "receive_override_options=no_milters for it spares that"
        )
        return Cover("milter", service.key, State.ATTACHED, text)
    text = (
        "the way back from a filter: what it hands back is judged and recorded twice; "
        "set receive_override_options=no_milters for it"
    )
    return Cover("milter", service.key, State.TWICE, text)


def _asked(
    settings: Settings, running: Running, service: Service, milters: str
) -> tuple[State, str]:
    socket = settings.milter.socket
    relative = {one for one in names(socket, running.queue) if not one.startswith("unix:/")}
    if service.chroot and isinstance(socket, UnixSocket) and not names_any(milters, relative):
        return State.BROKEN, f"in a chroot, where {socket.path} is out of sight"
    action = default_action(running, milters, names(socket, running.queue))
    if action != "accept":
        text = f"while the milter does not answer no mail is taken: default_action is {action}"
        return State.FRAGILE, text
    return State.ATTACHED, "asks the milter, and mails where it does not answer"


def default_action(running: Running, milters: str, ours: Iterable[str]) -> str:
    """What Postfix does where our milter does not answer."""
    mine = next((item for item in items(milters) or [] if names_any(item, ours)), "")
    found = _ACTION.search(mine)
    return found[1] if found else running.values.get("milter_default_action") or "tempfail"


def is_submission(running: Running, service: Service) -> bool:
    """Whether mail that leaves comes in by a service, as far as its settings tell."""
    return (
        service.name.rpartition(":")[2] in ("submission", "submissions", "smtps", "587", "465")
        or running.setting(service, "milter_macro_daemon_name") == "ORIGINATING"
        or running.options.get(service.key, {}).get("smtpd_sasl_auth_enable") == "yes"
    )


def _of_return_path(settings: Settings, running: Running) -> Iterator[Cover]:
    """Each return domain, and those that Postfix still takes mail for."""
    domains = settings.return_path.domains
    if not domains:
        text = "[return_path] domain is not set: no bounce comes back to where it is counted"
        yield Cover("return-path", "", State.OFF, text)
    for domain in domains.names:
        yield _of_return_domain(settings, running, domain)
    for domain in forgotten(settings, running):
        text = "Postfix routes it here, but [return_path] does not list it: no bounce counts"
        yield Cover("return-path", domain, State.BROKEN, text, REMEMBER)


def forgotten(settings: Settings, running: Running) -> list[str]:
    """The domains that `postfix enable` has attached and that are no return domains any more."""
    domains = settings.return_path.domains
    if not domains or RETURN_DOMAIN not in running.explicit:
        return []
    named = items(running.values.get(RETURN_DOMAIN, "")) or []
    return [one for one in named if not domains.holds(one)]


def _of_return_domain(settings: Settings, running: Running, domain: str) -> Cover:
    if not is_routed(settings, running, domain):
        text = f"transport_maps does not show that {domain} goes to the return path"
        return Cover("return-path", domain, State.MISSING, text)
    if not is_taken(running, domain):
        text = "in no list of domains that Postfix takes mail for: bounces are refused"
        return Cover("return-path", domain, State.MISSING, text)
    catches = running.told_of(domain).catches
    if table := next(iter(catches), ""):
        found = catches[table]
        if not names_any(found, names(settings.return_path.socket, running.queue)):
            text = f"{table} answers for whole addresses below it, with {found}"
            return Cover("return-path", domain, State.BROKEN, text)
    caged = [one.key for one in running.running("lmtp") if one.chroot]
    socket = settings.return_path.socket
    if caged and isinstance(socket, UnixSocket) and not socket.path.is_relative_to(running.queue):
        text = f"{', '.join(caged)}: in a chroot, where {socket.path} is out of sight"
        return Cover("return-path", domain, State.BROKEN, text)
    return Cover("return-path", domain, State.ATTACHED, "its mail goes to the return path")


def is_routed(settings: Settings, running: Running, domain: str) -> bool:
    """Whether a return domain's mail goes to our socket."""
    ours = names(settings.return_path.socket, running.queue)
    maps = running.values.get("transport_maps", "")
    answer = running.told_of(domain).answers.get("transport_maps", "")
    return (names_any(maps, {domain}) and names_any(maps, ours)) or names_any(answer, ours)


def is_taken(running: Running, domain: str) -> bool:
    """Whether Postfix takes mail for a domain."""
    return any(
        names_any(running.values.get(name, ""), {domain}) or name in running.told_of(domain).answers
        for name in TAKEN
    )


def _of_log(settings: Settings) -> Cover:
    """Whether Postfix's log is read, and what is not known without it."""
    log = settings.maillog
    subject = str(log.file) if log.source == "file" else log.source
    if log.source == "none":
        text = "not read: what Postfix took is not known, and that no bounce came lifts no lock"
        return Cover("log", "", State.OFF, text)
    if not settings.log_proves:
        text = "shows what waits; as evidence it counts if nobody else can write there (trust_file)"
        return Cover("log", subject, State.OFF, text)
    return Cover("log", subject, State.ATTACHED, "tells what Postfix took and what became of it")


def _of_local(settings: Settings, running: Running) -> Cover:
    if _map_is_asked(settings, running):
        return Cover("local", "transport_maps", State.ATTACHED, "the map judges it")
    text = "mail from sendmail(1), from aliases, and what is queued already is not judged (--map)"
    return Cover("local", "transport_maps", State.NOT_COVERED, text)


def _of_verification(running: Running) -> Iterator[Cover]:
    """Where address verification stands before the map."""
    for subject in verifying(running):
        text = (
            "asks verify(8) before the map: locked recipients are answered 450, and refused from "
            f"its memory after an unlock, for {running.values.get(REFRESH) or '3h'}"
        )
        yield Cover("map", subject, State.AFFECTED, text, MEND)


def _map_is_asked(settings: Settings, running: Running) -> bool:
    """Whether transport_maps names the map."""
    ours = {f"socketmap:{name}" for name in names(settings.map.socket, running.queue)}
    return any(
        item.rpartition(":")[0] in ours
        for item in items(running.values.get("transport_maps", "")) or []
    )


def _of_map(settings: Settings, running: Running) -> Cover:
    if _map_is_asked(settings, running):
        return Cover("map", "transport_maps", State.ATTACHED, "every routed recipient is judged")
    return Cover("map", "transport_maps", State.OFF, "not asked for (--map)")
