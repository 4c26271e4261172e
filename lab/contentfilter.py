"""A content filter behind Postfix's queue, such as amavis: it hands back by SMTP what it gets.

Run as a process of its own (`python -m lab.contentfilter PORT BACK FOLDER`): it listens at PORT and
hands mail to the smtpd(8) at BACK, with the same envelope (postconf(5), content_filter).
"""

import asyncio
import signal
import smtplib
import sys
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from lab.folder import ROOT, LabFolder

_SECONDS = 20.0


class HandsBack:
    """aiosmtpd's handler."""

    def __init__(self, back: int) -> None:
        """Hand mail to the server at this port."""
        self._back = back

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Hand one message back, and answer what Postfix answered."""
        return await asyncio.to_thread(self._hand_back, envelope)

    def _hand_back(self, envelope: Envelope) -> str:
        with smtplib.SMTP("127.0.0.1", self._back, "filter.test", _SECONDS) as client:
            client.ehlo()
            client.mail(envelope.mail_from or "")
            replies = [client.rcpt(recipient) for recipient in envelope.rcpt_tos]
            code, text = max(replies)
            if min(code for code, _ in replies) < 300:
                code, text = client.data(envelope.original_content or b"")
        return f"{code} {text.decode()}"


def start(folder: LabFolder, port: int, back: int) -> None:
    """Start one in a lab's folder; on return it listens."""
    ready = folder.path / "contentfilter.ready"
    argv = [sys.executable, "-m", "lab.contentfilter", str(port), str(back), str(ready)]
    process = folder.start("contentfilter", argv, PYTHONPATH=str(ROOT))
    process.wait_until("it listens", ready.exists)


async def serve(port: int, back: int, ready: Path) -> None:
    """Serve until SIGTERM."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    handler = HandsBack(back)
    server = await loop.create_server(
        lambda: SMTP(handler, hostname="filter.test", loop=loop), "127.0.0.1", port
    )
    ready.touch()
    await ended.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
