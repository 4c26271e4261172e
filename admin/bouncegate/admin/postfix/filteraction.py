"""FILTER actions: lookup tables of access(5) and header_checks(5) that hand mail to a filter.

Such an action names a transport and a destination, and overrides content_filter for the message.
Tables of access(5) are in the restrictions of smtpd(8) and in the restriction classes that these
name, also as the result of a table (RESTRICTION_CLASS_README); cleanup(8) asks those of
header_checks(5). The answers of a policy server are unknown.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from bouncegate.admin.postfix.facts import SMTPD, Facts, Service
from bouncegate.admin.postfix.lookuptable import is_table
from bouncegate.admin.postfix.sockets import items
from bouncegate.admin.postfix.verification import RESTRICTIONS

CLASSES: Final = "smtpd_restriction_classes"
CHECKS: Final = (
    "header_checks",
    "mime_header_checks",
    "nested_header_checks",
    "body_checks",
    "milter_header_checks",
)
"""What cleanup(8) asks about content. The tables of smtp(8) take no FILTER (header_checks(5))."""
LISTS: Final = (*RESTRICTIONS, "smtpd_data_restrictions", "smtpd_end_of_data_restrictions")
"""The restrictions that smtpd(8) goes through for a message."""
NO_CHECKS: Final = "no_header_body_checks"
"""receive_override_options (postconf(5)): header_checks and the like are not asked."""
_CLEANUP: Final = "cleanup"
_ACTION: Final = re.compile(r"filter\s+(?P<transport>[^\s:]+):(?P<destination>\S*)", re.IGNORECASE)
# The word behind this one looks like a table, but is a server.
_SERVERS: Final = "check_policy_service"
# These send mail to the recipient's own domain if an action names no destination.
_CLIENTS: Final = ("smtp", "lmtp")
_MAIN: Final = Service("", "", False, SMTPD)
"""Stands for main.cf: it has no options of its own."""

Read = Callable[[str], Sequence[str] | None]
"""From a table to its results; None if they cannot be read."""


class Actions(NamedTuple):
    """What the tables of one parameter do."""

    filters: Mapping[str, str] = {}
    """By `transport:destination`: the table that names it."""
    unknown: tuple[str, ...] = ()
    """Tables whose results cannot be read."""


def classes(facts: Facts) -> tuple[str, ...]:
    """The names of all restriction classes: each is a parameter too."""
    values = [facts.values.get(CLASSES, "")]
    values += [own[CLASSES] for own in facts.options.values() if CLASSES in own]
    found = (name for value in values for name in items(value) or ())
    return tuple(dict.fromkeys(name for name in found if re.fullmatch(r"\w+", name)))


def actions(facts: Facts, read: Read) -> dict[str, Actions]:
    """By subject, the parameters whose tables have FILTER actions, or may have."""
    smtpds = (_MAIN, *facts.services_of(SMTPD))
    cleanups = (_MAIN, *facts.services_of(_CLEANUP))
    found: dict[str, Actions] = {}
    for services, names in ((smtpds, LISTS), (cleanups, CHECKS)):
        for service in services:
            for name in names:
                subject = _subject(facts, service, name)
                if subject not in found:
                    found[subject] = _collected(_walk(facts, service, name, read))
    return {subject: one for subject, one in found.items() if one.filters or one.unknown}


def asked(facts: Facts, service: Service | None = None) -> Iterator[str]:
    """The subjects that apply to mail of an smtpd(8); None: by main.cf alone."""
    smtpd = service or _MAIN
    yield from (_subject(facts, smtpd, name) for name in LISTS)
    if NO_CHECKS not in facts.setting(smtpd, "receive_override_options"):
        cleanup = _cleanup(facts, smtpd)
        yield from (_subject(facts, cleanup, name) for name in CHECKS)


def _cleanup(facts: Facts, smtpd: Service) -> Service:
    name = facts.setting(smtpd, "cleanup_service_name") or _CLEANUP
    return next((one for one in facts.services if one.name == name), _MAIN)


def _subject(facts: Facts, service: Service, name: str) -> str:
    """The parameter; where master.cf sets it or a class for a service, `service/type/name`."""
    own = facts.options.get(service.key, {})
    relevant = {name, *(() if name in CHECKS else (CLASSES, *classes(facts)))}
    return f"{service.key}/{name}" if relevant & own.keys() else name


class _Found(NamedTuple):
    table: str
    results: Sequence[str] | None


def _walk(facts: Facts, service: Service, name: str, read: Read) -> Iterator[_Found]:
    """All tables of a parameter, and of the classes that it or one of its tables names."""
    # Those for MIME headers are header_checks where main.cf does not set them.
    if service is _MAIN and name in CHECKS and name not in facts.explicit:
        return
    named = set(items(facts.setting(service, CLASSES)) or ()) if name in LISTS else set[str]()
    seen, waiting = {name}, [name]
    while waiting:
        words = items(facts.setting(service, waiting.pop()))
        for table in _tables(words or ()):
            results = read(table)
            yield _Found(table, results)
            words = [*(words or ()), *_words(results or (), named)]
        new = (named - seen).intersection(words or ())
        seen |= new
        waiting += sorted(new)


def _words(results: Sequence[str], named: set[str]) -> Iterator[str]:
    """The words of results of access(5), which may be restriction classes."""
    if named:
        for result in results:
            yield from re.split(r"[\s,]+", result)


def _tables(words: Sequence[str]) -> Iterator[str]:
    for before, word in pairwise(("", *words)):
        if is_table(word) and before.lower() != _SERVERS:
            yield word


def _collected(found: Iterator[_Found]) -> Actions:
    filters: dict[str, str] = {}
    unknown: list[str] = []
    for table, results in found:
        if results is None:
            unknown.append(table)
        for result in results or ():
            if action := _ACTION.match(result):
                filters.setdefault(f"{action['transport']}:{action['destination']}", table)
    return Actions(filters, tuple(unknown))


def is_filter(facts: Facts, destination: str) -> bool:
    """Whether a destination is a filter: smtp(8) or lmtp(8) without a host only routes mail."""
    transport, _, where = destination.partition(":")
    routes = any(s.name == transport and s.command in _CLIENTS for s in facts.services)
    return bool(where) or not routes
