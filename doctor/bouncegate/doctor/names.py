"""Whether DNS leads bounces here: the return domain needs an MX and an SPF record."""

from collections.abc import Iterator
from typing import Final

from bouncegate.config.settings import Settings
from bouncegate.dns.records import SenderRecords, sender_records
from bouncegate.doctor.finding import Finding, Severity

_NAME: Final = "dns"


def check_names(settings: Settings) -> Iterator[Finding]:
    """The domain below which return paths are signed."""
    domain = str(settings.return_path.domain)
    if domain and settings.dns.enabled:
        yield from judged(domain, sender_records(domain, settings.dns))


def judged(domain: str, records: SenderRecords) -> Iterator[Finding]:
    """What the records of the return domain mean."""
    if records.mail.status == "unknown":
        text = f"nobody could be asked about {domain} ({records.mail.why})"
        yield Finding(_NAME, Severity.NOTE, text, "run this where DNS can be asked")
        return
    if records.mail.status != "ok":
        text = f"{domain} takes no mail ({records.mail.status}): no server can send its bounces"
        yield Finding(_NAME, Severity.ERROR, text, f"publish an MX for {domain}: this Postfix")
    else:
        hosts = ", ".join(host.name for host in records.mail.hosts)
        yield Finding(_NAME, Severity.OK, f"mail to {domain} goes to {hosts}")
    if records.spf is None:
        yield Finding(_NAME, Severity.NOTE, f"the TXT records of {domain} could not be had")
    elif len(records.spf) == 1:
        (record,) = records.spf
        yield Finding(_NAME, Severity.OK, f"{domain} has an SPF record: {record}")
    elif records.spf:
        # RFC 7208, 4.5: more than one record is a permanent error.
        text = f"{domain} has {len(records.spf)} SPF records: receivers take that for an error"
        yield Finding(_NAME, Severity.ERROR, text, "keep one of them")
    else:
        text = f"{domain} has no SPF record: receivers trust mail from signed return paths less"
        mend = f'publish a TXT record for {domain}: "v=spf1 mx -all", and name what else sends'
        yield Finding(_NAME, Severity.WARNING, text, mend)
