"""Facts of a Postfix whose senders are signed."""

from collections.abc import Mapping
from pathlib import Path

from bouncegate.admin.postfix.facts import Facts, Service, TableAnswers
from bouncegate.config.loading import loads

DOMAIN = "return.example.com"
SETTINGS = loads(f'[return_path]\ndomain = "{DOMAIN}"\n')
CLASSES = {
    "masquerade_classes": "envelope_sender, header_sender, header_recipient",
    "canonical_classes": "envelope_sender, envelope_recipient, header_sender, header_recipient",
    "sender_canonical_classes": "envelope_sender, header_sender",
    "recipient_canonical_classes": "envelope_recipient, header_recipient",
}
SERVICES = (
    Service("smtp", "inet", False, "smtpd"),
    Service("submission", "inet", False, "smtpd"),
    Service("cleanup", "unix", False, "cleanup"),
    Service("rewrite", "unix", False, "trivial-rewrite"),
    Service("smtp", "unix", False, "smtp"),
    Service("relay", "unix", False, "smtp"),
)


def facts(values: Mapping[str, str], signed: Mapping[str, str | None] | None = None) -> Facts:
    """Names with a slash are set in master.cf, for a service alone."""
    own: dict[str, dict[str, str]] = {}
    for path, value in values.items():
        service, _, name = path.rpartition("/")
        if service:
            own.setdefault(service, {})[name] = value
    everywhere = {**CLASSES, **{n: value for n, value in values.items() if "/" not in n}}
    return Facts(
        Path("/etc/postfix"),
        everywhere,
        everywhere,
        frozenset(everywhere),
        SERVICES,
        own,
        own,
        tables={DOMAIN: TableAnswers(signed=signed or {})},
    )
