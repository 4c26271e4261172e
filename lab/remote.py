"""The remote mail server: refuses the recipients that a table names, keeps whom it accepted.

Run as a process of its own (`python -m lab.remote PORT FOLDER`). The table is read anew for
every session, so that a test can change a mailbox's fate at any time.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from lab.folder import ROOT, LabFolder, Process

HOSTNAME = "mx.remote.test"


class Remote:
    """The remote server as its owner sees it."""

    def __init__(self, folder: LabFolder, refusals: Mapping[str, str]) -> None:
        """Start it; `refusals` maps an address to the reply that its RCPT command gets."""
        self._folder = folder.path / "remote"
        self._folder.mkdir()
        self._port = folder.reserve_port()
        self.refuse(refusals)
        argv = [sys.executable, "-m", "lab.remote", str(self._port), str(self._folder)]
        self._process: Process = folder.start("remote", argv, PYTHONPATH=str(ROOT))
        self._process.wait_until("it listens", (self._folder / "ready").exists)

    @property
    def relayhost(self) -> str:
        """The server as a next hop that Postfix looks up nowhere."""
        return f"[127.0.0.1]:{self._port}"

    def refuse(self, refusals: Mapping[str, str]) -> None:
        """Replace the table of refusals, from the next session on."""
        new = self._folder / "refusals.new"
        new.write_text(json.dumps(dict(refusals)))
        new.replace(self._folder / "refusals.json")

    def accepted(self) -> list[str]:
        """Every recipient that a message was accepted for, in order of arrival."""
        return [recipient for message in self.messages() for recipient in message["recipients"]]

    def messages(self) -> list[dict[str, Any]]:
        """Every accepted message: `sender`, `recipients` and `content`."""
        path = self._folder / "accepted.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()]


class Refusing:
    """aiosmtpd's handler: what to answer to each recipient."""

    def __init__(self, folder: Path) -> None:
        """Refuse by the table in `folder` and write there what was accepted."""
        self._folder = folder
        self._accepted = (folder / "accepted.jsonl").open("a", buffering=1)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer one RCPT command."""
        refusals: dict[str, str] = json.loads((self._folder / "refusals.json").read_text())
        if reply := refusals.get(address.lower()):
            return reply
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Recipient ok"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Take one message."""
        content = envelope.original_content or b""
        entry = {
            "sender": envelope.mail_from,
            "recipients": envelope.rcpt_tos,
            "content": content.decode("utf-8", "replace"),
        }
        self._accepted.write(json.dumps(entry) + "\n")
        return "250 2.0.0 Message accepted"


async def serve(port: int, folder: Path) -> None:
    """Serve until SIGTERM."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    handler = Refusing(folder)

    def session() -> SMTP:
        return SMTP(handler, hostname=HOSTNAME, ident="remote", enable_SMTPUTF8=True, loop=loop)

    server = await loop.create_server(session, "127.0.0.1", port)
    (folder / "ready").touch()
    await ended.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
