"""When a whole domain is locked because it takes no mail, and when it is free again.

Bounces alone never lock a domain, and DNS alone never does: many distinct addresses must have
bounced hard, and the domain must have been denied twice, some time apart (`policy.mx`).
Then a lock can harm no working address. Evidence against it wins: a sign of life from the domain,
or name servers that have found no working domain since. All of this is pure.
"""

from typing import Final, NamedTuple

from bouncegate.config.settings import DomainLockSettings
from bouncegate.config.taxonomy import Reason
from bouncegate.config.text import counted
from bouncegate.policy.mx import Denial, MxHosts
from bouncegate.policy.records import Act, Lock, Origin

CHECKER: Final = "domain-check"
"""Who makes such a lock, and ends it."""

REASONS: Final[dict[Denial, Reason]] = {
    "nxdomain": Reason.HOST_UNKNOWN,
    "null-mx": Reason.NO_MX,
    "no-mx": Reason.NO_MX,
    "no-host": Reason.NO_MX,
}
"""The reason of a lock for a denial."""
WORDS: Final[dict[Denial, str]] = {
    "nxdomain": "there is no such domain",
    "null-mx": "the domain says that it takes no mail",
    "no-mx": "the domain has neither MX nor address",
    "no-host": "none of the domain's MX hosts has an address",
}
"""What a denial says, for people."""
# A lock is renewed when so many re-checks are left until its end: one that gets no answer must not
# end it.
_RECHECKS_LEFT: Final = 3


class Bounced(NamedTuple):
    """What the journal tells of a domain within the window."""

    addresses: int
    """Distinct ones that bounced hard, and whose bounces count."""
    alive: int
    """When it last gave a sign of life: a message arrived there, or somebody answered; or 0."""


class Check(NamedTuple):
    """All that is looked at."""

    domain: str
    exchange: MxHosts
    lock: Lock | None
    """On the domain, if one is in force."""
    now: int


class DeadDomains:
    """The decisions, under the settings in force."""

    def __init__(self, settings: DomainLockSettings, confirm: int) -> None:
        """A denial must be heard again after `confirm` seconds."""
        self._settings = settings
        self._confirm = confirm
        self._recheck = settings.recheck.after(0)

    def must_ask(self, check: Check) -> bool:
        """Whether DNS is to be asked before anything is decided, or to re-check a lock."""
        known = max(check.exchange.fetched, check.exchange.failed)
        return check.now - known >= self._recheck

    def may_lock(self, check: Check, last_good: int) -> bool:
        """Whether DNS calls the domain dead beyond doubt; then its bounces are to be counted.

        `last_good` is when name servers last called any domain alive: servers that deny all they
        are asked for are not believed.
        """
        known = check.exchange
        fresh = check.now - known.fetched <= self._recheck
        trusted = last_good >= known.denied_since
        return check.lock is None and fresh and trusted and known.is_dead(self._confirm)

    def after_bounces(self, check: Check, bounced: Bounced) -> Act | None:
        """The lock of a domain that may be locked, if its bounces ask for it."""
        enough = bounced.addresses >= self._settings.addresses
        if not enough or bounced.alive >= check.exchange.denied_since:
            return None
        return self._lock(check, f"{counted(bounced.addresses, 'address')} bounced and")

    def after_recheck(self, check: Check) -> Act | None:
        """What becomes of a lock: it ends early, or later, or when it was to end."""
        known, lock = check.exchange, check.lock
        if lock is None or lock.origin is not Origin.AUTOMATIC:
            return None
        if known.takes_mail:
            hosts = ", ".join(known.mx_hosts[:3])
            why = f"the domain takes mail again: {hosts}"
            return Act((f"@{check.domain}",), check.now, "unlock", by=CHECKER, why=why)
        ends_soon = lock.until - check.now <= _RECHECKS_LEFT * self._recheck
        fresh = check.now - known.fetched <= self._recheck
        if ends_soon and fresh and known.is_dead(self._confirm):
            return self._lock(check, "still")
        return None

    def _lock(self, check: Check, how: str) -> Act:
        denial = check.exchange.denial
        assert denial is not None, "only what is denied is locked"
        return Act(
            (f"@{check.domain}",),
            check.now,
            "lock",
            by=CHECKER,
            why=f"{how} {WORDS[denial]}",
            until=self._settings.lock.after(check.now),
            origin=Origin.AUTOMATIC,
            reason=REASONS[denial],
        )
