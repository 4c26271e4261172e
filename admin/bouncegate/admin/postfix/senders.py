"""What Postfix does with a signed sender, as far as its parameters show.

cleanup(8) rewrites the milter's sender like any other, smtp(8) rewrites it once more, and routes
and logins by sender are looked up with the signed one (Postfix 3.7). So a bounce may be lost, or
mail may leave by another route than unsigned mail.
"""

import re
from collections.abc import Callable, Iterator
from enum import Enum, auto
from itertools import pairwise
from typing import Final, NamedTuple

from bouncegate.admin.postfix.contentfilter import has_no_milters
from bouncegate.admin.postfix.facts import SMTPD, Facts, Service
from bouncegate.admin.postfix.filteraction import LISTS
from bouncegate.admin.postfix.sockets import items
from bouncegate.config.probe import SIGNED
from bouncegate.config.settings import Settings

# RFC 5321, 4.5.3.1.1: the octets of a local part that every server must accept.
_LONGEST_LOCAL_PART: Final = 64
# Fewer octets of a token are not told from other words.
_LEAST_OF_TOKEN: Final = 8
_CHECK: Final = "check_recipient_access"
# What access(5) answers to a recipient whose mail does not come in.
_REFUSES: Final = re.compile(r"(?:REJECT|DEFER|DISCARD|HOLD|[45]\d\d)\b", re.IGNORECASE)
# The forms of the Sender Rewriting Scheme; the token follows its former domain.
_SRS: Final = re.compile(r"SRS[01][-+=]", re.IGNORECASE)
# cleanup(8) rewrites no address of mail from such a service (postconf(5)).
_NO_MAPPINGS: Final = "no_address_mappings"


class Effect(Enum):
    """What a parameter does to signed mail."""

    LOST = auto()
    """Bounces go elsewhere."""
    AFFECTED = auto()
    """Mail is treated differently from unsigned mail."""
    UNSIGNED = auto()
    """Mail is checked, but neither signed nor recorded."""


class SenderEffect(NamedTuple):
    """A parameter, and what it does to signed mail."""

    subject: str
    """The parameter; where master.cf sets it for a service, `service/type/parameter`."""
    effect: Effect
    text: str
    fix: str


class Lookup(NamedTuple):
    """The tables of a parameter, to be asked about a signed sender."""

    subject: str
    tables: str


class _Rule(NamedTuple):
    """A parameter with tables that Postfix asks about senders."""

    name: str
    program: str
    find: "Callable[[str, str | None, str], SenderEffect | None]"
    """From subject, answer (None: unknown) and return domain to the effect."""
    holds: tuple[str, str] = ("", "")
    """Another parameter, and a word that it must have for the tables to be used."""


def sender_effects(settings: Settings, facts: Facts) -> Iterator[SenderEffect]:
    """All effects; none if no sender is signed."""
    if settings.keeps_ledger:
        yield from _proxied(facts)
    if not settings.signs:
        return
    for domain in settings.return_path.domains.names:
        yield from _of_domain(facts, domain)
    yield from _verp(facts)


def _of_domain(facts: Facts, domain: str) -> Iterator[SenderEffect]:
    """The effects on senders that are signed below one return domain."""
    signed = facts.tables_of(domain).signed
    for rule in _RULES:
        for subject, service in _places(facts, rule):
            if facts.setting(service, rule.name) and (
                found := rule.find(subject, signed.get(subject), domain)
            ):
                yield found
    yield from _masqueraded(facts, domain)
    for subject, _ in _access_tables(facts):
        if _REFUSES.match(signed.get(subject) or ""):
            yield _refused(subject, domain)


def lookups(facts: Facts) -> Iterator[Lookup]:
    """The tables to be asked about a signed sender."""
    yield from (Lookup(subject, table) for subject, table in _access_tables(facts))
    for rule in _RULES:
        for subject, service in _places(facts, rule):
            if tables := facts.setting(service, rule.name):
                yield Lookup(subject, tables)


def _access_tables(facts: Facts) -> Iterator[tuple[str, str]]:
    """The tables that decide which recipients smtpd(8) accepts, with their places."""
    for name in LISTS:
        for subject, service in _settings(facts, SMTPD, name):
            words = items(facts.setting(service, name)) or []
            yield from (
                (f"{subject} {_CHECK} {word}", word)
                for before, word in pairwise(words)
                if before.lower() == _CHECK
            )


def _refused(subject: str, domain: str) -> SenderEffect:
    text = (
        f"refuses signed return paths, whose local parts have {len(SIGNED)} octets (RFC 5321, "
        f"4.5.3.1.1, allows {_LONGEST_LOCAL_PART}): all bounces are lost"
    )
    pattern = f"/@{re.escape(domain)}$/ DUNNO".replace(r"\-", "-")
    return SenderEffect(subject, Effect.LOST, text, f"put first in a table of patterns: {pattern}")


def _places(facts: Facts, rule: _Rule) -> Iterator[tuple[str, Service]]:
    """Where a rule applies: main.cf, with one service for it, and services with own settings."""
    parameter, word = rule.holds
    if rule.program == "cleanup" and not _is_mapped(facts):
        return
    for subject, service in _settings(facts, rule.program, rule.name, parameter):
        if not parameter or word in facts.setting(service, parameter).replace(",", " ").split():
            yield subject, service


def _settings(facts: Facts, program: str, *names: str) -> Iterator[tuple[str, Service]]:
    """Each setting of a parameter for the services of a program, with one service for each."""
    seen = set[str]()
    for service in facts.services_of(program):
        own = any(facts.overrides(service, name) for name in names if name)
        subject = f"{service.key}/{names[0]}" if own else names[0]
        if subject not in seen:
            seen.add(subject)
            yield subject, service


def _is_mapped(facts: Facts) -> bool:
    """Whether cleanup(8) rewrites the mail of any smtpd(8)."""
    return any(
        _NO_MAPPINGS not in facts.setting(service, "receive_override_options")
        for service in facts.services_of(SMTPD)
    )


def _rewritten(subject: str, answer: str | None, domain: str) -> SenderEffect | None:
    """The effect of a table that rewrites addresses."""
    if answer is None:
        text = "cannot be asked how it rewrites signed return paths"
        fix = "run this as root, and while the table's server is running"
        return SenderEffect(subject, Effect.AFFECTED, text, fix)
    made = [_address(one) for one in answer.split(",") if one.strip()]
    whole = [local for local, where in made if SIGNED in local.lower() and where.lower() == domain]
    if not made or any(len(local) <= _LONGEST_LOCAL_PART for local in whole):
        return None
    if whole:
        return _too_long(subject, whole[0], domain)
    local, where = made[0]
    if _is_cut(local) and where.lower() == domain:
        text = f"cuts signed return paths to {len(local)} octets: all bounces are lost"
        return SenderEffect(subject, Effect.LOST, text, _exclude(domain))
    if _SRS.match(local) and SIGNED in local.lower():
        text = (
            f"rewrites signed senders to SRS addresses with local parts of {len(local)} octets: "
            f"servers that accept at most {_LONGEST_LOCAL_PART} refuse such mail (RFC 5321, "
            "553 5.1.7)"
        )
        fix = f"exclude {domain} in the SRS daemon: it is a domain of this machine"
        return SenderEffect(subject, Effect.AFFECTED, text, fix)
    text = f"replaces signed return paths by {local}@{where}: all bounces are lost"
    return SenderEffect(subject, Effect.LOST, text, _exclude(domain))


def _too_long(subject: str, local: str, domain: str) -> SenderEffect:
    text = (
        f"makes signed return paths longer, to {len(local)} octets: servers that accept at most "
        f"{_LONGEST_LOCAL_PART} refuse such mail (RFC 5321, 4.5.3.1.1)"
    )
    return SenderEffect(subject, Effect.AFFECTED, text, _exclude(domain))


def _is_cut(local: str) -> bool:
    """Whether a local part is a piece of a token."""
    return len(local) >= _LEAST_OF_TOKEN and local.lower() in SIGNED


def _exclude(domain: str) -> str:
    pattern = f"/^(.+@{re.escape(domain)})$/ $1".replace(r"\-", "-")
    return f"exclude @{domain}; in a table of patterns put first: {pattern}"


def _address(text: str) -> tuple[str, str]:
    """The local part and domain of a table's answer; `@domain` keeps the local part."""
    local, at, domain = text.strip().rpartition("@")
    return (local or SIGNED, domain) if at else (domain, "$myorigin")


def _routed(subject: str, answer: str | None, domain: str) -> SenderEffect | None:
    """The effect of a table of routes by sender."""
    return _not_listed(subject, answer, domain, "signed mail leaves by the default route")


def _logged_in(subject: str, answer: str | None, domain: str) -> SenderEffect | None:
    """The effect of smtp_sender_dependent_authentication."""
    lost = "signed mail leaves with the login of the relay host, or with none"
    return _not_listed(subject, answer, domain, lost)


def _not_listed(subject: str, answer: str | None, domain: str, lost: str) -> SenderEffect | None:
    if answer:
        return None
    asked = f"is asked with the signed sender, not with the original one: {lost}"
    known = f"it has no entry for @{domain}" if answer == "" else "its tables cannot be asked"
    fix = (
        f"add an entry for @{domain}, which then applies to all signed mail; or do not sign the "
        'senders that it lists: [return_path] sign = "own", with the other domains in own_domains'
    )
    return SenderEffect(subject, Effect.AFFECTED, f"{asked} ({known})", fix)


def _masqueraded(facts: Facts, domain: str) -> Iterator[SenderEffect]:
    """The effect of masquerade_domains, if it applies to envelope senders."""
    if not _is_mapped(facts):
        return
    for subject, service in _settings(facts, "cleanup", "masquerade_domains", "masquerade_classes"):
        listed = facts.setting(service, "masquerade_domains").replace(",", " ").split()
        classes = facts.setting(service, "masquerade_classes").replace(",", " ").split()
        parent = masquerade(listed, domain)
        if parent != domain and "envelope_sender" in classes:
            text = f"shortens signed senders to @{parent}: all bounces are lost"
            fix = f"let it begin with !{domain}"
            yield SenderEffect(subject, Effect.LOST, text, fix)


def masquerade(listed: list[str], domain: str) -> str:
    """A domain after masquerade_domains: the first entry that is it or above it decides."""
    for entry in listed:
        parent = entry.lstrip("!").lower()
        if domain == parent or domain.endswith(f".{parent}"):
            keeps = (len(entry) - len(parent)) % 2
            return domain if keeps else parent
    return domain


def _proxied(facts: Facts) -> Iterator[SenderEffect]:
    """smtpd_proxy_filter: milters see the commands, but no end of a message."""
    for service in facts.services_of(SMTPD):
        if has_no_milters(facts, service):
            continue
        if proxy := facts.setting(service, "smtpd_proxy_filter"):
            text = (
                f"hands mail to {proxy} before the queue, and milters see only its commands: "
                "recipients are refused, but mail is neither signed nor recorded"
            )
            fix = "filter submitted mail with a milter or content_filter instead, if you can"
            yield SenderEffect(f"{service.key}/smtpd_proxy_filter", Effect.UNSIGNED, text, fix)


def _verp(facts: Facts) -> Iterator[SenderEffect]:
    """XVERP appends the recipient to the token."""
    name = "smtpd_authorized_verp_clients"
    for subject, service in _settings(facts, SMTPD, name):
        if facts.setting(service, name):
            text = (
                "clients that it lists may use XVERP, which makes local parts of signed senders "
                f"longer than {_LONGEST_LOCAL_PART} octets: some servers refuse such mail "
                "(RFC 5321, 553 5.1.7)"
            )
            fix = "ignore this if they do not; else do not sign their senders, or avoid XVERP"
            yield SenderEffect(subject, Effect.AFFECTED, text, fix)


_RULES: Final = (
    _Rule(
        "sender_canonical_maps",
        "cleanup",
        _rewritten,
        ("sender_canonical_classes", "envelope_sender"),
    ),
    _Rule("canonical_maps", "cleanup", _rewritten, ("canonical_classes", "envelope_sender")),
    _Rule(
        "recipient_canonical_maps",
        "cleanup",
        _rewritten,
        ("recipient_canonical_classes", "envelope_recipient"),
    ),
    _Rule("virtual_alias_maps", "cleanup", _rewritten),
    _Rule("smtp_generic_maps", "smtp", _rewritten),
    _Rule("sender_dependent_relayhost_maps", "trivial-rewrite", _routed),
    _Rule("sender_dependent_default_transport_maps", "trivial-rewrite", _routed),
    _Rule(
        "smtp_sasl_password_maps",
        "smtp",
        _logged_in,
        ("smtp_sender_dependent_authentication", "yes"),
    ),
)
