"""The bounce messages themselves, into an mbox or a folder."""

import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path

from bouncegate.admin.report.mbox import eml_name, mbox_entry
from bouncegate.cli.outfile import writing_folder, writing_new
from bouncegate.cli.sentences import write_text
from bouncegate.config.text import counted
from bouncegate.store.arrivals import Arrival
from bouncegate.store.store import Store


class Form(StrEnum):
    """What messages are written into."""

    MBOX = "mbox"
    EML_FOLDER = "eml-folder"


class Exported:
    """Reads the messages of bounces, and counts those there are and those that are missing."""

    def __init__(self, store: Store, arrivals: Iterable[Arrival]) -> None:
        """Those of these bounces, in the order in which they came."""
        self._store = store
        self._arrivals = arrivals
        self.messages = 0
        self.gone = 0
        """Messages that are no longer kept, or were not, since a bounce was read in a log."""

    def write(self, form: Form, path: Path) -> None:
        """Write all of them, or nothing; raises typer.BadParameter, StoreError."""
        if form is Form.MBOX:
            with writing_new(path) as file:
                for event_time, _, raw in self._each():
                    file.write(mbox_entry(raw, event_time))
        else:
            with writing_folder(path) as folder:
                for _, key, raw in self._each():
                    (folder / eml_name(key)).write_bytes(raw)

    def print_summary(self) -> None:
        """Print what was written, on standard error: a script may read the output."""
        gone = f"; {counted(self.gone, 'bounce')} without a stored message" if self.gone else ""
        write_text(f"{counted(self.messages, 'message')}{gone}", sys.stderr)

    def _each(self) -> Iterator[tuple[int, bytes, bytes]]:
        """(when it came, its key, the message): one that names many recipients once."""
        last = b""
        for _, event, _ in self._arrivals:
            if event.raw and event.raw == last:  # its bounces are neighbours in the journal
                continue
            last = event.raw
            raw = self._store.messages.get(event.raw) if event.raw else None
            if raw is None:
                self.gone += 1
            else:
                self.messages += 1
                yield event.time, event.raw, raw
