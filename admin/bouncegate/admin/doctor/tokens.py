"""What verifies that a bounce is about a message of ours: signed return paths and the ledger."""

import time
from collections.abc import Iterator
from typing import Final

from bouncegate.admin.doctor.findings import Finding, Severity, not_allowed
from bouncegate.config.settings import Settings
from bouncegate.config.text import counted
from bouncegate.store.tokens.keys import KEY_FILE, KeyFileError, KeyFileForbidden, KeyRing

_DAY: Final = 86_400
# A stolen key is valid until it is removed: rotate it every year.
_OLD_KEY: Final = 365 * _DAY
_NAME: Final = "proof"


def check_evidence(settings: Settings) -> Iterator[Finding]:
    """Check how bounces are verified, and whether any can count."""
    if "unverified" in settings.return_path.count:
        yield Finding(
            _NAME,
            Severity.WARNING,
            "unverified DSNs count: anyone who can send one locks any address",
            'remove "unverified" from [return_path] count',
        )
    if settings.signs and settings.keeps_ledger:
        domains = ", ".join(settings.return_path.domains.names)
        yield Finding(_NAME, Severity.OK, f"return paths are signed below {domains}")
    elif settings.keeps_ledger:
        yield Finding(
            _NAME,
            Severity.NOTE,
            "return paths are not signed: a bounce counts only if it names facts of a message in "
            "the ledger that are hard to guess (docs/evidence.md)",
            "set [return_path] domain, so that bounces come back here with a signed return path",
        )
    elif "unverified" not in settings.return_path.count:
        why = "[ledger] keep is 0" if settings.signs else "[return_path] domain is not set"
        yield Finding(
            _NAME,
            Severity.WARNING,
            f"no bounce counts and no address is ever locked: {why}, so nothing can be verified",
            "set [return_path] domain to a domain whose mail comes to this machine",
        )


def check_keys(settings: Settings, now: int | None = None) -> Iterator[Finding]:
    """Check the keys that sign return paths."""
    if not settings.signs:
        return
    path = settings.store.path / KEY_FILE
    try:
        ring = KeyRing.load(path)
        owner = path.stat().st_uid
    except FileNotFoundError:
        text = f"{path} does not exist yet: the milter creates it when it starts"
        yield Finding("keys", Severity.NOTE, text, "start bouncegate-milter")
        return
    except KeyFileForbidden as error:
        yield not_allowed("keys", error)
        return
    except (KeyFileError, OSError) as error:
        text = f"{error}; return paths can be neither signed nor verified"
        yield Finding("keys", Severity.ERROR, text, f"chmod 600 {path}, owned by the daemons' user")
        return
    age = (int(time.time()) if now is None else now) - ring.current.made
    if owner != settings.store.path.stat().st_uid:
        text = f"{path} has another owner than the store: the daemons cannot read it"
        yield Finding("keys", Severity.ERROR, text, f"chown --reference={path.parent} {path}")
    elif age > _OLD_KEY:
        days = counted(age // _DAY, "day")
        text = f"the signing key is {days} old: a stolen key is valid until you remove it"
        yield Finding("keys", Severity.WARNING, text, "bouncegate keys rotate")
    else:
        text = f"keys: {len(ring.keys)}, age of the newest in days: {max(age, 0) // _DAY}"
        yield Finding("keys", Severity.OK, text)
