"""What proves that a bounce is about a message of ours: without it nothing ever locks."""

import time
from collections.abc import Iterator
from typing import Final

from bouncegate.admin.doctor.findings import Finding, Severity
from bouncegate.config.settings import Settings
from bouncegate.store.tokens.keys import KEY_FILE, KeyFileError, KeyRing

_DAY: Final = 86_400
# A secret that leaks is good until it is taken out: a year is long for any.
_OLD_KEY: Final = 365 * _DAY
_NAME: Final = "proof"


def check_evidence(settings: Settings) -> Iterator[Finding]:
    """How bounces prove themselves, and whether any can count."""
    if "unverified" in settings.return_path.count:
        yield Finding(
            _NAME,
            Severity.WARNING,
            "DSNs that prove nothing count: whoever can write one locks any address",
            'take "unverified" out of [return_path] count',
        )
    if settings.signs and settings.keeps_ledger:
        domains = ", ".join(settings.return_path.domains.names)
        yield Finding(_NAME, Severity.OK, f"return paths are signed below {domains}")
    elif settings.keeps_ledger:
        yield Finding(
            _NAME,
            Severity.NOTE,
            "return paths are not signed: a bounce counts only if it knows facts of a message in "
            "the ledger that are hard to guess (docs/evidence.md)",
            "set [return_path] domain, so that bounces come back to us and prove themselves",
        )
    elif "unverified" not in settings.return_path.count:
        why = "[ledger] keep is 0" if settings.signs else "[return_path] domain is not set"
        yield Finding(
            _NAME,
            Severity.WARNING,
            f"no bounce counts and nobody is ever locked: {why}, so nothing can be proven",
            "set [return_path] domain to a domain whose mail comes to this machine",
        )


def check_keys(settings: Settings, now: int | None = None) -> Iterator[Finding]:
    """The secrets that sign return paths."""
    if not settings.signs:
        return
    path = settings.store.path / KEY_FILE
    try:
        ring = KeyRing.load(path)
        owner = path.stat().st_uid
    except FileNotFoundError:
        text = f"{path} is not there yet: the milter makes it when it starts"
        yield Finding("keys", Severity.NOTE, text, "start bouncegate-milter")
        return
    except (KeyFileError, OSError) as error:
        text = f"{error}; no return path can be signed or known again"
        yield Finding("keys", Severity.ERROR, text, f"chmod 600 {path}, and give it to the daemons")
        return
    age = (int(time.time()) if now is None else now) - ring.current.made
    if owner != settings.store.path.stat().st_uid:
        text = f"{path} belongs to another user than the store: the daemons cannot read it"
        yield Finding("keys", Severity.ERROR, text, f"chown --reference={path.parent} {path}")
    elif age > _OLD_KEY:
        text = f"the key that signs is {age // _DAY} days old: a stolen one would be good for ever"
        yield Finding("keys", Severity.WARNING, text, "bouncegate keys rotate")
    else:
        text = f"{len(ring.keys)} in force, the newest {max(age, 0) // _DAY} days old"
        yield Finding("keys", Severity.OK, text)
