"""DNS of the return domains and From domains: MX, SPF, DMARC, DKIM and reverse DNS."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from bouncegate.admin.dns.senderdns import (
    DkimSelector,
    Question,
    SenderDns,
    SenderRecords,
    SourceAddress,
    sender_dns,
)
from bouncegate.admin.dns.spf import SpfResult
from bouncegate.admin.doctor.findings import Finding, Severity
from bouncegate.config.returndomains import ReturnDomains
from bouncegate.config.settings import Settings

_NAME: Final = "dns"
# RFC 8301, 3.2: verifiers must reject shorter keys; signers should use 2048 bits.
_SHORTEST_KEY: Final = 1024
_GOOD_KEY: Final = 2048
_DEMANDS: Final = {"quarantine", "reject"}


class Egress(NamedTuple):
    """What receivers see of this machine's mail."""

    senders: tuple[str, ...] = ()
    """Domains of From lines."""
    addresses: tuple[str, ...] = ()
    """The addresses that mail leaves from; empty if a relay sends it, or if unknown."""
    helo: str = ""
    selectors: tuple[str, ...] = ()
    """Of the DKIM keys that sign."""


_NOTHING: Final = Egress()


def check_dns(settings: Settings, egress: Egress = _NOTHING) -> Iterator[Finding]:
    """Check the return domains, and the From domains.

    From domains with a return domain of their own are checked always.
    """
    returns = settings.return_path.domains
    senders = tuple(dict.fromkeys((*egress.senders, *returns.by_sender)))
    egress = egress._replace(senders=senders)
    domains = tuple(dict.fromkeys((*returns.names, *senders)))
    if not domains or not settings.dns.enabled:
        return
    question = Question(domains, egress.addresses, egress.selectors, senders)
    yield from findings_of(returns, egress, sender_dns(question, settings.dns))


def findings_of(returns: ReturnDomains, egress: Egress, found: SenderDns) -> Iterator[Finding]:
    """The findings from the answers of DNS."""
    for domain, records in found.domains.items():
        if records.mail.status == "unknown":
            text = f"DNS lookups for {domain} failed ({records.mail.why})"
            yield Finding(_NAME, Severity.NOTE, text, "run this on a machine with working DNS")
            continue
        is_needed = returns.holds(domain)
        yield from _mail(domain, records, Severity.ERROR if is_needed else Severity.WARNING)
        yield from _spf(domain, records)
        yield from _spf_result(domain, records)
    for sender in egress.senders:
        yield from _aligned(sender, returns.for_sender(sender), found)
    for source in found.sources:
        yield from _source_address(source, egress.helo)
    for key in found.signing:
        yield from _key(key)


def _mail(domain: str, records: SenderRecords, severity: Severity) -> Iterator[Finding]:
    if records.mail.status == "ok":
        hosts = ", ".join(host.name for host in records.mail.hosts)
        yield Finding(_NAME, Severity.OK, f"mail to {domain} goes to {hosts}")
        return
    text = f"{domain} accepts no mail ({records.mail.status}): no server can send bounces to it"
    yield Finding(_NAME, severity, text, f"publish an MX for {domain}")


def _spf(domain: str, records: SenderRecords) -> Iterator[Finding]:
    if records.spf is None:
        yield Finding(_NAME, Severity.NOTE, f"lookup of the TXT records of {domain} failed")
    elif len(records.spf) == 1:
        (record,) = records.spf
        yield Finding(_NAME, Severity.OK, f"{domain} has an SPF record: {record}")
    elif records.spf:
        # RFC 7208, 4.5: more than one record is a permanent error.
        text = f"{domain} has {len(records.spf)} SPF records: receivers treat that as an error"
        yield Finding(_NAME, Severity.ERROR, text, "keep only one of them")
    else:
        text = f"{domain} has no SPF record: receivers trust mail from it less"
        fix = f'publish a TXT record for {domain}: "v=spf1 mx -all", plus your other servers'
        yield Finding(_NAME, Severity.WARNING, text, fix)


def _spf_result(domain: str, records: SenderRecords) -> Iterator[Finding]:
    if records.spf is None or len(records.spf) != 1:
        return
    for address, result in records.spf_results.items():
        severity, meaning = _OF_RESULT[result.result]
        term = f" by {result.term}" if result.term else ""
        text = f"SPF of {domain} says {result.result} to {address}{term}: {meaning}"
        yield Finding(_NAME, severity, text, _fix(domain, address, result, severity))


_OF_RESULT: Final = {
    "pass": (Severity.OK, "this machine may send mail in its name"),
    "fail": (Severity.ERROR, "receivers refuse mail from here"),
    "softfail": (Severity.WARNING, "receivers trust mail from here less"),
    "neutral": (Severity.WARNING, "it says nothing about mail from here"),
    "none": (Severity.WARNING, "there is no record"),
    "permerror": (Severity.ERROR, "receivers cannot read it, and may refuse"),
    "temperror": (Severity.NOTE, "a DNS lookup for it failed"),
    "unknown": (Severity.NOTE, "it has a macro or ptr that is not evaluated here"),
}


def _fix(domain: str, address: str, result: SpfResult, severity: Severity) -> str:
    if severity < Severity.WARNING:
        return ""
    if result.result == "permerror":
        return f"correct the SPF record of {domain}: its syntax, or more than ten lookups"
    version = 6 if ":" in address else 4
    return f"add ip{version}:{address} to the SPF record of {domain}"


def _aligned(sender: str, returns: str, found: SenderDns) -> Iterator[Finding]:
    """Whether the return path of a From domain is aligned for DMARC (RFC 7489, 3.1).

    `returns` is the return domain of its senders; empty if they are not signed.
    """
    policy = found.domains[sender].policy
    if not policy.known:
        return
    if not policy.text:
        text = f"{sender} has no DMARC record: large receivers require one of bulk senders"
        fix = f'publish a TXT record for _dmarc.{sender}: "v=DMARC1; p=none; rua=mailto:…"'
        yield Finding(_NAME, Severity.WARNING, text, fix)
        return
    yield Finding(_NAME, Severity.OK, f"{sender} has a DMARC policy: p={policy.asked}")
    if not returns:
        return
    other = found.domains[returns].policy
    if not other.known:
        return
    is_same = other.organisation == policy.organisation
    same = returns == sender if policy.strict_spf else is_same
    if same:
        yield Finding(_NAME, Severity.OK, f"return paths below {returns} are aligned with {sender}")
        return
    signed = any(one.domain == sender and one.key.status == "ok" for one in found.signing)
    severe = policy.asked in _DEMANDS and not signed
    text = f"{returns} is not aligned with {sender}: only DKIM can pass DMARC, SPF cannot"
    fix = (
        f"sign with a DKIM key of {sender}, or set a return domain below it "
        "([[return_path.sender_dependent]])"
    )
    yield Finding(_NAME, Severity.WARNING if severe else Severity.NOTE, text, fix)


def _source_address(source: SourceAddress, helo: str) -> Iterator[Finding]:
    address, names = source
    if not names.known:
        yield Finding(_NAME, Severity.NOTE, f"lookup of the name of {address} failed")
    elif not names.pointers:
        text = f"{address} has no PTR record: many receivers refuse mail from it"
        fix = f"ask your network provider to set it to {helo or 'the HELO name of this machine'}"
        yield Finding(_NAME, Severity.ERROR, text, fix)
    elif not names.confirmed:
        text = (
            f"{address} is named {names.pointers[0]}, which has another address: receivers refuse"
        )
        yield Finding(
            _NAME, Severity.ERROR, text, f"give {names.pointers[0]} the address {address}"
        )
    elif helo and helo.lower() not in names.confirmed:
        text = f"{address} is named {names.confirmed[0]}, but Postfix's HELO name is {helo}"
        fix = f"set smtp_helo_name = {names.confirmed[0]} in main.cf"
        yield Finding(_NAME, Severity.NOTE, text, fix)
    else:
        yield Finding(
            _NAME, Severity.OK, f"{address} is named {names.confirmed[0]}, which has this address"
        )


def _key(signing: DkimSelector) -> Iterator[Finding]:
    selector, domain, key = signing
    record = f"the DKIM key {selector}._domainkey.{domain}"
    if key.status == "unknown":
        yield Finding(_NAME, Severity.NOTE, f"lookup of {record} failed")
    elif key.status != "ok":
        text = f"{record} is {_BROKEN[key.status]}: receivers ignore its signatures"
        yield Finding(_NAME, Severity.ERROR, text, "publish the public key of your signer")
    elif key.kind == "rsa" and key.bits < _SHORTEST_KEY:
        text = f"{record} has {key.bits} bits: receivers ignore its signatures"
        yield Finding(_NAME, Severity.ERROR, text, f"sign with a key of {_GOOD_KEY} bits")
    elif key.testing:
        text = f"{record} is in testing mode (t=y): receivers ignore its signatures"
        yield Finding(_NAME, Severity.WARNING, text, "remove t=y from the record")
    elif key.kind == "rsa" and key.bits < _GOOD_KEY:
        text = f"{record} has {key.bits} bits, fewer than the recommended {_GOOD_KEY}"
        yield Finding(_NAME, Severity.NOTE, text, f"sign with a key of {_GOOD_KEY} bits")
    else:
        yield Finding(_NAME, Severity.OK, f"{record} is published")


_BROKEN: Final = {"none": "missing", "revoked": "revoked", "broken": "malformed"}
