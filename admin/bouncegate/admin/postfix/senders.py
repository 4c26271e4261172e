"""What Postfix does with a sender that the milter has signed, as far as its parameters tell.

cleanup(8) rewrites the milter's sender like any other, smtp(8) does so once more, and routes and
logins that go by the sender are looked up with the signed one (Postfix 3.7). So a bounce may go
astray, or mail leave by another route than before it was signed.
"""

import re
from collections.abc import Callable, Iterator
from enum import Enum, auto
from typing import Final, NamedTuple

from bouncegate.admin.postfix.facts import SMTPD, Facts, Service
from bouncegate.config.probe import SIGNED
from bouncegate.config.settings import Settings

# RFC 5321, 4.5.3.1.1.
_LONGEST_LOCAL_PART: Final = 64
# The forms of the Sender Rewriting Scheme; the token stands behind the domain that it had.
_SRS: Final = re.compile(r"SRS[01][-+=]", re.IGNORECASE)
# cleanup(8) changes no address of what such a service takes (postconf(5)).
_NO_MAPPINGS: Final = "no_address_mappings"


class Effect(Enum):
    """What comes of it."""

    LOST = auto()
    """Bounces go elsewhere."""
    AFFECTED = auto()
    """Mail leaves in another way than unsigned mail."""
    UNSIGNED = auto()
    """Mail is judged, but neither signed nor recorded."""


class SenderEffect(NamedTuple):
    """One parameter that matters."""

    subject: str
    """The parameter; where master.cf sets it for a service, `service/type/parameter`."""
    effect: Effect
    text: str
    fix: str


class Lookup(NamedTuple):
    """Tables that are asked about a signed sender."""

    subject: str
    tables: str


class _Rule(NamedTuple):
    """A parameter with tables that Postfix asks about senders."""

    name: str
    program: str
    find: "Callable[[str, str | None, str], SenderEffect | None]"
    """From subject, answer (None: unknown) and return domain to what that means."""
    holds: tuple[str, str] = ("", "")
    """Another parameter, and a word that must be in it for the tables to be asked."""


def sender_effects(settings: Settings, facts: Facts) -> Iterator[SenderEffect]:
    """Everything that can be told; nothing where no sender is signed."""
    if settings.keeps_ledger:
        yield from _proxied(facts)
    if not settings.signs:
        return
    for domain in settings.return_path.domains.names:
        yield from _of_domain(facts, domain)
    yield from _verp(facts)


def _of_domain(facts: Facts, domain: str) -> Iterator[SenderEffect]:
    """What becomes of senders that are signed below one return domain."""
    signed = facts.tables_of(domain).signed
    for rule in _RULES:
        for subject, service in _places(facts, rule):
            if facts.setting(service, rule.name) and (
                found := rule.find(subject, signed.get(subject), domain)
            ):
                yield found
    yield from _masqueraded(facts, domain)


def lookups(facts: Facts) -> Iterator[Lookup]:
    """Which tables are to be asked for a signed sender."""
    for rule in _RULES:
        for subject, service in _places(facts, rule):
            if tables := facts.setting(service, rule.name):
                yield Lookup(subject, tables)


def _places(facts: Facts, rule: _Rule) -> Iterator[tuple[str, Service]]:
    """Where a rule applies: main.cf, by any one service, and services that differ from it."""
    parameter, word = rule.holds
    if rule.program == "cleanup" and not _is_mapped(facts):
        return
    for subject, service in _settings(facts, rule.program, rule.name, parameter):
        if not parameter or word in facts.setting(service, parameter).replace(",", " ").split():
            yield subject, service


def _settings(facts: Facts, program: str, *names: str) -> Iterator[tuple[str, Service]]:
    """Each way in which the services of a program are set, with one service for each."""
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
    """What a table of addresses makes of the sender."""
    if answer is None:
        text = "cannot be asked what it makes of signed return paths"
        fix = "run this as root, while what answers for the table is up"
        return SenderEffect(subject, Effect.AFFECTED, text, fix)
    made = [_address(one) for one in answer.split(",") if one.strip()]
    if not made or any(
        SIGNED in local.lower() and where.lower() == domain for local, where in made
    ):
        return None
    local, where = made[0]
    if _SRS.match(local) and SIGNED in local.lower():
        text = (
            f"makes SRS addresses of signed senders, with local parts of {len(local)} octets: "
            f"servers that take no more than {_LONGEST_LOCAL_PART} refuse such mail (RFC 5321, "
            "553 5.1.7)"
        )
        fix = f"let the SRS daemon leave {domain} alone: it is a domain of this machine"
        return SenderEffect(subject, Effect.AFFECTED, text, fix)
    text = f"replaces signed return paths by {local}@{where}: all bounces are lost"
    pattern = f"/^(.+@{re.escape(domain)})$/ $1".replace(r"\-", "-")
    fix = f"let it leave @{domain} alone; at the top of a table of patterns: {pattern}"
    return SenderEffect(subject, Effect.LOST, text, fix)


def _address(text: str) -> tuple[str, str]:
    """Local part and domain of what a table answers: `@domain` keeps the local part."""
    local, at, domain = text.strip().rpartition("@")
    return (local or SIGNED, domain) if at else (domain, "$myorigin")


def _routed(subject: str, answer: str | None, domain: str) -> SenderEffect | None:
    """What a table of routes says of the sender."""
    return _not_listed(subject, answer, domain, "mail that is signed leaves by the default route")


def _logged_in(subject: str, answer: str | None, domain: str) -> SenderEffect | None:
    """The same for smtp_sender_dependent_authentication."""
    lost = "mail that is signed leaves with the login of the relay host, or none"
    return _not_listed(subject, answer, domain, lost)


def _not_listed(subject: str, answer: str | None, domain: str, lost: str) -> SenderEffect | None:
    if answer:
        return None
    asked = f"is asked with the signed sender, not with the one that the client named: {lost}"
    known = f"it has no entry for @{domain}" if answer == "" else "its tables cannot be asked"
    fix = (
        f"add an entry for @{domain}, by which all signed mail then goes; or leave senders that it "
        'names unsigned: [return_path] sign = "own" with own_domains, which names the others'
    )
    return SenderEffect(subject, Effect.AFFECTED, f"{asked} ({known})", fix)


def _masqueraded(facts: Facts, domain: str) -> Iterator[SenderEffect]:
    """masquerade_domains, where it takes the envelope sender."""
    if not _is_mapped(facts):
        return
    for subject, service in _settings(facts, "cleanup", "masquerade_domains", "masquerade_classes"):
        listed = facts.setting(service, "masquerade_domains").replace(",", " ").split()
        classes = facts.setting(service, "masquerade_classes").replace(",", " ").split()
        parent = masquerade(listed, domain)
        if parent != domain and "envelope_sender" in classes:
            text = f"cuts signed senders down to @{parent}: all bounces are lost"
            fix = f"let it begin with !{domain}"
            yield SenderEffect(subject, Effect.LOST, text, fix)


def masquerade(listed: list[str], domain: str) -> str:
    """What masquerade_domains makes of a domain: the first entry that is it or above it decides."""
    for entry in listed:
        parent = entry.lstrip("!").lower()
        if domain == parent or domain.endswith(f".{parent}"):
            keeps = (len(entry) - len(parent)) % 2
            return domain if keeps else parent
    return domain


def _proxied(facts: Facts) -> Iterator[SenderEffect]:
    """smtpd_proxy_filter: milters see the commands, and no end of any message."""
    for service in facts.services_of(SMTPD):
        if "no_milters" in facts.setting(service, "receive_override_options"):
            continue
        if proxy := facts.setting(service, "smtpd_proxy_filter"):
            text = (
                f"hands mail to {proxy} before it is queued, and shows milters its commands alone: "
                "recipients are refused, but mail is neither signed nor recorded"
            )
            fix = "filter what clients submit with a milter or with content_filter, if you can"
            yield SenderEffect(f"{service.key}/smtpd_proxy_filter", Effect.UNSIGNED, text, fix)


def _verp(facts: Facts) -> Iterator[SenderEffect]:
    """XVERP writes the recipient behind the token."""
    name = "smtpd_authorized_verp_clients"
    for subject, service in _settings(facts, SMTPD, name):
        if facts.setting(service, name):
            text = (
                "clients that it names may ask for XVERP, which makes local parts of more than "
                f"{_LONGEST_LOCAL_PART} octets of signed senders: some servers refuse such mail "
                "(RFC 5321, 553 5.1.7)"
            )
            fix = "nothing, if they do not; else leave their senders unsigned, or send without it"
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
