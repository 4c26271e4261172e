"""The whole lab: remote server, private Postfix and Bouncegate, attached to one another."""

from collections.abc import Mapping
from typing import Final

from lab.bouncegate import Bouncegate, Sections
from lab.closable import Closable
from lab.folder import LabFolder
from lab.postfix import Postfix
from lab.remote import Remote

RETURN_DOMAIN: Final = "return.sender.test"
SENDER: Final = f"bounces@{RETURN_DOMAIN}"


class MailSystem(Closable):
    """Mail to anyone goes to `remote`; what bounces comes back to `gate` by LMTP."""

    def __init__(
        self,
        refusals: Mapping[str, str] | None = None,
        sections: Sections | None = None,
        *,
        chroot: bool = False,
        base: str = "/tmp",
    ) -> None:
        """Lay everything out below `base` and start the remote server; `start` starts the rest."""
        self.folder = LabFolder(base)
        try:
            self.remote = Remote(self.folder, refusals or {})
            self.postfix = Postfix(self.folder, self.remote.relayhost, chroot=chroot)
            # Postfix reads a socket path that is not absolute from its queue folder on, whether
            # the service runs in a chroot or not.
            self.gate = Bouncegate(self.folder, self.postfix.queue / "bouncegate", sections)
        except BaseException:
            self.folder.close()
            raise

    def attach(self) -> None:
        """Set both paths in main.cf, before Postfix starts or a reload."""
        self.postfix.set(
            smtpd_milters="{ unix:bouncegate/milter.sock, default_action=accept, "
            "connect_timeout=3s, command_timeout=10s }",
            transport_maps=f"inline:{{ {RETURN_DOMAIN}=lmtp:unix:bouncegate/return-path.sock }}",
        )

    def start(self) -> None:
        """Start everything, attached."""
        self.attach()
        self.gate.start()
        self.postfix.start()

    def close(self) -> None:
        """Take everything down."""
        self.folder.close()
