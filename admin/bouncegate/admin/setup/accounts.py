"""Users and groups by name, as the system knows them."""

import grp
import pwd


class Accounts:
    """Those of this machine."""

    def user(self, name: str) -> int | None:
        """The number of a user; None if there is none."""
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            return None

    def group(self, name: str) -> int | None:
        """The number of a group; None if there is none."""
        try:
            return grp.getgrnam(name).gr_gid
        except KeyError:
            return None
