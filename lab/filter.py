"""A filter such as OpenDMARC, as a milter: it says who has passed, and removes what others say.

Run as a process of its own (`python -m lab.filter SOCKET HOST DOMAIN`). Mail of authors in DOMAIN
passes, all other mail fails. Fields that claim to be of HOST are removed (RFC 8601, 5).
"""

import os
import sys
from email.utils import parseaddr

import Milter  # type: ignore[import-untyped]
import milter

_NAME = "Authentication-Results"


class Filter(Milter.Base):  # type: ignore[misc]
    """One connection."""

    host = ""
    passes = ""

    def __init__(self) -> None:
        self._author = ""
        self._seen = 0
        self._foreign: list[int] = []

    def envfrom(self, f: str, *_parameters: str) -> int:
        """A message begins."""
        del f
        self._author, self._seen, self._foreign = "", 0, []
        return int(Milter.CONTINUE)

    def header(self, field: str, value: str) -> int:
        """Note the author, and fields to be removed."""
        if field.lower() == "from":
            self._author = parseaddr(value)[1]
        if field.lower() == _NAME.lower():
            self._seen += 1
            if self.host in value.lower():
                self._foreign.append(self._seen)
        return int(Milter.CONTINUE)

    def eom(self) -> int:
        """Remove, then say."""
        for number in reversed(self._foreign):
            self.chgheader(_NAME, number, "")
        domain = self._author.rpartition("@")[2]
        result = "pass" if domain == self.passes else "fail"
        self.addheader(_NAME, f"{self.host}; dmarc={result} header.from={domain}", 0)
        return int(Milter.CONTINUE)


def main(socket: str, host: str, passes: str) -> None:
    """Serve until SIGTERM."""
    os.umask(0o007)  # Postfix's group may speak to it
    Filter.host, Filter.passes = host, passes
    Milter.factory = Filter
    Milter.set_flags(milter.ADDHDRS | milter.CHGHDRS)
    Milter.runmilter("filter", socket, 30)


if __name__ == "__main__":
    main(*sys.argv[1:])
