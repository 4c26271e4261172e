"""A milter behind Bouncegate's, such as rspamd: it refuses some messages at their end.

Run as a process of its own (`python -m lab.refuser SOCKET`): what to do stands in the Subject.
"""

import os
import sys
from pathlib import Path

import Milter  # type: ignore[import-untyped]
import milter

from lab.folder import ROOT, LabFolder


class Refuser(Milter.Base):  # type: ignore[misc]
    """One connection."""

    def __init__(self) -> None:
        self._subject = ""

    def envfrom(self, f: str, *_parameters: str) -> int:
        """A message begins."""
        del f
        self._subject = ""
        return int(Milter.CONTINUE)

    def header(self, field: str, value: str) -> int:
        """Note the subject."""
        if field.lower() == "subject":
            self._subject = value.strip().lower()
        return int(Milter.CONTINUE)

    def eom(self) -> int:
        """Do what the subject says."""
        if self._subject == "later":
            self.setreply("451", "4.7.1", "Try again later")
            return int(Milter.TEMPFAIL)
        if self._subject == "refuse":
            self.setreply("554", "5.7.1", "Spam message rejected")
            return int(Milter.REJECT)
        if self._subject == "hold":
            self.quarantine("looks odd")
        return int(milter.DISCARD if self._subject == "discard" else Milter.CONTINUE)


def start(folder: LabFolder, socket: Path) -> None:
    """Start one in a lab's folder; on return it listens."""
    process = folder.start(
        "refuser", [sys.executable, "-m", "lab.refuser", str(socket)], PYTHONPATH=str(ROOT)
    )
    process.wait_until("it listens", socket.exists)


def main(socket: str) -> None:
    """Serve until SIGTERM."""
    os.umask(0o007)  # Postfix's group may speak to it
    Milter.factory = Refuser
    Milter.set_flags(milter.QUARANTINE)
    Milter.runmilter("refuser", socket, 30)


if __name__ == "__main__":
    main(sys.argv[1])
