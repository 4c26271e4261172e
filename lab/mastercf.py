"""The private Postfix's services, as a table and as the text of its master.cf (master(5))."""

from collections.abc import Iterable
from typing import Final, NamedTuple

# Deliver as the recipient's or a configured user, and start as root for that.
_AS_OTHER_USERS: Final = frozenset({"local", "virtual", "pipe"})


class Service(NamedTuple):
    """One line of master.cf."""

    name: str
    type: str
    private: str
    chroot: bool
    wakeup: str
    limit: str
    command: str
    options: tuple[str, ...] = ()

    def line(self, *, chroot: bool) -> str:
        """The line; only services that Debian puts into a chroot are put there."""
        jail = "y" if chroot and self.chroot else "n"
        unprivileged = "n" if self.command in _AS_OTHER_USERS else "-"
        columns = (self.name, self.type, self.private, unprivileged, jail, self.wakeup, self.limit)
        return "  ".join((*columns, self.command)) + "".join(f"\n  {o}" for o in self.options)


INTERNAL: Final = (
    Service("pickup", "unix", "n", True, "1", "1", "pickup"),
    Service("cleanup", "unix", "n", True, "-", "0", "cleanup"),
    Service("qmgr", "unix", "n", False, "1", "1", "qmgr"),
    Service("rewrite", "unix", "-", True, "-", "-", "trivial-rewrite"),
    Service("bounce", "unix", "-", True, "-", "0", "bounce"),
    Service("defer", "unix", "-", True, "-", "0", "bounce"),
    Service("trace", "unix", "-", True, "-", "0", "bounce"),
    Service("verify", "unix", "-", True, "-", "1", "verify"),
    Service("flush", "unix", "n", True, "1000?", "0", "flush"),
    Service("proxymap", "unix", "-", False, "-", "-", "proxymap"),
    Service("proxywrite", "unix", "-", False, "-", "1", "proxymap"),
    Service("smtp", "unix", "-", True, "-", "-", "smtp"),
    Service("relay", "unix", "-", True, "-", "-", "smtp"),
    Service("showq", "unix", "n", True, "-", "-", "showq"),
    Service("error", "unix", "-", True, "-", "-", "error"),
    Service("retry", "unix", "-", True, "-", "-", "error"),
    Service("discard", "unix", "-", True, "-", "-", "discard"),
    Service("local", "unix", "-", False, "-", "-", "local"),
    Service("virtual", "unix", "-", False, "-", "-", "virtual"),
    Service("lmtp", "unix", "-", True, "-", "-", "lmtp"),
    Service("anvil", "unix", "-", True, "-", "1", "anvil"),
    Service("scache", "unix", "-", True, "-", "1", "scache"),
    Service("postlog", "unix-dgram", "n", False, "-", "1", "postlogd"),
)


def smtpd(port: int, *options: str) -> Service:
    """A listening smtpd(8) on the loopback address."""
    words = tuple(f"-o {option}" for option in options)
    return Service(f"127.0.0.1:{port}", "inet", "n", True, "-", "-", "smtpd", words)


def render(services: Iterable[Service], *, chroot: bool) -> str:
    """The text of master.cf."""
    return "\n".join(service.line(chroot=chroot) for service in services) + "\n"
